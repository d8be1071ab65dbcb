/** Certificate requests, PKCS #10 (RFC 2986): the sidecar makes one for its service account, the authority reads it. */
import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { errorText } from '../base/errors.ts';
import { Tag, bitString, contextTag, integer, octetString, oid, readBitString, readChildren, readOid, readWhole, sequence, setOf, encode } from './der.ts';
import type { DerNode } from './der.ts';
import { decodeAltNames, decodeCommonName, encodeAltNames, encodeSubject, hasAltNames } from './names.ts';
import type { Subject, SubjectAltNames } from './names.ts';
import { onlyPem, writePem } from './pem.ts';
import { signerFor, verifySignature } from './signature.ts';

export const KeyKind = { EcP256: 'ec-p256', EcP384: 'ec-p384', Rsa2048: 'rsa-2048' } as const;
export type KeyKind = (typeof KeyKind)[keyof typeof KeyKind];

export interface CsrSpec {
  /** Empty by default: an X.509-SVID carries its identity in the URI name alone. */
  readonly subject?: Subject;
  readonly sans?: SubjectAltNames;
  /** Default EC P-256. */
  readonly keyKind?: KeyKind;
}

const EXTENSION_REQUEST = '1.2.840.113549.1.9.14';
const SUBJECT_ALT_NAME = '2.5.29.17';
const MAX_CSR_BYTES = 16 * 1024;
const MIN_RSA_BITS = 2048;

export function generateKey(kind: KeyKind = KeyKind.EcP256): KeyObject {
  if (kind === KeyKind.Rsa2048) return generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey;
  return generateKeyPairSync('ec', { namedCurve: kind === KeyKind.EcP384 ? 'secp384r1' : 'prime256v1' }).privateKey;
}

export const exportKey = (key: KeyObject): string => String(key.export({ type: 'pkcs8', format: 'pem' }));

export const publicKeyInfo = (key: KeyObject): Buffer => createPublicKey(key).export({ type: 'spki', format: 'der' });

/** Makes a new key and a request for it, signed with it. */
export function createCsr(spec: CsrSpec = {}): { csrPem: string; keyPem: string } {
  const key = generateKey(spec.keyKind);
  const { algorithm, sign } = signerFor(key);
  const info = sequence(integer(Buffer.from([0])), encodeSubject(spec.subject ?? {}), publicKeyInfo(key), attributes(spec.sans ?? {}));
  const csr = sequence(info, algorithm, bitString(sign(info)));
  return { csrPem: writePem('CERTIFICATE REQUEST', csr), keyPem: exportKey(key) };
}

export interface CsrFacts {
  readonly commonName: string | undefined;
  readonly sans: Required<SubjectAltNames>;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Buffer;
}

export type CsrResult = { readonly ok: true; readonly csr: CsrFacts } | { readonly ok: false; readonly reason: string };

/** Reads a request from the outside: size, form, key strength and the proof of possession are checked. */
export function parseCsr(pem: string): CsrResult {
  if (pem.length > MAX_CSR_BYTES) return { ok: false, reason: `the request is larger than ${MAX_CSR_BYTES} bytes` };
  try {
    return readCsr(onlyPem(pem, pem.includes('BEGIN NEW CERTIFICATE REQUEST') ? 'NEW CERTIFICATE REQUEST' : 'CERTIFICATE REQUEST'));
  } catch (error) {
    return { ok: false, reason: errorText(error) };
  }
}

function readCsr(der: Buffer): CsrResult {
  const [info, algorithm, signature] = readChildren(readWhole(der), Tag.Sequence);
  const [, subject, spki, attributeSet] = info ? readChildren(info, Tag.Sequence) : [];
  if (!info || !algorithm || !signature || !subject || !spki) return { ok: false, reason: 'not a PKCS #10 request: parts are missing' };
  const weakness = keyWeakness(spki.bytes);
  if (weakness) return { ok: false, reason: weakness };
  if (!verifySignature({ algorithm, spki: spki.bytes, data: info.bytes, signature: readBitString(signature) })) {
    return { ok: false, reason: 'the signature of the request does not match its public key' };
  }
  const sans = attributeSet ? requestedAltNames(attributeSet) : undefined;
  return { ok: true, csr: { commonName: decodeCommonName(subject.bytes), sans: sans ?? { dns: [], ip: [], uri: [] }, publicKey: spki.bytes } };
}

function keyWeakness(spki: Buffer): string | undefined {
  const key = createPublicKey({ key: spki, format: 'der', type: 'spki' });
  const bits = key.asymmetricKeyDetails?.modulusLength;
  return bits !== undefined && bits < MIN_RSA_BITS ? `an RSA key of ${bits} bits is too weak; use ${MIN_RSA_BITS} or more` : undefined;
}

function attributes(sans: SubjectAltNames): Buffer {
  if (!hasAltNames(sans)) return encode(contextTag(0));
  const extension = sequence(oid(SUBJECT_ALT_NAME), octetString(encodeAltNames(sans)));
  return encode(contextTag(0), sequence(oid(EXTENSION_REQUEST), setOf(sequence(extension))));
}

function requestedAltNames(attributeSet: DerNode): Required<SubjectAltNames> | undefined {
  for (const attribute of readChildren(attributeSet)) {
    const [type, values] = readChildren(attribute, Tag.Sequence);
    if (!type || !values || readOid(type) !== EXTENSION_REQUEST) continue;
    const extensions = readChildren(values, Tag.Set)[0];
    for (const extension of extensions ? readChildren(extensions, Tag.Sequence) : []) {
      const parts = readChildren(extension, Tag.Sequence);
      const [id] = parts;
      const value = parts.at(-1);
      if (id && value && readOid(id) === SUBJECT_ALT_NAME) return decodeAltNames(value.content);
    }
  }
  return undefined;
}
