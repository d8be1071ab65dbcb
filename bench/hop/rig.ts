/** A directory, an upstream and certificates for a row of hops, taken down afterwards. */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { ServerProcess } from '../../src/testkit/server-process.ts';
import { writeCertificates } from './certificates.ts';
import type { Plan } from './chain.ts';
import { startUpstream } from './nginx.ts';

export const PORTS = { upstream: 18_080, listen: 18_081, middle: 18_082, aside: 18_083, /** And those after it. */ routes: 18_090 } as const;
export const BODY_BYTES = 1024;
export const urlOfBody = (port: number): string => `http://127.0.0.1:${port}/body`;
export const URL_OF_BODY = urlOfBody(PORTS.listen);

export interface RigOptions {
  readonly mtls?: boolean;
  readonly upstream?: (directory: string) => Promise<ServerProcess>;
}

export async function withRig(options: RigOptions, use: (plan: Plan) => Promise<void>): Promise<void> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-bench-'));
  const upstream = await (options.upstream ?? ((home) => startUpstream(home, PORTS.upstream, BODY_BYTES)))(directory);
  try {
    const certificates = options.mtls === true ? await writeCertificates(join(directory, 'tls')) : undefined;
    await use({ directory, listenPort: PORTS.listen, middlePort: PORTS.middle, upstreamPort: PORTS.upstream, upstreamPid: upstream.pid, certificates });
  } finally {
    await upstream.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}
