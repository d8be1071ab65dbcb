/** PEM (RFC 7468): the text envelope of keys, certificates and requests. */
import { PkiError } from './errors.ts';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----\r?\n([A-Za-z0-9+/=\r\n]+?)-----END \1-----/g;

export interface PemBlock {
  readonly label: string;
  readonly der: Buffer;
}

export function readPem(text: string): PemBlock[] {
  return Array.from(text.matchAll(BLOCK), ([, label = '', body = '']) => ({ label, der: Buffer.from(body, 'base64') }));
}

export function writePem(label: string, der: Uint8Array): string {
  const body = Buffer.from(der.buffer, der.byteOffset, der.byteLength).toString('base64').replace(/.{64}(?=.)/g, '$&\n');
  return `-----BEGIN ${label}-----\n${body}\n-----END ${label}-----\n`;
}

/** The first block with that label. @throws PkiError PKI_INPUT when there is none */
export function onlyPem(text: string, label: string): Buffer {
  const block = readPem(text).find((b) => b.label === label);
  if (!block) throw new PkiError('PKI_INPUT', `expected PEM text with a "${label}" block`);
  return block.der;
}

/** Certificates of a chain as PEM texts, in their order. */
export function splitChain(text: string): string[] {
  return readPem(text).flatMap((block) => (block.label === 'CERTIFICATE' ? [writePem(block.label, block.der)] : []));
}
