/** Port forwarding as kubectl does it since 1.31: SPDY/3.1 frames carried in WebSocket messages. Each forwarded connection is
 * two streams, `error` and `data`, that share a request id. Kubernetes: kubelet portforward httpstream. */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { errorText } from '../../../base/errors.ts';
import { bytesOf } from './exec-channel.ts';
import { SpdyConnection, type SpdyStream } from './spdy.ts';

export const SPDY_PORT_FORWARD = 'SPDY/3.1+portforward.k8s.io';

const HIGH_WATER_BYTES = 1 << 20;

interface Pair {
  data?: HeldStream;
  error?: SpdyStream;
}

/** A data stream whose bytes wait until somebody takes them: the client sends before the pod's port has answered. */
interface HeldStream {
  stream: SpdyStream;
  take(onData: SpdyStream['onData']): void;
}

function hold(stream: SpdyStream): HeldStream {
  const held: Parameters<SpdyStream['onData']>[] = [];
  stream.onData = (...data) => void held.push(data);
  return {
    stream,
    take(onData) {
      stream.onData = onData;
      for (const data of held) onData(...data);
    },
  };
}

export async function runSpdyPortForward(socket: WebSocket, open: (port: number) => Promise<Duplex>): Promise<void> {
  const pairs = new Map<string, Pair>();
  const running = new Set<Duplex>();
  const connection = new SpdyConnection({
    write: (bytes) => {
      const sent = new Promise<void>((resolve) => socket.send(bytes, { binary: true }, () => resolve()));
      return socket.bufferedAmount > HIGH_WATER_BYTES ? sent : Promise.resolve();
    },
    onStream(stream) {
      stream.accept();
      const id = stream.headers.get('requestid') ?? '';
      const pair = pairs.get(id) ?? {};
      pairs.set(id, pair);
      if (stream.headers.get('streamtype') === 'error') pair.error = stream;
      else pair.data = hold(stream);
      const { data, error } = pair;
      if (!data || !error) return;
      pairs.delete(id);
      void forward(data, error, { open, running, socket });
    },
  });
  socket.on('message', (data: RawData) => connection.receive(bytesOf(data)));
  await new Promise<void>((resolve) => socket.once('close', () => resolve()));
  for (const stream of running) stream.destroy();
  connection.close();
}

async function forward({ stream: data, take }: HeldStream, error: SpdyStream, by: { open: (port: number) => Promise<Duplex>; running: Set<Duplex>; socket: WebSocket }): Promise<void> {
  const port = Number(data.headers.get('port'));
  try {
    const target = await by.open(port);
    by.running.add(target);
    take((chunk, isLast) => {
      // SPDY here has no windows: what the pod does not take holds up the whole socket.
      if (chunk.length > 0 && !target.write(chunk)) {
        by.socket.pause();
        target.once('drain', () => by.socket.resume());
      }
      if (isLast) target.end();
    });
    target.once('close', () => by.socket.resume());
    for await (const chunk of target as AsyncIterable<Buffer>) await data.send(chunk);
    by.running.delete(target);
  } catch (cause) {
    await error.send(Buffer.from(`error forwarding port ${port} to pod: ${errorText(cause)}`));
  }
  data.end();
  error.end();
}
