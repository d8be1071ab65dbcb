/** A header section as HPACK gives it, with the rules that HTTP/2 has for one. RFC 9113 §8.2, §8.3. */
import { CLASS, FIELD, TOKEN } from '../http1/chars.ts';
import { ENTRY_OVERHEAD } from './hpack-table.ts';

export interface BlockLimits {
  /** Names, values and 32 octets for each field. RFC 9113 §6.5.2 */
  readonly maxBytes: number;
  readonly maxFields: number;
}

export const Pseudo = { Method: ':method', Scheme: ':scheme', Path: ':path', Authority: ':authority', Protocol: ':protocol', Status: ':status' } as const;

/** Fields that mean one connection of HTTP/1. RFC 9113 §8.2.2: a section with one of them is malformed. */
const CONNECTION_FIELDS: ReadonlySet<string> = new Set(['connection', 'keep-alive', 'proxy-connection', 'transfer-encoding', 'upgrade']);

/** A few bytes can stand for thousands of fields; this many times what is allowed is no mistake. */
const HOSTILE_FACTOR = 4;

export class HeaderBlock {
  method: string | undefined;
  scheme: string | undefined;
  path: string | undefined;
  authority: string | undefined;
  protocol: string | undefined;
  status: string | undefined;
  host: string | undefined;
  /** -1: not given. */
  contentLength = -1;
  /** Ordinary fields without `host`: name, value, name. */
  readonly list: string[] = [];
  /** Breaks a rule: the stream is to be reset. */
  malformed = false;
  /** More than the limits allow; what was too much is not kept. */
  tooLarge = false;
  /** So much more that it can only mean harm: it need not be read to its end. */
  hostile = false;
  readonly #limits: BlockLimits;
  #bytes = 0;
  #cookie = -1;

  constructor(limits: BlockLimits) {
    this.#limits = limits;
  }

  get hasPseudo(): boolean {
    return this.method !== undefined || this.scheme !== undefined || this.path !== undefined || this.authority !== undefined || this.protocol !== undefined || this.status !== undefined;
  }

  /** @param valid name and value consist of what they may */
  add(name: string, value: string, valid: boolean): void {
    this.#bytes += name.length + value.length + ENTRY_OVERHEAD;
    if (this.#bytes > this.#limits.maxBytes) {
      this.tooLarge = true;
      if (this.#bytes > this.#limits.maxBytes * HOSTILE_FACTOR) this.hostile = true;
    }
    if (this.tooLarge) return;
    if (!valid) this.malformed = true;
    else if (name.charCodeAt(0) === 0x3a) this.#addPseudo(name, value);
    else this.#addField(name, value);
  }

  #addPseudo(name: string, value: string): void {
    // They come once each, and before all fields.
    if (this.list.length > 0 || this.host !== undefined) this.malformed = true;
    switch (name) {
      case Pseudo.Method:
        if (this.method !== undefined) this.malformed = true;
        this.method = value;
        return;
      case Pseudo.Scheme:
        if (this.scheme !== undefined) this.malformed = true;
        this.scheme = value;
        return;
      case Pseudo.Path:
        if (this.path !== undefined) this.malformed = true;
        this.path = value;
        return;
      case Pseudo.Authority:
        if (this.authority !== undefined) this.malformed = true;
        this.authority = value;
        return;
      case Pseudo.Protocol:
        if (this.protocol !== undefined) this.malformed = true;
        this.protocol = value;
        return;
      case Pseudo.Status:
        if (this.status !== undefined) this.malformed = true;
        this.status = value;
        return;
      default:
        this.malformed = true;
    }
  }

  #addField(name: string, value: string): void {
    if (this.list.length >= this.#limits.maxFields * 3) {
      this.tooLarge = true;
      return;
    }
    switch (name) {
      case 'host':
        if (this.host !== undefined) this.malformed = true;
        this.host = value;
        return;
      case 'content-length':
        if (!this.#addLength(value)) return;
        break;
      case 'te':
        if (value !== 'trailers') this.malformed = true;
        break;
      case 'cookie':
        // RFC 9113 §8.2.3: crumbs become one field before they leave HTTP/2.
        if (this.#cookie >= 0) {
          this.list[this.#cookie] += `; ${value}`;
          return;
        }
        this.#cookie = this.list.length + 1;
        break;
      default:
        if (CONNECTION_FIELDS.has(name)) this.malformed = true;
    }
    this.list.push(name, value, name);
  }

  /** @returns true when the field is to be kept: the first of its kind */
  #addLength(value: string): boolean {
    const isNumber = value.length > 0 && value.length <= 15 && /^\d+$/.test(value);
    const isFirst = this.contentLength < 0;
    if (!isNumber || (!isFirst && Number(value) !== this.contentLength)) this.malformed = true;
    this.contentLength = Number(value);
    return isFirst;
  }
}

/** RFC 9113 §8.2.1: a token in lower case, or a pseudo header's name. */
export function isFieldName(name: string): boolean {
  const start = name.charCodeAt(0) === 0x3a ? 1 : 0;
  if (name.length === start) return false;
  for (let i = start; i < name.length; i++) {
    const c = name.charCodeAt(i);
    if (((CLASS[c] ?? 0) & TOKEN) === 0 || (c >= 0x41 && c <= 0x5a)) return false;
  }
  return true;
}

/** No control characters, no space at either end. */
export function isFieldValue(value: string): boolean {
  const { length } = value;
  for (let i = 0; i < length; i++) if (((CLASS[value.charCodeAt(i)] ?? 0) & FIELD) === 0) return false;
  return length === 0 || !(isSpace(value.charCodeAt(0)) || isSpace(value.charCodeAt(length - 1)));
}

const isSpace = (c: number): boolean => c === 0x20 || c === 0x09;
