/** A server of somebody else's, started for a test or a measurement. */
import { spawn, type ChildProcess } from 'node:child_process';
import { connect } from 'node:net';

export interface ServerProcess {
  readonly pid: number;
  /** The last 64 KB that it printed, standard output and error together. */
  output(): string;
  stop(): Promise<void>;
}

/** Starts a server and waits until `port` accepts. What it printed is in the error when it does not. Where somebody accepts there already, it is not started: the two might share
 * the port (SO_REUSEPORT), and half of what is measured would be another's. */
export async function startServer(file: string, args: readonly string[], port: number, env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  if (await isOpen(port)) throw new Error(`port ${port} is taken: end who listens there, perhaps a server that an earlier run left behind (ss -ltnp 'sport = ${port}')`);
  const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  let output = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (part: Buffer) => (output = (output + part.toString()).slice(-65_536)));
  const exited = new Promise<void>((resolve) => void child.once('exit', () => resolve()));
  await Promise.race([accepts(port), exited.then(() => Promise.reject(new Error(`${file} ended at its start:\n${output}`)))]);
  return { pid: child.pid ?? 0, output: () => output, stop: () => stop(child, exited) };
}

async function stop(child: ChildProcess, exited: Promise<void>): Promise<void> {
  child.kill('SIGTERM');
  const timer = setTimeout(() => child.kill('SIGKILL'), 3000);
  await exited;
  clearTimeout(timer);
}

async function accepts(port: number): Promise<void> {
  for (let attempt = 0; attempt < 200; attempt++) {
    if (await isOpen(port)) return;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new Error(`nothing accepts on port ${port}`);
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1', () => resolve(true));
    socket.on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}
