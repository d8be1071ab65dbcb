/** A TCP connection made inside a pod's network namespace, so that what listens on the pod's loopback alone is reached, as
 * `kubectl port-forward` does. A small program enters the namespace: this process cannot without taking its own threads along. */
import { spawn } from 'node:child_process';
import { Duplex, type Readable, type Writable } from 'node:stream';
import { MeshError } from '../../base/errors.ts';

/** Nothing listens on that port of the pod. */
export class DialError extends MeshError<'POD_DIAL'> {
  constructor(port: number, detail: string) {
    super('POD_DIAL', `cannot connect to port ${port} inside the pod: ${detail}`, { fields: { port } });
  }
}

/** Connects to 127.0.0.1, tells so by a dot on descriptor 3, then carries bytes both ways; each side's end is passed on. */
const PROGRAM = `
const net = process.getBuiltinModule('net'), fs = process.getBuiltinModule('fs');
const socket = net.connect({ host: '127.0.0.1', port: Number(process.argv[1]), allowHalfOpen: true });
socket.once('connect', () => { fs.writeSync(3, '.'); fs.closeSync(3); process.stdin.pipe(socket); socket.pipe(process.stdout); });
socket.on('error', (error) => { process.stderr.write(error.message); process.exit(1); });
socket.on('end', () => process.stdout.end()); // pipe() ends everything but stdout
socket.on('close', () => process.exit(0));
process.stdout.on('error', () => process.exit(0));
`;

/** @throws DialError */
export function dialPod(netPath: string, port: number): Promise<Duplex> {
  const child = spawn('nsenter', [`--net=${netPath}`, '--', process.execPath, '-e', PROGRAM, String(port)], { stdio: ['pipe', 'pipe', 'pipe', 'pipe'] });
  const { stdin, stdout, stderr } = child;
  // A pipe that this side only reads, as asked for above.
  const connected = child.stdio[3] as Readable;
  let complaint = '';
  stderr.on('data', (part: Buffer) => (complaint += part.toString()));
  return new Promise((resolve, reject) => {
    const fail = (): void => reject(new DialError(port, complaint.trim() || 'the helper ended'));
    child.once('error', (error) => reject(new DialError(port, error.message)));
    child.once('close', fail);
    connected.once('data', () => {
      child.off('close', fail);
      const stream = joined(stdin, stdout);
      stream.once('close', () => child.kill('SIGKILL'));
      resolve(stream);
    });
  });
}

/** The helper's two pipes as one stream. */
function joined(input: Writable, output: Readable): Duplex {
  const stream = new Duplex({
    read: () => void output.resume(),
    write: (chunk: Buffer, _encoding, done) => void input.write(chunk, done),
    final: (done) => void input.end(done),
    destroy(error, done) {
      input.destroy();
      output.destroy();
      done(error);
    },
  });
  output.on('data', (chunk: Buffer) => void (stream.push(chunk) || output.pause()));
  output.on('end', () => stream.push(null));
  for (const side of [input, output]) side.on('error', (error) => stream.destroy(error));
  return stream;
}
