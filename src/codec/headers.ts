/** Spellings seen in practice → the lower-case name, so that the common case neither allocates nor compares letters. */
const KNOWN: ReadonlyMap<string, string> = knownNames();

/** Lower-case form of a header name. */
export function lowerName(name: string): string {
  return KNOWN.get(name) ?? name.toLowerCase();
}

/** A header block in wire order. One flat array, three slots per field: lower-case name, value, and what is written of it: the name as it
 * came, or where nothing was changed of it the whole line as it came, with its end (a piece for each field in place of four). Values are
 * latin1 strings: one char per byte. Names given to the methods must be lower-case. */
export class Headers {
  readonly list: string[];

  constructor(list: string[] = []) {
    this.list = list;
  }

  /** From `[name, value, …]`. */
  static of(...pairs: string[]): Headers {
    const headers = new Headers();
    for (let i = 0; i + 1 < pairs.length; i += 2) headers.add(pairs[i] ?? '', pairs[i + 1] ?? '');
    return headers;
  }

  /** The value, repeated fields joined by a comma; undefined when absent. */
  get(name: string): string | undefined {
    const list = this.list;
    let found: string | undefined;
    for (let i = 0; i < list.length; i += 3) {
      if (list[i] === name) found = found === undefined ? list[i + 1] : `${found},${list[i + 1]}`;
    }
    return found;
  }

  /** Whether any of the fields of that name satisfies; undefined when there is none. */
  some(name: string, test: (value: string) => boolean): boolean | undefined {
    const list = this.list;
    let found: boolean | undefined;
    for (let i = 0; i < list.length; i += 3) {
      if (list[i] !== name) continue;
      if (test(list[i + 1] ?? '')) return true;
      found = false;
    }
    return found;
  }

  has(name: string): boolean {
    const list = this.list;
    for (let i = 0; i < list.length; i += 3) if (list[i] === name) return true;
    return false;
  }

  /** Appends a field. @param name in any case; kept as given on the wire */
  add(name: string, value: string): void {
    this.list.push(lowerName(name), value, name);
  }

  /** Replaces the first field of that name and drops the others; appends when there is none. */
  set(name: string, value: string): void {
    const list = this.list;
    for (let i = 0; i < list.length; i += 3) {
      if (list[i] !== name) continue;
      list[i + 1] = value;
      list[i + 2] = list[i + 2]?.slice(0, name.length) ?? name;
      this.#removeFrom(name, i + 3);
      return;
    }
    list.push(name, value, name);
  }

  remove(name: string): void {
    this.#removeFrom(name, 0);
  }

  /** Drops every field whose lower-case name satisfies `drop`. */
  removeIf(drop: (name: string) => boolean): void {
    const list = this.list;
    let write = 0;
    for (let i = 0; i < list.length; i += 3) {
      if (drop(list[i] ?? '')) continue;
      if (write !== i) this.#move(i, write);
      write += 3;
    }
    list.length = write;
  }

  clone(): Headers {
    return new Headers(this.list.slice());
  }

  *[Symbol.iterator](): IterableIterator<[name: string, value: string]> {
    for (let i = 0; i < this.list.length; i += 3) yield [this.list[i] ?? '', this.list[i + 1] ?? ''];
  }

  /** `name: value\r\n` of every field, names as they came. */
  serialize(): string {
    const list = this.list;
    let text = '';
    for (let i = 0; i < list.length; i += 3) {
      const written = list[i + 2] ?? '';
      text += written.length > (list[i]?.length ?? 0) ? written : `${written}: ${list[i + 1]}\r\n`;
    }
    return text;
  }

  #removeFrom(name: string, start: number): void {
    const list = this.list;
    let from = start;
    while (from < list.length && list[from] !== name) from += 3;
    if (from >= list.length) return;
    let write = from;
    for (let i = from; i < list.length; i += 3) {
      if (list[i] === name) continue;
      this.#move(i, write);
      write += 3;
    }
    list.length = write;
  }

  #move(from: number, to: number): void {
    const list = this.list;
    list[to] = list[from] ?? '';
    list[to + 1] = list[from + 1] ?? '';
    list[to + 2] = list[from + 2] ?? '';
  }
}

function knownNames(): Map<string, string> {
  const names = [
    'host', 'user-agent', 'accept', 'accept-encoding', 'accept-language', 'accept-ranges', 'content-length', 'content-type', 'content-encoding',
    'transfer-encoding', 'connection', 'keep-alive', 'proxy-connection', 'upgrade', 'te', 'trailer', 'expect', 'cookie', 'set-cookie', 'cache-control', 'pragma',
    'date', 'server', 'etag', 'last-modified', 'if-none-match', 'if-modified-since', 'location', 'authorization', 'origin', 'referer', 'vary', 'via', 'age', 'allow', 'range',
    'x-request-id', 'x-forwarded-for', 'x-forwarded-proto', 'x-forwarded-host', 'x-forwarded-client-cert', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-parentspanid', 'x-b3-sampled',
    'x-b3-flags', 'b3', 'traceparent', 'tracestate', 'x-envoy-peer-metadata', 'x-envoy-peer-metadata-id', 'x-envoy-upstream-service-time', 'x-envoy-attempt-count',
    'x-envoy-decorator-operation', 'x-envoy-external-address', 'x-envoy-internal', 'x-envoy-original-path', 'x-powered-by', 'end-user', 'sec-websocket-key',
    'sec-websocket-version', 'sec-websocket-accept', 'grpc-status', 'grpc-message', 'grpc-timeout', 'access-control-request-method', 'access-control-request-headers',
  ];
  const map = new Map<string, string>();
  for (const name of names) {
    map.set(name, name);
    map.set(name.replace(/(^|-)[a-z]/g, (part) => part.toUpperCase()), name);
  }
  return map;
}
