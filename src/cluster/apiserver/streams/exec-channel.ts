/** The WebSocket protocol of exec and attach: the first byte of each message says which stream it belongs to.
 * Kubernetes: apimachinery remotecommand, subprotocols v4 and v5 (v5 adds closing stdin). */
import type { Readable } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import type { Log } from '../../../base/log.ts';
import { errorText } from '../../../base/errors.ts';
import { isObject } from '../../../kube/schema/schema.ts';
import type { ExecSession } from '../pod-streams.ts';

export const EXEC_PROTOCOLS: readonly string[] = ['v5.channel.k8s.io', 'v4.channel.k8s.io'];

const Channel = { Stdin: 0, Stdout: 1, Stderr: 2, Error: 3, Resize: 4, Close: 255 } as const;
const HIGH_WATER_BYTES = 1 << 20;

/** Connects a session with a socket until the program ends or the client goes. */
export async function runExec(socket: WebSocket, session: ExecSession, { log }: { log: Log }): Promise<void> {
  socket.on('message', (data: RawData) => receive(session, bytesOf(data), log));
  socket.on('error', () => socket.terminate());
  let isOver = false;
  socket.on('close', () => {
    if (!isOver) session.kill();
  });
  session.stdin?.on('error', () => {}); // the program may close its input before the client does
  const outputs = [pump(session.stdout, socket, Channel.Stdout), ...(session.stderr ? [pump(session.stderr, socket, Channel.Stderr)] : [])];
  try {
    const code = await session.exited;
    await Promise.all(outputs);
    await send(socket, Channel.Error, Buffer.from(JSON.stringify(exitStatus(code))));
  } catch (error) {
    await send(socket, Channel.Error, Buffer.from(JSON.stringify({ metadata: {}, status: 'Failure', message: errorText(error), reason: 'InternalError' })));
  }
  isOver = true;
  socket.close(1000);
}

function receive(session: ExecSession, message: Buffer, log: Log): void {
  const payload = message.subarray(1);
  switch (message[0]) {
    case Channel.Stdin: return void (payload.length > 0 && session.stdin?.write(payload));
    case Channel.Resize: return resize(session, payload, log);
    case Channel.Close: return void (payload[0] === Channel.Stdin && session.stdin?.end());
    default: log.debug('message on an unknown channel', { channel: message[0] });
  }
}

function resize(session: ExecSession, payload: Buffer, log: Log): void {
  try {
    const size: unknown = JSON.parse(payload.toString('utf8'));
    if (isObject(size) && typeof size['Width'] === 'number' && typeof size['Height'] === 'number') session.resize(size['Width'], size['Height']);
  } catch (error) {
    log.debug('a terminal size could not be read', { error: errorText(error) });
  }
}

/** Reads no faster than the client takes. */
async function pump(stream: Readable, socket: WebSocket, channel: number): Promise<void> {
  try {
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      const sent = send(socket, channel, Buffer.from(chunk));
      if (socket.bufferedAmount > HIGH_WATER_BYTES) await sent;
    }
  } catch {
    // A stream that breaks ends with the program, whose exit code tells.
  }
}

function send(socket: WebSocket, channel: number, payload: Buffer): Promise<void> {
  if (socket.readyState !== socket.OPEN) return Promise.resolve();
  return new Promise((resolve) => socket.send(Buffer.concat([Buffer.of(channel), payload]), { binary: true }, () => resolve()));
}

function exitStatus(code: number): object {
  if (code === 0) return { metadata: {}, status: 'Success' };
  return {
    metadata: {}, status: 'Failure', message: `command terminated with non-zero exit code: exit status ${code}`, reason: 'NonZeroExitCode',
    details: { causes: [{ reason: 'ExitCode', message: String(code) }] },
  };
}

export function bytesOf(data: RawData): Buffer {
  if (Buffer.isBuffer(data)) return data;
  return Array.isArray(data) ? Buffer.concat(data) : Buffer.from(data);
}
