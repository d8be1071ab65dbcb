/** gRPC's length-prefixed messages (gRPC over HTTP/2, "Length-Prefixed-Message"), without compression. */
const HEAD_BYTES = 5;

export function encodeFrame(message: Uint8Array): Buffer {
  const frame = Buffer.allocUnsafe(HEAD_BYTES + message.length);
  frame[0] = 0;
  frame.writeUInt32BE(message.length, 1);
  frame.set(message, HEAD_BYTES);
  return frame;
}

/** Cuts a byte stream into messages. */
export class FrameReader {
  readonly #maxBytes: number;
  #chunks: Buffer[] = [];
  #size = 0;

  /** @param maxBytes of one message; default 64 MiB */
  constructor(maxBytes = 64 * 1024 * 1024) {
    this.#maxBytes = maxBytes;
  }

  /** The messages completed by `chunk`, or the reason why the stream must end. */
  push(chunk: Buffer): Buffer[] | string {
    this.#chunks.push(chunk);
    this.#size += chunk.length;
    const messages: Buffer[] = [];
    for (;;) {
      if (this.#size < HEAD_BYTES) return messages;
      const head = this.#peek(HEAD_BYTES);
      const length = head.readUInt32BE(1);
      if (head[0] !== 0) return 'the peer sent a compressed message although none was offered';
      if (length > this.#maxBytes) return `a message of ${length} bytes is larger than the ${this.#maxBytes} allowed`;
      if (this.#size < HEAD_BYTES + length) return messages;
      messages.push(this.#take(HEAD_BYTES + length).subarray(HEAD_BYTES));
    }
  }

  /** True when bytes of an unfinished message are held. */
  get isPartial(): boolean {
    return this.#size > 0;
  }

  #peek(count: number): Buffer {
    const [first] = this.#chunks;
    if (first && first.length >= count) return first;
    const all = Buffer.concat(this.#chunks);
    this.#chunks = [all];
    return all;
  }

  #take(count: number): Buffer {
    const all = this.#peek(count);
    const rest = all.subarray(count);
    this.#chunks = rest.length > 0 ? [rest, ...this.#chunks.slice(1)] : this.#chunks.slice(1);
    this.#size -= count;
    return all.subarray(0, count);
  }
}
