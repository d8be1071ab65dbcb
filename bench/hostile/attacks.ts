/** Clients that mean harm, each for as long as it is let. They run in a process of their own (`attacker.ts`). */
import { connect, type Socket } from 'node:net';
import { Flag, FrameType, PREFACE, Setting, settingsFrame } from '../../src/codec/http2/frames.ts';
import { frame, headerBlock, headers, number, REQUEST } from '../../test/hostile/raw-http2.ts';

export interface Attack {
  readonly name: string;
  /** Connections held at once; each is made again when it is closed. */
  readonly connections: number;
  /** What is written at first. */
  readonly opening?: Buffer;
  /** Written again and again, as fast as it is taken; without it the connection stays silent after the opening. */
  readonly flood?: (round: number) => Buffer;
  /** Written now and then, to look alive. */
  readonly drip?: Buffer;
  /** Does not read what comes back. */
  readonly isDeaf?: true;
  /** Does not wait for the end: goes as soon as anything is answered, and comes again. */
  readonly isHasty?: true;
}

const OPENING = Buffer.concat([PREFACE, settingsFrame([])]);
const repeat = (count: number, make: (i: number) => Buffer): Buffer => Buffer.concat(Array.from({ length: count }, (_, i) => make(i)));
const id = (round: number, i: number): number => 1 + 2 * (round * 100 + i);

export const ATTACKS: readonly Attack[] = [
  { name: 'idle connections', connections: 10_000 },
  { name: 'slowloris: heads that never end', connections: 2000, opening: Buffer.from('GET / HTTP/1.1\r\nHost: a\r\nX-A: '), drip: Buffer.from('b') },
  { name: 'bodies that never end', connections: 2000, opening: Buffer.from('POST /large HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n'), drip: Buffer.from('b') },
  { name: 'readers that do not read', connections: 200, opening: Buffer.from('GET /large HTTP/1.1\r\nHost: a\r\n\r\n'), isDeaf: true },
  { name: 'heads of 60 KB, refused', connections: 16, flood: () => Buffer.from(`GET / HTTP/1.1\r\nHost: a\r\n${'X-A: b\r\n'.repeat(7000)}\r\n`) },
  { name: 'two lengths, refused', connections: 16, flood: () => Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n') },
  { name: 'two lengths, again at once', connections: 16, opening: Buffer.from('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'), isHasty: true },
  { name: 'rapid reset', connections: 16, opening: OPENING, flood: (round) => repeat(100, (i) => Buffer.concat([headers(id(round, i)), frame(FrameType.RstStream, 0, id(round, i), number(8))])) },
  { name: 'CONTINUATION flood', connections: 16, opening: Buffer.concat([OPENING, frame(FrameType.Headers, 0, 1, headerBlock(REQUEST))]), flood: () => repeat(100, () => frame(FrameType.Continuation, 0, 1, headerBlock([['x', 'y']]))) },
  { name: 'PING flood, unread', connections: 16, opening: OPENING, flood: () => repeat(500, () => frame(FrameType.Ping, 0, 0, '12345678')), isDeaf: true },
  { name: 'SETTINGS flood, unread', connections: 16, opening: OPENING, flood: () => repeat(500, () => settingsFrame([[Setting.MaxConcurrentStreams, 1]])), isDeaf: true },
  { name: 'PRIORITY flood', connections: 16, opening: OPENING, flood: () => repeat(500, () => frame(FrameType.Priority, 0, 3, Buffer.from([0, 0, 0, 1, 1]))) },
  { name: 'zero windows', connections: 10, opening: Buffer.concat([PREFACE, settingsFrame([[Setting.InitialWindowSize, 0]]), repeat(20, (i) => headers(id(0, i), [...REQUEST.slice(0, 2), [':path', '/large'], [':authority', 'a']]))]) },
  { name: 'HPACK bombs', connections: 16, opening: Buffer.concat([OPENING, frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, 1, Buffer.concat([headerBlock(REQUEST), Buffer.from([0x40, 1, 0x78, 0x7f, 0xa0, 0x1e]), Buffer.alloc(127 + 0x20 + (0x1e << 7), 0x61)]))]), flood: (round) => repeat(20, (i) => frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, 3 + 2 * (round * 20 + i), Buffer.concat([headerBlock(REQUEST), Buffer.alloc(10_000, 0xbe)]))) },
];

const DRIP_MS = 1000;

/** @param onReady when all connections have been made once @returns how many were made until `signal` aborted, beyond the first of each */
export async function attack(one: Attack, port: number, signal: AbortSignal, onReady: () => void): Promise<number> {
  let again = 0;
  let open = 0;
  const onOpen = (): void => {
    if (++open === one.connections) onReady();
  };
  const hold = async (): Promise<void> => {
    for (let isFirst = true; !signal.aborted; isFirst = false) {
      if (!isFirst) again++;
      await connectAndHarm(one, { port, onOpen }, signal);
      // A connection that was refused is not tried again without end.
      await new Promise((resolve) => setTimeout(resolve, 5));
    }
  };
  await Promise.all(Array.from({ length: one.connections }, hold));
  return again;
}

function connectAndHarm(one: Attack, to: { port: number; onOpen: () => void }, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const socket = connect(to.port, '127.0.0.1');
    const stop = () => socket.destroy();
    signal.addEventListener('abort', stop, { once: true });
    let drip: NodeJS.Timeout | undefined;
    socket.on('error', () => {});
    socket.on('close', () => {
      clearInterval(drip);
      signal.removeEventListener('abort', stop);
      resolve();
    });
    if (one.isDeaf) socket.pause();
    else socket.on('data', () => void (one.isHasty && stop()));
    socket.on('end', stop);
    socket.on('connect', () => {
      to.onOpen();
      if (one.opening) socket.write(one.opening);
      // Spread over the interval: a thousand drops at one instant would measure the instant.
      if (one.drip) drip = setTimeout(() => (drip = setInterval(() => socket.write(one.drip ?? ''), DRIP_MS)), Math.random() * DRIP_MS);
      if (one.flood) keepWriting(socket, one.flood);
    });
  });
}

function keepWriting(socket: Socket, make: (round: number) => Buffer): void {
  let round = 0;
  const next = (): void => {
    if (!socket.writable) return;
    if (socket.write(make(round++))) setImmediate(next);
    else socket.once('drain', next);
  };
  next();
}
