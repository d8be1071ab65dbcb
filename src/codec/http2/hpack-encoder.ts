/** Header compression, writing. RFC 7541. Strings are written as they are: Huffman coding would cost more than it saves on the
 * links that a mesh has. What repeats goes into the table and costs one octet from then on; a name whose values hardly ever
 * repeat (request ids, dates) is found out and left out of it. */
import { latin1Write } from '../http1/latin1.ts';
import { DEFAULT_TABLE_BYTES, ENTRY_OVERHEAD, STATIC_COUNT, STATIC_FIELDS } from './hpack-table.ts';

/** Values that must not be guessed from the size of what follows. RFC 7541 §7.1.3 */
const SECRET: ReadonlySet<string> = new Set(['authorization', 'proxy-authorization', 'cookie', 'set-cookie']);
/** Values tried before a name may be found not to repeat. */
const TRIES = 16;
const MAX_INDEXED_VALUE = 512;
/** Octets that a number or the head of a string can take. */
const MAX_PREFIX = 6;

interface KnownName {
  /** Index of the name in the static table; 0: not there. */
  readonly fixed: number;
  readonly fixedValues: ReadonlyMap<string, number>;
  readonly secret: boolean;
}

/** A name as one connection uses it. */
interface UsedName {
  readonly name: string;
  readonly known: KnownName;
  /** Value → number of the insertion. */
  readonly values: Map<string, number>;
  inserted: number;
  repeated: number;
}

const NOT_KNOWN: Omit<KnownName, 'secret'> = { fixed: 0, fixedValues: new Map() };
const KNOWN: ReadonlyMap<string, KnownName> = knownNames();

let scratch = Buffer.allocUnsafeSlow(16 * 1024);

/** One direction of one connection: blocks have to be sent in the order in which they were made. */
export class HpackEncoder {
  readonly #names = new Map<string, UsedName>();
  /** Oldest first, from `#first` on. */
  #entries: { name: UsedName; value: string; bytes: number }[] = [];
  #first = 0;
  #bytes = 0;
  #insertions = 0;
  readonly #most: number;
  #limit = DEFAULT_TABLE_BYTES;
  /** Changes of the limit that the other side has not been told: the lowest, and the last. */
  #announced: { lowest: number; last: number } | undefined;
  #out = scratch;
  #pos = 0;

  /** @param most that the table may take, whatever the other side allows. Envoy: hpack_table_size */
  constructor(most = DEFAULT_TABLE_BYTES) {
    this.#most = most;
    this.resize(DEFAULT_TABLE_BYTES);
  }

  /** The other side's SETTINGS_HEADER_TABLE_SIZE. */
  resize(bytes: number): void {
    const limit = Math.min(bytes, this.#most);
    if (limit === this.#limit) return;
    this.#limit = limit;
    this.#announced = { lowest: Math.min(limit, this.#announced?.lowest ?? limit), last: limit };
    this.#evict(limit);
  }

  /** Starts a block. `add` its fields, then `finish`; nothing else may be encoded in between. */
  begin(): void {
    this.#out = scratch;
    this.#pos = 0;
    if (this.#announced === undefined) return;
    // RFC 7541 §4.2: what was smaller for a while has been emptied.
    const { lowest, last } = this.#announced;
    if (lowest < last) this.#integer(0x20, 5, lowest);
    this.#integer(0x20, 5, last);
    this.#announced = undefined;
  }

  /** @returns the block; valid until the next one is begun */
  finish(): Buffer {
    return this.#out.subarray(0, this.#pos);
  }

  /** @param name in lower case @param value latin1 */
  add(name: string, value: string): void {
    this.#reserve(name.length + value.length + 3 * MAX_PREFIX);
    const used = this.#used(name);
    const { known } = used;
    const whole = known.fixedValues.get(value);
    if (whole !== undefined) return this.#integer(0x80, 7, whole);
    const insertion = used.values.get(value);
    if (insertion !== undefined) {
      used.repeated++;
      return this.#integer(0x80, 7, STATIC_COUNT + this.#insertions - insertion);
    }
    if (known.secret) return this.#literal(0x10, 4, used, value);
    const bytes = name.length + value.length + ENTRY_OVERHEAD;
    if (value.length > MAX_INDEXED_VALUE || bytes > this.#limit || (used.inserted >= TRIES && used.repeated < used.inserted)) return this.#literal(0, 4, used, value);
    this.#literal(0x40, 6, used, value);
    this.#insert(used, value, bytes);
  }

  #used(name: string): UsedName {
    let used = this.#names.get(name);
    if (!used) {
      used = { name, known: KNOWN.get(name) ?? { ...NOT_KNOWN, secret: false }, values: new Map(), inserted: 0, repeated: 0 };
      // Strangers choose names: the memory of them is bounded.
      if (this.#names.size < 256) this.#names.set(name, used);
    }
    return used;
  }

  #literal(pattern: number, prefixBits: number, used: UsedName, value: string): void {
    const index = used.known.fixed > 0 ? used.known.fixed : this.#newestOf(used);
    this.#integer(pattern, prefixBits, index);
    if (index === 0) this.#string(used.name);
    this.#string(value);
  }

  /** Any entry of the same name serves to spare the name. */
  #newestOf(used: UsedName): number {
    for (const insertion of used.values.values()) return STATIC_COUNT + this.#insertions - insertion;
    return 0;
  }

  #insert(used: UsedName, value: string, bytes: number): void {
    this.#evict(this.#limit - bytes);
    this.#entries.push({ name: used, value, bytes });
    used.values.set(value, this.#insertions);
    used.inserted++;
    this.#insertions++;
    this.#bytes += bytes;
  }

  #evict(room: number): void {
    while (this.#bytes > room) {
      const oldest = this.#entries[this.#first];
      if (!oldest) return;
      oldest.name.values.delete(oldest.value);
      this.#bytes -= oldest.bytes;
      this.#first++;
    }
    if (this.#first < 64) return;
    this.#entries = this.#entries.slice(this.#first);
    this.#first = 0;
  }

  #integer(pattern: number, prefixBits: number, value: number): void {
    const mask = (1 << prefixBits) - 1;
    const out = this.#out;
    if (value < mask) {
      out[this.#pos++] = pattern | value;
      return;
    }
    out[this.#pos++] = pattern | mask;
    let rest = value - mask;
    while (rest >= 0x80) {
      out[this.#pos++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    out[this.#pos++] = rest;
  }

  #string(text: string): void {
    this.#integer(0, 7, text.length);
    if (text.length === 0) return;
    latin1Write(this.#out, text, this.#pos);
    this.#pos += text.length;
  }

  #reserve(bytes: number): void {
    if (this.#pos + bytes <= this.#out.length) return;
    const bigger = Buffer.allocUnsafeSlow((this.#pos + bytes) * 2);
    this.#out.copy(bigger, 0, 0, this.#pos);
    this.#out = bigger;
    scratch = bigger;
  }
}

function knownNames(): Map<string, KnownName> {
  const names = new Map<string, { fixed: number; fixedValues: Map<string, number>; secret: boolean }>();
  for (const [i, [name, value]] of STATIC_FIELDS.entries()) {
    const known = names.get(name) ?? { fixed: i + 1, fixedValues: new Map<string, number>(), secret: SECRET.has(name) };
    if (value !== '') known.fixedValues.set(value, i + 1);
    names.set(name, known);
  }
  return names;
}
