/** Samples of one series, packed. A sample that comes at the usual interval with an unchanged value costs one byte and a
 * counter's step two or three, so an hour of a mesh at a two-second interval fits in tens of megabytes.
 *
 * A sample is a varint `zigzag(delta of delta of time) * 4 + kind` followed by the value: nothing (same value),
 * a zigzag varint (difference to the previous integer), eight bytes (any other number), nothing (stale marker). */
const Kind = { Same: 0, Step: 1, Float: 2, Stale: 3 } as const;

const FIRST_BYTES = 32;
/** Longest encoding of one sample: two varints of ten bytes. */
const SAMPLE_BYTES = 20;

/** Marks the end of a series, as Prometheus' stale marker does. A symbol because JavaScript keeps no NaN payload. */
export const STALE = Symbol('stale');
export type SampleValue = number | typeof STALE;

export interface SampleSink {
  add(timeMs: number, value: SampleValue): void;
}

export class Chunk {
  readonly firstTime: number;
  lastTime: number;
  count = 0;
  #bytes = new Uint8Array(FIRST_BYTES);
  #length = 0;
  #delta = 0;
  #previous = 0;

  constructor(firstTime: number) {
    this.firstTime = firstTime;
    this.lastTime = firstTime;
  }

  get byteLength(): number {
    return this.#bytes.byteLength;
  }

  /** `timeMs` is a whole number, later than the last. */
  append(timeMs: number, value: SampleValue): void {
    if (this.#length + SAMPLE_BYTES > this.#bytes.length) this.#grow();
    const delta = timeMs - this.lastTime;
    const kind = this.#kindOf(value);
    this.#varint(zigzag(delta - this.#delta) * 4 + kind);
    if (kind === Kind.Step) this.#varint(zigzag((value as number) - this.#previous));
    if (kind === Kind.Float) {
      new DataView(this.#bytes.buffer).setFloat64(this.#length, value as number);
      this.#length += 8;
    }
    if (value !== STALE) this.#previous = value;
    this.#delta = delta;
    this.lastTime = timeMs;
    this.count++;
  }

  /** Gives back the room that is not used; nothing is appended afterwards. */
  seal(): void {
    this.#bytes = this.#bytes.slice(0, this.#length);
  }

  read(sink: SampleSink): void {
    const reader = new VarintReader(this.#bytes, this.#length);
    const view = new DataView(this.#bytes.buffer, this.#bytes.byteOffset);
    let time = this.firstTime;
    let delta = 0;
    let previous = 0;
    while (reader.at < this.#length) {
      const head = reader.next();
      const kind = head % 4;
      delta += unzigzag((head - kind) / 4);
      time += delta;
      if (kind === Kind.Stale) {
        sink.add(time, STALE);
        continue;
      }
      if (kind === Kind.Step) previous += unzigzag(reader.next());
      if (kind === Kind.Float) {
        previous = view.getFloat64(reader.at);
        reader.at += 8;
      }
      sink.add(time, previous);
    }
  }

  #kindOf(value: SampleValue): number {
    if (value === STALE) return Kind.Stale;
    if (Object.is(value, this.#previous)) return Kind.Same;
    const step = value - this.#previous;
    const exact = Number.isSafeInteger(step) && Math.abs(step) < 2 ** 50 && Number.isSafeInteger(value) && Number.isSafeInteger(this.#previous);
    return exact && !Object.is(value, -0) && !Object.is(this.#previous, -0) ? Kind.Step : Kind.Float;
  }

  #varint(value: number): void {
    let rest = value;
    while (rest >= 0x80) {
      this.#bytes[this.#length++] = (rest % 0x80) | 0x80;
      rest = Math.floor(rest / 0x80);
    }
    this.#bytes[this.#length++] = rest;
  }

  #grow(): void {
    const bigger = new Uint8Array(this.#bytes.length * 2);
    bigger.set(this.#bytes);
    this.#bytes = bigger;
  }
}

class VarintReader {
  at = 0;
  readonly #bytes: Uint8Array;
  readonly #end: number;

  constructor(bytes: Uint8Array, end: number) {
    this.#bytes = bytes;
    this.#end = end;
  }

  next(): number {
    let value = 0;
    let scale = 1;
    while (this.at < this.#end) {
      const byte = this.#bytes[this.at++] ?? 0;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) break;
      scale *= 0x80;
    }
    return value;
  }
}

// Arithmetic instead of bit operations: those cut at 32 bits.
const zigzag = (value: number): number => (value < 0 ? -value * 2 - 1 : value * 2);
const unzigzag = (value: number): number => (value % 2 === 1 ? -(value + 1) / 2 : value / 2);
