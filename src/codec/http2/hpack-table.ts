/** The two tables of HPACK that indices point into. RFC 7541 §2.3. */

/** RFC 7541 Appendix A, from index 1: `name` or `name value`. */
export const STATIC_FIELDS: readonly (readonly [name: string, value: string])[] = [
  ':authority', ':method GET', ':method POST', ':path /', ':path /index.html', ':scheme http', ':scheme https', ':status 200', ':status 204', ':status 206', ':status 304', ':status 400',
  ':status 404', ':status 500', 'accept-charset', 'accept-encoding gzip, deflate', 'accept-language', 'accept-ranges', 'accept', 'access-control-allow-origin', 'age', 'allow', 'authorization',
  'cache-control', 'content-disposition', 'content-encoding', 'content-language', 'content-length', 'content-location', 'content-range', 'content-type', 'cookie', 'date', 'etag', 'expect',
  'expires', 'from', 'host', 'if-match', 'if-modified-since', 'if-none-match', 'if-range', 'if-unmodified-since', 'last-modified', 'link', 'location', 'max-forwards', 'proxy-authenticate',
  'proxy-authorization', 'range', 'referer', 'refresh', 'retry-after', 'server', 'set-cookie', 'strict-transport-security', 'transfer-encoding', 'user-agent', 'vary', 'via', 'www-authenticate',
].map((text) => {
  const space = text.indexOf(' ');
  return space < 0 ? [text, ''] : [text.slice(0, space), text.slice(space + 1)];
});

export const STATIC_COUNT = STATIC_FIELDS.length;
/** RFC 7541 §4.1: what an entry counts beyond its octets. */
export const ENTRY_OVERHEAD = 32;
/** SETTINGS_HEADER_TABLE_SIZE until somebody says otherwise. */
export const DEFAULT_TABLE_BYTES = 4096;

export interface TableEntry {
  readonly name: string;
  readonly value: string;
  /** Both keep the rules of RFC 9113 §8.2.1. */
  readonly valid: boolean;
}

export const STATIC_ENTRIES: readonly TableEntry[] = STATIC_FIELDS.map(([name, value]) => ({ name, value, valid: true }));

/** Newest first; the oldest leave when the size is exceeded. */
export class DynamicTable {
  #entries: (TableEntry | undefined)[] = Array.from({ length: 16 });
  /** Slot of the newest entry; older ones follow. */
  #newest = 0;
  #count = 0;
  #bytes = 0;
  #limit: number;

  constructor(limit = DEFAULT_TABLE_BYTES) {
    this.#limit = limit;
  }

  get limit(): number {
    return this.#limit;
  }

  get count(): number {
    return this.#count;
  }

  /** @param index 0 is the newest */
  at(index: number): TableEntry | undefined {
    if (index >= this.#count) return undefined;
    return this.#entries[(this.#newest + index) & (this.#entries.length - 1)];
  }

  add(entry: TableEntry): void {
    const bytes = sizeOf(entry);
    this.#evict(this.#limit - bytes);
    // RFC 7541 §4.4: an entry larger than the table empties it.
    if (bytes > this.#limit) return;
    if (this.#count === this.#entries.length) this.#grow();
    this.#newest = (this.#newest - 1) & (this.#entries.length - 1);
    this.#entries[this.#newest] = entry;
    this.#count++;
    this.#bytes += bytes;
  }

  resize(limit: number): void {
    this.#limit = limit;
    this.#evict(limit);
  }

  #evict(room: number): void {
    while (this.#count > 0 && this.#bytes > room) {
      const oldest = (this.#newest + this.#count - 1) & (this.#entries.length - 1);
      const entry = this.#entries[oldest];
      if (entry) this.#bytes -= sizeOf(entry);
      this.#entries[oldest] = undefined;
      this.#count--;
    }
  }

  #grow(): void {
    const bigger: (TableEntry | undefined)[] = Array.from({ length: this.#entries.length * 2 });
    for (let i = 0; i < this.#count; i++) bigger[i] = this.at(i);
    this.#entries = bigger;
    this.#newest = 0;
  }
}

export const sizeOf = ({ name, value }: Pick<TableEntry, 'name' | 'value'>): number => name.length + value.length + ENTRY_OVERHEAD;
