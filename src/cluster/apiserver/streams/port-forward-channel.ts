/** The WebSocket protocol of portforward: for each port a channel of data and one of errors. Kubernetes: kubelet portforward websocket. */
import type { Duplex } from 'node:stream';
import type { RawData, WebSocket } from 'ws';
import { errorText } from '../../../base/errors.ts';
import { bytesOf } from './exec-channel.ts';
import { runSpdyPortForward, SPDY_PORT_FORWARD } from './spdy-port-forward.ts';

const CHANNELS = 'v4.channel.k8s.io';
export const PORT_FORWARD_PROTOCOLS: readonly string[] = [SPDY_PORT_FORWARD, CHANNELS];
const HIGH_WATER_BYTES = 1 << 20;

export async function runPortForward({ socket, protocol }: { socket: WebSocket; protocol?: string }, ports: readonly number[], open: (port: number) => Promise<Duplex>): Promise<void> {
  socket.on('error', () => socket.terminate());
  if (protocol === SPDY_PORT_FORWARD) return runSpdyPortForward(socket, open);
  const streams: (Duplex | undefined)[] = [];
  const early: Buffer[][] = ports.map(() => []);
  socket.on('message', (data: RawData) => {
    const message = bytesOf(data);
    const i = (message[0] ?? 0) >> 1;
    const stream = streams[i];
    if (stream) stream.write(message.subarray(1));
    else early[i]?.push(message.subarray(1));
  });
  socket.on('close', () => streams.forEach((stream) => stream?.destroy()));
  await Promise.all(ports.map(async (port, i) => {
    const [data, error] = [2 * i, 2 * i + 1];
    for (const channel of [data, error]) socket.send(Buffer.of(channel, port & 0xff, port >> 8));
    try {
      const stream = await open(port);
      streams[i] = stream;
      for (const chunk of early[i] ?? []) stream.write(chunk);
      await pump(stream, socket, data);
    } catch (cause) {
      if (socket.readyState === socket.OPEN) socket.send(Buffer.concat([Buffer.of(error), Buffer.from(errorText(cause))]));
    }
  }));
  socket.close(1000);
}

async function pump(stream: Duplex, socket: WebSocket, channel: number): Promise<void> {
  for await (const chunk of stream as AsyncIterable<Buffer>) {
    const sent = new Promise<void>((resolve) => socket.send(Buffer.concat([Buffer.of(channel), chunk]), { binary: true }, () => resolve()));
    if (socket.bufferedAmount > HIGH_WATER_BYTES) await sent;
  }
}
