/** A client that sends whatever frames it is given, and tells what came back. */
import { connect, type Socket } from 'node:net';
import { ErrorCode, Flag, FRAME_HEAD_BYTES, FrameType, newFrame, PREFACE, settingsFrame } from '../../src/codec/http2/frames.ts';
import { FrameReader } from '../../src/codec/http2/frame-reader.ts';
import { HeaderBlock } from '../../src/codec/http2/header-block.ts';
import { HpackDecoder } from '../../src/codec/http2/hpack-decoder.ts';

export type Field = readonly [name: string, value: string];

export const REQUEST: readonly Field[] = [[':method', 'GET'], [':scheme', 'http'], [':path', '/'], [':authority', 'a']];

/** Fields as literals that go into no table: what is sent is what is meant, right or wrong. */
export function headerBlock(fields: readonly Field[]): Buffer {
  return Buffer.concat(fields.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]));
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value, 'latin1');
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const prefix = [127];
  let rest = bytes.length - 127;
  for (; rest >= 128; rest >>>= 7) prefix.push((rest & 127) | 128);
  return Buffer.concat([Buffer.from([...prefix, rest]), bytes]);
}

export function frame(type: number, flags: number, streamId: number, payload: Buffer | string = ''): Buffer {
  const bytes = typeof payload === 'string' ? Buffer.from(payload, 'latin1') : payload;
  const whole = newFrame(bytes.length, type, flags, streamId);
  bytes.copy(whole, FRAME_HEAD_BYTES);
  return whole;
}

export const headers = (streamId: number, fields: readonly Field[] = REQUEST, flags: number = Flag.EndHeaders | Flag.EndStream): Buffer => frame(FrameType.Headers, flags, streamId, headerBlock(fields));

export const number = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
};

export interface Http2Reply {
  /** Status of each stream that was answered. */
  readonly statuses: ReadonlyMap<number, number>;
  /** Error code of each stream that was reset. */
  readonly resets: ReadonlyMap<number, number>;
  readonly ended: ReadonlySet<number>;
  readonly goAway?: { readonly code: number; readonly reason: string };
  readonly pings: number;
  readonly closed: boolean;
}

export class RawHttp2Client {
  readonly socket: Socket;
  readonly statuses = new Map<number, number>();
  readonly resets = new Map<number, number>();
  readonly ended = new Set<number>();
  goAway: { code: number; reason: string } | undefined;
  goAways = 0;
  readonly settings = new Map<number, number>();
  /** Of header compression, as the other side announced them. */
  readonly tableSizes: number[] = [];
  pings = 0;
  /** The ping with this payload was answered. */
  survived = false;
  closed = false;
  readonly #decoder = new HpackDecoder(65_536);
  #waiters: { holds: () => boolean; done: () => void }[] = [];

  constructor(port: number) {
    this.socket = connect(port, '127.0.0.1');
    this.socket.setNoDelay(true);
    const reader = new FrameReader({
      onFrame: (type, flags, streamId, payload) => this.#onFrame(type, { flags, streamId }, payload),
      onDataHead: (streamId, flags, _length, dataLength) => {
        if ((flags & Flag.EndStream) !== 0 && dataLength === 0) this.ended.add(streamId);
      },
      onDataPiece() {},
      onDataEnd: (streamId, flags) => {
        if ((flags & Flag.EndStream) !== 0) this.ended.add(streamId);
      },
      onFrameError() {},
    });
    this.socket.on('data', (chunk: Buffer) => {
      reader.feed(chunk, 0);
      this.#check();
    });
    const close = () => {
      this.closed = true;
      this.#check();
    };
    this.socket.on('error', close);
    this.socket.on('end', close);
    this.socket.on('close', close);
  }

  /** The preface and empty settings. */
  open(): this {
    this.send(PREFACE, settingsFrame([]));
    return this;
  }

  send(...frames: Buffer[]): void {
    if (!this.socket.writable) return;
    this.socket.write(Buffer.concat(frames));
  }

  /** Resolves as soon as `holds`, or when the connection has ended. @throws after five seconds */
  until(holds: (client: this) => boolean): Promise<this> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`nothing came of it: ${JSON.stringify({ statuses: [...this.statuses], resets: [...this.resets], goAway: this.goAway, closed: this.closed })}`)), 5000);
      this.#waiters.push({
        holds: () => this.closed || holds(this),
        done: () => {
          clearTimeout(timer);
          resolve(this);
        },
      });
      this.#check();
    });
  }

  destroy(): void {
    this.socket.destroy();
  }

  #check(): void {
    for (const waiter of this.#waiters.filter(({ holds }) => holds())) waiter.done();
    this.#waiters = this.#waiters.filter(({ holds }) => !holds());
  }

  #onFrame(type: number, at: { flags: number; streamId: number }, payload: Buffer): void {
    switch (type) {
      case FrameType.Headers: {
        const block = new HeaderBlock({ maxBytes: 1 << 20, maxFields: 1000 });
        // RFC 7541 §6.3; one octet says up to 30, a second one up to 157.
        if (((payload[0] ?? 0) & 0xe0) === 0x20) this.tableSizes.push(((payload[0] ?? 0) & 0x1f) === 31 ? 31 + (payload[1] ?? 0) : (payload[0] ?? 0) & 0x1f);
        this.#decoder.decode(Buffer.from(payload), block);
        if (block.status !== undefined) this.statuses.set(at.streamId, Number(block.status));
        if ((at.flags & Flag.EndStream) !== 0) this.ended.add(at.streamId);
        return;
      }
      case FrameType.RstStream:
        this.resets.set(at.streamId, payload.readUInt32BE(0));
        return;
      case FrameType.GoAway:
        this.goAways++;
        this.goAway = { code: payload.readUInt32BE(4), reason: payload.toString('latin1', 8) };
        return;
      case FrameType.Settings:
        for (let i = 0; i < payload.length; i += 6) this.settings.set(payload.readUInt16BE(i), payload.readUInt32BE(i + 2));
        return;
      case FrameType.Ping:
        if ((at.flags & Flag.Ack) === 0) return;
        this.pings++;
        if (payload.toString('latin1') === 'survived') this.survived = true;
        return;
      default:
    }
  }
}

export const nameOf = (code: number | undefined): string => Object.entries(ErrorCode).find(([, value]) => value === code)?.[0] ?? String(code);
