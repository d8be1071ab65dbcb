/** Cuts a byte stream into frames. DATA is passed on as it comes, in pieces of what was read; every other frame is small and passed on whole. */
import { ErrorCode, Flag, FRAME_HEAD_BYTES, FrameType, MAX_FRAME_BYTES } from './frames.ts';

export interface FrameSink {
  /** A frame other than DATA. @param payload valid during the call */
  onFrame(type: number, flags: number, streamId: number, payload: Buffer): void;
  /** @param length of the whole payload, padding included: what flow control counts @param dataLength without padding */
  onDataHead(streamId: number, flags: number, length: number, dataLength: number): void;
  onDataPiece(streamId: number, chunk: Buffer): void;
  /** The frame, its padding too, is over. */
  onDataEnd(streamId: number, flags: number): void;
  onFrameError(code: ErrorCode, reason: string): void;
}

type State = 'head' | 'payload' | 'pad-length' | 'data' | 'padding' | 'stopped';

const EMPTY = Buffer.alloc(0);

export class FrameReader {
  readonly #sink: FrameSink;
  #state: State = 'head';
  /** An incomplete head or payload. */
  #partial: Buffer = EMPTY;
  #partialLength = 0;
  #type = 0;
  #flags = 0;
  #streamId = 0;
  #remaining = 0;
  #padding = 0;

  constructor(sink: FrameSink) {
    this.#sink = sink;
  }

  /** Nothing is read any more. */
  stop(): void {
    this.#state = 'stopped';
  }

  feed(chunk: Buffer, from: number): void {
    let pos = from;
    while (pos < chunk.length || (this.#remaining === 0 && this.#state !== 'head' && this.#state !== 'stopped')) {
      if (this.#state === 'stopped') return;
      pos = this.#step(chunk, pos);
    }
  }

  #step(chunk: Buffer, pos: number): number {
    switch (this.#state) {
      case 'head':
        return this.#readHead(chunk, pos);
      case 'payload':
        return this.#readPayload(chunk, pos);
      case 'pad-length':
        return this.#readPadLength(chunk, pos);
      case 'data':
        return this.#readData(chunk, pos);
      case 'padding':
        return this.#readPadding(chunk, pos);
      case 'stopped':
        return chunk.length;
    }
  }

  #readHead(chunk: Buffer, pos: number): number {
    let bytes = chunk;
    let at = pos;
    let next = pos + FRAME_HEAD_BYTES;
    if (this.#partialLength > 0 || next > chunk.length) {
      next = this.#collect(chunk, pos, FRAME_HEAD_BYTES);
      if (this.#partialLength < FRAME_HEAD_BYTES) return next;
      bytes = this.#partial;
      at = 0;
      this.#partialLength = 0;
    }
    const length = ((bytes[at] ?? 0) << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0);
    this.#type = bytes[at + 3] ?? 0;
    this.#flags = bytes[at + 4] ?? 0;
    this.#streamId = (((bytes[at + 5] ?? 0) & 0x7f) << 24) | ((bytes[at + 6] ?? 0) << 16) | ((bytes[at + 7] ?? 0) << 8) | (bytes[at + 8] ?? 0);
    this.#remaining = length;
    if (length > MAX_FRAME_BYTES) {
      this.#sink.onFrameError(ErrorCode.FrameSize, `a frame of ${length} octets`);
      return next;
    }
    if (this.#type !== FrameType.Data) this.#state = 'payload';
    else if ((this.#flags & Flag.Padded) !== 0) this.#state = 'pad-length';
    else this.#beginData(length, 0);
    return next;
  }

  #readPayload(chunk: Buffer, pos: number): number {
    const length = this.#remaining;
    const end = pos + length;
    if (this.#partialLength === 0 && end <= chunk.length) {
      this.#deliver(chunk.subarray(pos, end));
      return end;
    }
    const next = this.#collect(chunk, pos, length);
    if (this.#partialLength === length) {
      this.#partialLength = 0;
      this.#deliver(this.#partial.subarray(0, length));
    }
    return next;
  }

  #deliver(payload: Buffer): void {
    this.#state = 'head';
    this.#remaining = 0;
    this.#sink.onFrame(this.#type, this.#flags, this.#streamId, payload);
  }

  #readPadLength(chunk: Buffer, pos: number): number {
    const length = this.#remaining;
    const padding = chunk[pos] ?? 0;
    if (length === 0 || padding >= length) {
      this.#sink.onFrameError(ErrorCode.Protocol, 'more padding than payload');
      return pos;
    }
    this.#beginData(length, padding + 1);
    return pos + 1;
  }

  #beginData(length: number, overhead: number): void {
    this.#state = 'data';
    this.#remaining = length - overhead;
    this.#padding = Math.max(0, overhead - 1);
    this.#sink.onDataHead(this.#streamId, this.#flags, length, length - overhead);
  }

  #readData(chunk: Buffer, pos: number): number {
    const end = Math.min(chunk.length, pos + this.#remaining);
    if (end > pos) {
      this.#remaining -= end - pos;
      this.#sink.onDataPiece(this.#streamId, pos === 0 && end === chunk.length ? chunk : chunk.subarray(pos, end));
    }
    if (this.#remaining === 0 && this.#state === 'data') {
      this.#state = 'padding';
      this.#remaining = this.#padding;
    }
    return end;
  }

  #readPadding(chunk: Buffer, pos: number): number {
    const end = Math.min(chunk.length, pos + this.#remaining);
    this.#remaining -= end - pos;
    if (this.#remaining === 0) {
      this.#state = 'head';
      this.#sink.onDataEnd(this.#streamId, this.#flags);
    }
    return end;
  }

  #collect(chunk: Buffer, pos: number, wanted: number): number {
    if (this.#partial.length < wanted) {
      const grown = Buffer.allocUnsafeSlow(Math.max(256, wanted));
      this.#partial.copy(grown, 0, 0, this.#partialLength);
      this.#partial = grown;
    }
    const end = Math.min(chunk.length, pos + wanted - this.#partialLength);
    chunk.copy(this.#partial, this.#partialLength, pos, end);
    this.#partialLength += end - pos;
    return end;
  }
}
