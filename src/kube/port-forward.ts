/** A byte stream to a port of a pod, through the API server's `portforward` subresource over WebSocket
 * (subprotocol `v4.channel.k8s.io`: channel 0 carries data, channel 1 errors; each starts with the port, 2 bytes little-endian). */
import { Duplex } from 'node:stream';
import { readFileSync } from 'node:fs';
import { WebSocket, type RawData } from 'ws';
import { MeshError } from '../base/errors.ts';
import type { HttpClientConfig } from './http-client.ts';
import { Pods, resourcePath } from './resource.ts';

/** The API server, or the node behind it, did not open the port or broke the stream. */
export class PortForwardError extends MeshError<'PORT_FORWARD'> {
  constructor(target: string, options: { cause: unknown }) {
    super('PORT_FORWARD', `cannot forward to ${target}; does the pod run and listen there?`, options);
  }
}

const PROTOCOL = 'v4.channel.k8s.io';
const DATA = 0;
const ERROR = 1;
const PREAMBLE_BYTES = 2;
const HIGH_WATER_BYTES = 1 << 20;

/** Opens one stream; it ends when either side does.
 * @throws PortForwardError when the API server refuses or cannot be reached */
export function openPortForward(config: HttpClientConfig, pod: { namespace: string; name: string }, port: number): Promise<Duplex> {
  const url = `${config.server.replace(/^http/, 'ws')}${resourcePath(Pods, { ...pod, subresource: 'portforward' })}?ports=${port}`;
  const token = config.token ?? (config.tokenFile ? readFileSync(config.tokenFile, 'utf8').trim() : undefined);
  const socket = new WebSocket(url, PROTOCOL, {
    ca: config.caPem, cert: config.clientCertPem, key: config.clientKeyPem, rejectUnauthorized: config.insecure !== true, ...(config.serverName ? { servername: config.serverName } : {}),
    headers: token ? { authorization: `Bearer ${token}` } : {}, perMessageDeflate: false,
  });
  return new Promise((resolve, reject) => {
    const refuse = (cause: Error) => reject(new PortForwardError(`${pod.namespace}/${pod.name}:${port}`, { cause }));
    socket.once('error', refuse);
    socket.once('open', () => {
      socket.off('error', refuse);
      resolve(streamOf(socket, `${pod.namespace}/${pod.name}:${port}`));
    });
  });
}

function streamOf(socket: WebSocket, target: string): Duplex {
  const skipped = [0, 0];
  const stream = new Duplex({
    write(chunk: Buffer, _encoding, done) {
      socket.send(Buffer.concat([Buffer.of(DATA), chunk]), { binary: true }, (error) => done(error ?? null));
    },
    read() {
      socket.resume();
    },
    final(done) {
      // The protocol has no half-close: what was sent is delivered, then the stream waits for the other side to end.
      done();
    },
    destroy(error, done) {
      socket.terminate();
      done(error);
    },
  });
  socket.on('message', (message: RawData) => {
    const frame = Buffer.isBuffer(message) ? message : Buffer.concat(message as Buffer[]);
    const channel = frame[0] ?? DATA;
    const preamble = Math.min(PREAMBLE_BYTES - (skipped[channel] ?? PREAMBLE_BYTES), frame.length - 1);
    if (preamble > 0) skipped[channel] = (skipped[channel] ?? 0) + preamble;
    const payload = frame.subarray(1 + Math.max(0, preamble));
    if (payload.length === 0) return;
    if (channel === ERROR) stream.destroy(new PortForwardError(target, { cause: payload.toString().trim() }));
    else if (!stream.push(payload) && stream.readableLength > HIGH_WATER_BYTES) socket.pause();
  });
  socket.on('close', () => stream.push(null));
  socket.on('error', (error) => stream.destroy(error));
  return stream;
}
