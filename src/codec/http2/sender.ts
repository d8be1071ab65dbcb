/** The sending half of an HTTP/2 connection: compresses heads, cuts bodies into frames as windows allow. RFC 9113 §5.2, §6.9. */
import type { Duplex } from 'node:stream';
import type { Headers } from '../headers.ts';
import type { FloodGuard } from './flood-guard.ts';
import { DEFAULT_WINDOW, type ErrorCode, Flag, FRAME_HEAD_BYTES, FrameType, MAX_FRAME_BYTES, MAX_WINDOW, newFrame, numberFrame, writeHead } from './frames.ts';
import { HpackEncoder } from './hpack-encoder.ts';
import { Outbox } from './outbox.ts';
import { initialPeer, type PeerSettings } from './peer-settings.ts';

/** Less is copied, even if it need not be: one write is cheaper than two. */
const COPY_LIMIT = 1024;

/** Whose window `writeData` spends. */
export interface WindowHolder {
  readonly id: number;
  sendWindow: number;
}

export class Http2Sender {
  readonly outbox: Outbox;
  readonly #encoder: HpackEncoder;
  readonly #flood: FloodGuard;
  #peer: PeerSettings = initialPeer();
  #window = DEFAULT_WINDOW;

  /** @param tableBytes of header compression, at most */
  constructor(socket: Duplex, flood: FloodGuard, tableBytes: number) {
    this.#encoder = new HpackEncoder(tableBytes);
    this.outbox = new Outbox(socket, (frames) => void (flood.frames(frames) || socket.destroy()));
    this.#flood = flood;
  }

  get peer(): PeerSettings {
    return this.#peer;
  }

  /** True when bodies should wait. */
  get blocked(): boolean {
    return this.outbox.blocked;
  }

  adopt(peer: PeerSettings): void {
    if (peer.tableBytes !== this.#peer.tableBytes) this.#encoder.resize(peer.tableBytes);
    this.#peer = peer;
  }

  /** @returns false when the window of the connection becomes larger than it may be */
  widen(octets: number): boolean {
    this.#window += octets;
    return this.#window <= MAX_WINDOW;
  }

  /** A field of the section that `writeHead` is filling. @param name in lower case */
  field(name: string, value: string): void {
    this.#encoder.add(name, value);
  }

  /** A header section, in as many frames as it needs. @param fill calls `field` */
  writeHead(streamId: number, fill: () => void, end: boolean): void {
    this.#encoder.begin();
    fill();
    const block = this.#encoder.finish();
    const first = Math.min(block.length, MAX_FRAME_BYTES);
    const frame = newFrame(first, FrameType.Headers, (end ? Flag.EndStream : 0) | (first === block.length ? Flag.EndHeaders : 0), streamId);
    block.copy(frame, FRAME_HEAD_BYTES, 0, first);
    this.outbox.push(frame);
    for (let at = first; at < block.length; at += MAX_FRAME_BYTES) {
      const next = Math.min(block.length, at + MAX_FRAME_BYTES);
      const rest = newFrame(next - at, FrameType.Continuation, next === block.length ? Flag.EndHeaders : 0, streamId);
      block.copy(rest, FRAME_HEAD_BYTES, at, next);
      this.outbox.push(rest);
    }
  }

  /** Sends as much as windows allow. @param isKept the bytes stay as they are, and need no copy @returns octets sent; an empty chunk is always sent */
  writeData(stream: WindowHolder, chunk: Buffer, end: boolean, isKept = false): number {
    let sent = 0;
    do {
      const length = Math.min(chunk.length - sent, MAX_FRAME_BYTES, stream.sendWindow, this.#window);
      if (length <= 0 && chunk.length > 0) break;
      this.#pushData(stream.id, sent === 0 && length === chunk.length ? chunk : chunk.subarray(sent, sent + length), { end: end && sent + length === chunk.length, isKept });
      stream.sendWindow -= length;
      this.#window -= length;
      sent += length;
    } while (sent < chunk.length);
    return sent;
  }

  /** END_STREAM, with trailers if there are any. */
  writeEnd(streamId: number, trailers: Headers | undefined): void {
    if (trailers === undefined || trailers.list.length === 0) return this.outbox.push(newFrame(0, FrameType.Data, Flag.EndStream, streamId));
    const { list } = trailers;
    this.writeHead(streamId, () => {
      for (let i = 0; i < list.length; i += 3) this.field(list[i] ?? '', list[i + 1] ?? '');
    }, true);
  }

  writeReset(streamId: number, code: ErrorCode): void {
    this.outbox.push(numberFrame(FrameType.RstStream, streamId, code));
  }

  /** @param streamId 0: the window of the connection */
  writeWindowUpdate(streamId: number, octets: number): void {
    this.outbox.push(numberFrame(FrameType.WindowUpdate, streamId, octets));
  }

  #pushData(streamId: number, data: Buffer, { end, isKept }: { end: boolean; isKept: boolean }): void {
    const flags = end ? Flag.EndStream : 0;
    this.#flood.dataFrameSent();
    if (isKept && data.length > COPY_LIMIT) {
      const head = Buffer.allocUnsafe(FRAME_HEAD_BYTES);
      writeHead(head, 0, { length: data.length, type: FrameType.Data, flags, streamId });
      this.outbox.push(head);
      return this.outbox.push(data, true);
    }
    // The bytes may only be lent.
    const frame = newFrame(data.length, FrameType.Data, flags, streamId);
    frame.set(data, FRAME_HEAD_BYTES);
    this.outbox.push(frame);
  }
}
