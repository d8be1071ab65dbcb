/** A header block as modules see it: with the pseudo headers, and without any way to break the message. */
import { Headers } from '../../codec/headers.ts';
import type { RequestHead, ResponseHead } from '../../codec/stream.ts';
import type { Pair } from './pairs.ts';

export interface HeaderMap {
  get(name: string): string | undefined;
  /** @returns false when there can be no such field */
  add(name: string, value: string): boolean;
  replace(name: string, value: string): boolean;
  remove(name: string): void;
  list(): [name: string, value: string][];
}

/** How a message is framed is this proxy's business. */
const FRAMING: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'te', 'transfer-encoding', 'upgrade']);
const NAME = /^[!#$%&'*+\-.^_`|~0-9a-z]+$/;
// eslint-disable-next-line no-control-regex -- what must not be in a value
const BAD_VALUE = /[\0-\x08\n-\x1f\x7f]/;

export const isField = (name: string, value: string): boolean => NAME.test(name) && !FRAMING.has(name) && !BAD_VALUE.test(value);

interface Pseudo {
  readonly get: () => string | undefined;
  /** @returns false when it cannot be that */
  readonly set: (value: string) => boolean;
}

export function requestMap(head: RequestHead): HeaderMap {
  const text = (value: string, set: (value: string) => void): boolean => {
    const isGood = value !== '' && !/[\0-\x20\x7f]/.test(value);
    if (isGood) set(value);
    return isGood;
  };
  const pseudo = new Map<string, Pseudo>([
    [':authority', { get: () => head.authority, set: (value) => text(value, (v) => (head.authority = v)) }],
    [':path', { get: () => head.path, set: (value) => text(value, (v) => (head.path = v)) }],
    [':method', { get: () => head.method, set: (value) => NAME.test(value.toLowerCase()) && text(value, (v) => (head.method = v)) }],
    [':scheme', { get: () => head.scheme, set: (value) => text(value, (v) => (head.scheme = v)) }],
  ]);
  return new MessageMap(head, pseudo);
}

export function responseMap(head: ResponseHead): HeaderMap {
  const set = (value: string): boolean => {
    // A body cannot be taken away from these: the next message would begin with it.
    const isGood = /^[2-5]\d\d$/.test(value) && (head.bodyLength === 0 || (value !== '204' && value !== '304'));
    if (isGood) head.status = Number(value);
    return isGood;
  };
  return new MessageMap(head, new Map([[':status', { get: () => String(head.status), set }]]));
}

/** Of trailers and of the answers to calls. */
export const plainMap = (headers: Headers, pseudo: readonly (readonly [string, string])[] = []): HeaderMap =>
  new MessageMap({ headers, bodyLength: 0 }, new Map(pseudo.map(([name, value]) => [name, { get: () => value, set: () => false }])));

class MessageMap implements HeaderMap {
  readonly #head: { readonly headers: Headers; bodyLength: number };
  readonly #pseudo: ReadonlyMap<string, Pseudo>;

  constructor(head: { readonly headers: Headers; bodyLength: number }, pseudo: ReadonlyMap<string, Pseudo>) {
    this.#head = head;
    this.#pseudo = pseudo;
  }

  get(name: string): string | undefined {
    const known = this.#pseudo.get(name);
    return known ? known.get() : this.#head.headers.get(name);
  }

  add(name: string, value: string): boolean {
    if (this.#pseudo.has(name) || name === 'host' || name === 'content-length') return this.replace(name, value);
    if (!isField(name, value)) return false;
    this.#head.headers.add(name, value);
    return true;
  }

  replace(name: string, value: string): boolean {
    const known = this.#pseudo.get(name) ?? (name === 'host' ? this.#pseudo.get(':authority') : undefined);
    if (known) return known.set(value);
    if (!isField(name, value)) return false;
    // A length that is not the body's would let the rest of it be taken for another message.
    if (name === 'content-length') this.remove(name);
    else this.#head.headers.set(name, value);
    return true;
  }

  remove(name: string): void {
    this.#head.headers.remove(name);
    if (name === 'content-length' && this.#head.bodyLength > 0) this.#head.bodyLength = -1;
  }

  list(): [name: string, value: string][] {
    const pseudo = [...this.#pseudo].flatMap(([name, { get }]): [string, string][] => [[name, get() ?? '']]);
    return [...pseudo, ...this.#head.headers];
  }
}

/** Header values are one char for each byte. */
export const pairOf = ([name, value]: readonly [string, string]): Pair => [Buffer.from(name, 'latin1'), Buffer.from(value, 'latin1')];
export const nameOf = (bytes: Buffer): string => bytes.toString('latin1').toLowerCase();
export const valueOf = (bytes: Buffer): string => bytes.toString('latin1');
