/** The part of DER (ITU-T X.690) that certificates and certificate requests are made of. Written here because a sidecar
 * needs one CSR at start: an ASN.1 library costs more time to load than the whole sidecar may take to start. */
import { PkiError } from './errors.ts';

export const Tag = {
  Boolean: 0x01,
  Integer: 0x02,
  BitString: 0x03,
  OctetString: 0x04,
  Null: 0x05,
  Oid: 0x06,
  Utf8String: 0x0c,
  PrintableString: 0x13,
  Ia5String: 0x16,
  UtcTime: 0x17,
  GeneralizedTime: 0x18,
  Sequence: 0x30,
  Set: 0x31,
} as const;

export interface DerNode {
  readonly tag: number;
  /** Tag, length and content. */
  readonly bytes: Buffer;
  readonly content: Buffer;
}

/** Context-specific tag `[n]`, constructed unless `primitive`. */
export const contextTag = (n: number, form: 'constructed' | 'primitive' = 'constructed'): number => (form === 'constructed' ? 0xa0 : 0x80) | n;

export function encode(tag: number, ...parts: Uint8Array[]): Buffer {
  const content = Buffer.concat(parts);
  return Buffer.concat([Buffer.from([tag, ...lengthBytes(content.length)]), content]);
}

export const sequence = (...parts: Uint8Array[]): Buffer => encode(Tag.Sequence, ...parts);
export const setOf = (...parts: Uint8Array[]): Buffer => encode(Tag.Set, ...parts);
export const octetString = (bytes: Uint8Array): Buffer => encode(Tag.OctetString, bytes);
export const boolean = (value: boolean): Buffer => encode(Tag.Boolean, Buffer.from([value ? 0xff : 0]));
export const nullValue = (): Buffer => encode(Tag.Null);
export const utf8String = (text: string): Buffer => encode(Tag.Utf8String, Buffer.from(text, 'utf8'));

/** @param unusedBits how many low bits of the last byte carry nothing */
export const bitString = (bytes: Uint8Array, unusedBits = 0): Buffer => encode(Tag.BitString, Buffer.from([unusedBits]), bytes);

/** A non-negative integer from its big-endian bytes. */
export function integer(bytes: Uint8Array): Buffer {
  let start = 0;
  while (start < bytes.length - 1 && bytes[start] === 0) start++;
  const body = bytes.subarray(start);
  return encode(Tag.Integer, ((body[0] ?? 0) & 0x80) !== 0 ? Buffer.concat([Buffer.from([0]), body]) : body);
}

/** @param dotted e.g. `2.5.29.17` */
export function oid(dotted: string): Buffer {
  const [first = 0, second = 0, ...rest] = dotted.split('.').map(Number);
  const bytes = [first * 40 + second];
  for (const arc of rest) {
    const groups = [arc & 0x7f];
    for (let left = Math.floor(arc / 128); left > 0; left = Math.floor(left / 128)) groups.unshift((left & 0x7f) | 0x80);
    bytes.push(...groups);
  }
  return encode(Tag.Oid, Buffer.from(bytes));
}

export function readOid(node: DerNode): string {
  const arcs: number[] = [];
  let value = 0;
  for (const byte of node.content) {
    value = value * 128 + (byte & 0x7f);
    if ((byte & 0x80) !== 0) continue;
    if (arcs.length === 0) {
      const first = Math.min(2, Math.floor(value / 40));
      arcs.push(first, value - first * 40);
    } else {
      arcs.push(value);
    }
    value = 0;
  }
  return arcs.join('.');
}

/** RFC 5280 §4.1.2.5: UTCTime until 2049, GeneralizedTime from 2050; whole seconds. */
export function time(epochMs: number): Buffer {
  const iso = new Date(epochMs).toISOString();
  const digits = `${iso.slice(0, 19).replace(/[-:T]/g, '')}Z`;
  return iso < '2050' ? encode(Tag.UtcTime, Buffer.from(digits.slice(2), 'latin1')) : encode(Tag.GeneralizedTime, Buffer.from(digits, 'latin1'));
}

/** Reads one value at the start of `bytes`; more bytes may follow. @throws PkiError PKI_INPUT */
export function readDer(bytes: Buffer): DerNode {
  const tag = bytes[0];
  const first = bytes[1];
  if (tag === undefined || first === undefined || (tag & 0x1f) === 0x1f) throw malformed('truncated or multi-byte tag');
  let length = first;
  let head = 2;
  if (first >= 0x80) {
    const count = first & 0x7f;
    if (count === 0 || count > 4 || bytes.length < 2 + count) throw malformed('bad length');
    length = bytes.readUIntBE(2, count);
    head = 2 + count;
    if (length < 0x80 || length < 2 ** (8 * (count - 1))) throw malformed('length is not minimal');
  }
  if (bytes.length < head + length) throw malformed('value is longer than its container');
  return { tag, bytes: bytes.subarray(0, head + length), content: bytes.subarray(head, head + length) };
}

/** Reads a value that must fill `bytes` exactly. */
export function readWhole(bytes: Buffer): DerNode {
  const node = readDer(bytes);
  if (node.bytes.length !== bytes.length) throw malformed('bytes after the end');
  return node;
}

/** The members of a SEQUENCE, SET or constructed context tag. */
export function readChildren(node: DerNode, expectedTag?: number): DerNode[] {
  if (expectedTag !== undefined && node.tag !== expectedTag) throw malformed(`expected tag 0x${expectedTag.toString(16)}, got 0x${node.tag.toString(16)}`);
  const out: DerNode[] = [];
  for (let rest = node.content; rest.length > 0; ) {
    const child = readDer(rest);
    out.push(child);
    rest = rest.subarray(child.bytes.length);
  }
  return out;
}

/** The bytes of a BIT STRING that is a whole number of bytes. */
export function readBitString(node: DerNode): Buffer {
  if (node.tag !== Tag.BitString || node.content[0] !== 0) throw malformed('expected a bit string of whole bytes');
  return node.content.subarray(1);
}

function lengthBytes(length: number): number[] {
  if (length < 0x80) return [length];
  const bytes: number[] = [];
  for (let left = length; left > 0; left = Math.floor(left / 256)) bytes.unshift(left & 0xff);
  return [0x80 | bytes.length, ...bytes];
}

const malformed = (why: string) => new PkiError('PKI_INPUT', `malformed DER: ${why}`);
