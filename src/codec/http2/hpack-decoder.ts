/** Header compression, reading. RFC 7541. */
import { latin1Slice } from '../http1/latin1.ts';
import { type HeaderBlock, isFieldName, isFieldValue } from './header-block.ts';
import { DEFAULT_TABLE_BYTES, DynamicTable, STATIC_COUNT, STATIC_ENTRIES, type TableEntry } from './hpack-table.ts';
import { decodeHuffman } from './huffman.ts';

/** Larger numbers than any length or index that is allowed here. */
const MAX_INTEGER = 1 << 24;

/** One direction of one connection: blocks have to be given in the order in which they came. */
export class HpackDecoder {
  readonly #table = new DynamicTable();
  #maxTableBytes: number;
  #bytes: Buffer = Buffer.alloc(0);
  #pos = 0;
  #end = 0;

  /** @param maxTableBytes our SETTINGS_HEADER_TABLE_SIZE: what the other side may ask for */
  constructor(maxTableBytes = DEFAULT_TABLE_BYTES) {
    this.#maxTableBytes = maxTableBytes;
    this.#table.resize(maxTableBytes);
  }

  /** The other side has acknowledged our SETTINGS_HEADER_TABLE_SIZE: nothing larger is in use there any more. RFC 7541 §4.2 */
  limit(bytes: number): void {
    this.#maxTableBytes = bytes;
    this.#table.resize(Math.min(bytes, this.#table.limit));
  }

  /** Reads a whole block, or a hostile one until that is known (nothing can be read after it). @returns false for one that cannot be read: the tables of both sides differ from here on, the connection is lost */
  decode(block: Buffer, into: HeaderBlock): boolean {
    this.#bytes = block;
    this.#pos = 0;
    this.#end = block.length;
    let hasFields = false;
    while (this.#pos < this.#end && !into.hostile) {
      const first = block[this.#pos] ?? 0;
      if ((first & 0xe0) === 0x20) {
        // RFC 7541 §4.2: a change of size comes before all fields.
        if (hasFields || !this.#resize()) return false;
        continue;
      }
      hasFields = true;
      if (!((first & 0x80) !== 0 ? this.#indexed(into) : this.#literal(first, into))) return false;
    }
    return true;
  }

  #resize(): boolean {
    const bytes = this.#integer(5);
    if (bytes < 0 || bytes > this.#maxTableBytes) return false;
    this.#table.resize(bytes);
    return true;
  }

  #indexed(into: HeaderBlock): boolean {
    const entry = this.#entry(this.#integer(7));
    if (!entry) return false;
    into.add(entry.name, entry.value, entry.valid);
    return true;
  }

  #literal(first: number, into: HeaderBlock): boolean {
    const isIndexing = (first & 0x40) !== 0;
    const index = this.#integer(isIndexing ? 6 : 4);
    if (index < 0) return false;
    let name: string | undefined;
    let isValidName = true;
    if (index > 0) {
      const entry = this.#entry(index);
      if (!entry) return false;
      ({ name } = entry);
      isValidName = entry.valid || isFieldName(name);
    } else {
      name = this.#string();
      if (name === undefined) return false;
      isValidName = isFieldName(name);
    }
    const value = this.#string();
    if (value === undefined) return false;
    const valid = isValidName && isFieldValue(value);
    if (isIndexing) this.#table.add({ name, value, valid });
    into.add(name, value, valid);
    return true;
  }

  #entry(index: number): TableEntry | undefined {
    if (index <= 0) return undefined;
    return index <= STATIC_COUNT ? STATIC_ENTRIES[index - 1] : this.#table.at(index - STATIC_COUNT - 1);
  }

  /** RFC 7541 §5.1. @returns -1 when it is not all there or too large */
  #integer(prefixBits: number): number {
    const mask = (1 << prefixBits) - 1;
    let value = (this.#bytes[this.#pos++] ?? 0) & mask;
    if (value < mask) return value;
    for (let shift = 0; shift <= 21; shift += 7) {
      if (this.#pos >= this.#end) return -1;
      const byte = this.#bytes[this.#pos++] ?? 0;
      value += (byte & 0x7f) * 2 ** shift;
      if (value > MAX_INTEGER) return -1;
      if ((byte & 0x80) === 0) return value;
    }
    return -1;
  }

  #string(): string | undefined {
    if (this.#pos >= this.#end) return undefined;
    const isHuffman = ((this.#bytes[this.#pos] ?? 0) & 0x80) !== 0;
    const length = this.#integer(7);
    const start = this.#pos;
    if (length < 0 || start + length > this.#end) return undefined;
    this.#pos = start + length;
    return isHuffman ? decodeHuffman(this.#bytes, start, this.#pos) : latin1Slice(this.#bytes, start, this.#pos);
  }
}
