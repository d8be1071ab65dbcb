/** `kubectl port-forward` for the length of a test. */
import { spawn } from 'node:child_process';
import { kubectlPath, type TestCluster } from '../harness.ts';

export interface PortForward {
  readonly port: number;
  close(): void;
}

/** @param resource e.g. `pod/client` */
export async function portForward(cluster: TestCluster, resource: string, remotePort: number, ...args: string[]): Promise<PortForward> {
  const child = spawn(kubectlPath(), ['port-forward', ...args, resource, `:${remotePort}`], { env: { ...process.env, ...cluster.env }, stdio: ['ignore', 'pipe', 'inherit'] });
  const port = await new Promise<number>((resolve, reject) => {
    let text = '';
    // It goes on printing a line for each connection, so its output is read to the end.
    child.stdout.on('data', (part: Buffer) => {
      text += part.toString();
      const found = /127\.0\.0\.1:(\d+) -> /.exec(text)?.[1];
      if (found) resolve(Number(found));
    });
    child.once('exit', () => reject(new Error(`kubectl port-forward ended: ${text}`)));
  });
  return { port, close: () => void child.kill() };
}
