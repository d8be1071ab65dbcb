/** Reads the protobuf wire format. protobuf.dev, "Encoding". */
export class WireError extends Error {}

const text = new TextDecoder('utf-8', { fatal: true });

export class WireReader {
  readonly bytes: Uint8Array;
  readonly end: number;
  pos: number;
  #view: DataView | undefined;

  constructor(bytes: Uint8Array, start = 0, end = bytes.length) {
    this.bytes = bytes;
    this.pos = start;
    this.end = end;
  }

  get more(): boolean {
    return this.pos < this.end;
  }

  /** Unsigned, at most 32 bits are kept: for tags, lengths, 32-bit values (of negative numbers the low half). */
  uint32(): number {
    let value = 0;
    for (let shift = 0; shift < 70; shift += 7) {
      const byte = this.#next();
      if (shift < 28) value |= (byte & 0x7f) << shift;
      else if (shift === 28) value |= (byte & 0x0f) << 28;
      if (byte < 0x80) return value >>> 0;
    }
    throw new WireError('a number is longer than 10 bytes');
  }

  uint64(): bigint {
    let value = 0n;
    for (let shift = 0n; shift < 70n; shift += 7n) {
      const byte = this.#next();
      value |= BigInt(byte & 0x7f) << shift;
      if (byte < 0x80) return BigInt.asUintN(64, value);
    }
    throw new WireError('a number is longer than 10 bytes');
  }

  double(): number {
    return this.#fixed(8, (view, at) => view.getFloat64(at, true));
  }

  float(): number {
    return this.#fixed(4, (view, at) => view.getFloat32(at, true));
  }

  fixed32(): number {
    return this.#fixed(4, (view, at) => view.getUint32(at, true));
  }

  fixed64(): bigint {
    return this.#fixed(8, (view, at) => view.getBigUint64(at, true));
  }

  /** Start and end of a length-delimited value; the reader stands behind it. */
  span(): { readonly start: number; readonly end: number } {
    const length = this.uint32();
    const start = this.pos;
    if (start + length > this.end) throw new WireError('a value is cut short');
    this.pos = start + length;
    return { start, end: this.pos };
  }

  string(): string {
    const { start, end } = this.span();
    try {
      return text.decode(this.bytes.subarray(start, end));
    } catch {
      throw new WireError('a text is not UTF-8');
    }
  }

  /** Passes over a field of an unknown number. */
  skip(wireType: number): void {
    switch (wireType) {
      case 0:
        this.uint32();
        return;
      case 1:
        this.fixed64();
        return;
      case 2:
        this.span();
        return;
      case 5:
        this.fixed32();
        return;
      default:
        throw new WireError(`wire type ${wireType} is not used`);
    }
  }

  #next(): number {
    const byte = this.bytes[this.pos];
    if (byte === undefined || this.pos >= this.end) throw new WireError('a number is cut short');
    this.pos++;
    return byte;
  }

  #fixed<T>(size: number, read: (view: DataView, at: number) => T): T {
    if (this.pos + size > this.end) throw new WireError('a number is cut short');
    this.#view ??= new DataView(this.bytes.buffer, this.bytes.byteOffset, this.bytes.byteLength);
    const value = read(this.#view, this.pos);
    this.pos += size;
    return value;
  }
}
