/** A certificate authority: a key, its certificate, and the ways to put its signature under others' keys (RFC 5280).
 * Synchronous: with EC keys a signature takes well under a millisecond. */
import { X509Certificate, createHash, createPrivateKey, randomBytes } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { Tag, bitString, boolean, contextTag, encode, integer, octetString, oid, readBitString, readChildren, readOid, readWhole, sequence, time } from './der.ts';
import type { DerNode } from './der.ts';
import { PkiError } from './errors.ts';
import { KeyKind, exportKey, generateKey, parseCsr, publicKeyInfo } from './csr.ts';
import { encodeAltNames, encodeSubject, hasAltNames } from './names.ts';
import type { Subject, SubjectAltNames } from './names.ts';
import { onlyPem, writePem } from './pem.ts';
import { signerFor } from './signature.ts';

export type CertificateUsage = 'server' | 'client';

export interface SignOptions {
  readonly sans: SubjectAltNames;
  /** From now; cut at the authority's own expiry. */
  readonly lifetimeMs: number;
  readonly usages: readonly CertificateUsage[];
  /** Default: no subject. */
  readonly subject?: Subject;
}

export interface IssueOptions extends SignOptions {
  readonly keyKind?: KeyKind;
}

export interface KeyPair {
  readonly certificatePem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

export interface Authority extends KeyPair {
  /** End of validity, ms since the epoch. */
  readonly notAfterMs: number;
  /** Makes a key and a certificate for it. */
  issue(options: IssueOptions): KeyPair;
  /** Signs the public key of a request. Names come from `options` only, never from the request.
   * @throws PkiError PKI_REFUSED when the request is malformed, weak or not signed by its own key */
  sign(csrPem: string, options: SignOptions): string;
}

export interface CreateAuthorityOptions extends Subject {
  readonly lifetimeMs: number;
  readonly keyKind?: KeyKind;
  readonly clock?: Clock;
}

const Oid = {
  SubjectKeyId: '2.5.29.14',
  KeyUsage: '2.5.29.15',
  SubjectAltName: '2.5.29.17',
  BasicConstraints: '2.5.29.19',
  AuthorityKeyId: '2.5.29.35',
  ExtendedKeyUsage: '2.5.29.37',
} as const;
const EXTENDED_USAGE: Readonly<Record<CertificateUsage, string>> = { server: '1.3.6.1.5.5.7.3.1', client: '1.3.6.1.5.5.7.3.2' };
/** KeyUsage bits as one byte and its unused bits: keyCertSign + cRLSign + digitalSignature; digitalSignature + keyEncipherment. */
const CA_KEY_USAGE = bitString(Uint8Array.of(0b1000_0110), 1);
const LEAF_KEY_USAGE = bitString(Uint8Array.of(0b1010_0000), 5);
/** Certificates start a little in the past, so that a peer whose clock is behind accepts them. Istio: clockSkewGracePeriod. */
const CLOCK_SKEW_MS = 120_000;

/** A new self-signed root. */
export function createAuthority(options: CreateAuthorityOptions): Authority {
  const { clock = systemClock, lifetimeMs, keyKind } = options;
  const key = generateKey(keyKind);
  const now = clock.now();
  const name = encodeSubject(options);
  const spki = publicKeyInfo(key);
  const keyId = subjectKeyId(spki);
  const certificatePem = signCertificate(key, {
    issuer: name,
    subject: name,
    spki,
    notBeforeMs: now - CLOCK_SKEW_MS,
    notAfterMs: now + lifetimeMs,
    extensions: caExtensions(keyId),
  });
  return loadAuthority({ certificatePem, keyPem: exportKey(key), clock });
}

/** An existing authority, self-signed or intermediate. @throws PkiError PKI_INPUT when key and certificate do not belong together */
export function loadAuthority(material: KeyPair & { clock?: Clock }): Authority {
  const { certificatePem, keyPem, clock = systemClock } = material;
  const facts = authorityFacts(certificatePem, keyPem);
  const build = (subjectKey: Buffer, options: SignOptions): string => {
    const now = clock.now();
    return signCertificate(facts.key, {
      issuer: facts.name,
      subject: encodeSubject(options.subject ?? {}),
      spki: subjectKey,
      notBeforeMs: Math.max(now - CLOCK_SKEW_MS, facts.notBeforeMs),
      notAfterMs: Math.min(now + options.lifetimeMs, facts.notAfterMs),
      extensions: leafExtensions(options, subjectKeyId(subjectKey), facts.keyId),
    });
  };
  return {
    certificatePem,
    keyPem,
    notAfterMs: facts.notAfterMs,
    issue(options) {
      const key = generateKey(options.keyKind);
      return { certificatePem: build(publicKeyInfo(key), options), keyPem: exportKey(key) };
    },
    sign(csrPem, options) {
      const result = parseCsr(csrPem);
      if (!result.ok) throw new PkiError('PKI_REFUSED', `certificate request refused: ${result.reason}`);
      return build(result.csr.publicKey, options);
    },
  };
}

interface CertificateParts {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly spki: Buffer;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly extensions: readonly Buffer[];
}

function signCertificate(key: KeyObject, parts: CertificateParts): string {
  const { algorithm, sign } = signerFor(key);
  const serial = randomBytes(16);
  // The top bit stays clear and the next one set: positive, and always 16 bytes (RFC 5280 §4.1.2.2 allows 20).
  serial[0] = ((serial[0] ?? 0) & 0x3f) | 0x40;
  const body = sequence(
    encode(contextTag(0), integer(Buffer.from([2]))),
    integer(serial),
    algorithm,
    parts.issuer,
    sequence(time(parts.notBeforeMs), time(parts.notAfterMs)),
    parts.subject,
    parts.spki,
    encode(contextTag(3), sequence(...parts.extensions)),
  );
  return writePem('CERTIFICATE', sequence(body, algorithm, bitString(sign(body))));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  return critical ? sequence(oid(id), boolean(true), octetString(value)) : sequence(oid(id), octetString(value));
}

const caExtensions = (keyId: Buffer): Buffer[] => [
  extension(Oid.KeyUsage, CA_KEY_USAGE, true),
  extension(Oid.BasicConstraints, sequence(boolean(true)), true),
  extension(Oid.SubjectKeyId, octetString(keyId)),
];

function leafExtensions(options: SignOptions, keyId: Buffer, issuerKeyId: Buffer): Buffer[] {
  const list = [
    extension(Oid.KeyUsage, LEAF_KEY_USAGE, true),
    extension(Oid.ExtendedKeyUsage, sequence(...options.usages.map((usage) => oid(EXTENDED_USAGE[usage])))),
    extension(Oid.BasicConstraints, sequence(), true),
    extension(Oid.SubjectKeyId, octetString(keyId)),
    extension(Oid.AuthorityKeyId, sequence(encode(contextTag(0, 'primitive'), issuerKeyId))),
  ];
  // RFC 5280 §4.2.1.6: critical when the subject is empty.
  const anonymous = options.subject?.commonName === undefined && options.subject?.organization === undefined;
  if (hasAltNames(options.sans)) list.push(extension(Oid.SubjectAltName, encodeAltNames(options.sans), anonymous));
  return list;
}

function authorityFacts(certificatePem: string, keyPem: string) {
  const der = onlyPem(certificatePem, 'CERTIFICATE');
  const certificate = new X509Certificate(der);
  const key = createPrivateKey(keyPem);
  if (!certificate.checkPrivateKey(key)) throw new PkiError('PKI_INPUT', 'the private key does not belong to the certificate of the authority');
  if (!certificate.ca) throw new PkiError('PKI_INPUT', 'the certificate is not one of an authority: basicConstraints CA:TRUE is missing');
  const fields = certificateFields(der);
  return {
    key,
    name: fields.subject,
    keyId: fields.keyId ?? subjectKeyId(fields.spki),
    notBeforeMs: certificate.validFromDate.getTime(),
    notAfterMs: certificate.validToDate.getTime(),
  };
}

/** Subject and key as they stand in the certificate, byte for byte: issuer names are compared as bytes. */
function certificateFields(der: Buffer): { subject: Buffer; spki: Buffer; keyId: Buffer | undefined } {
  const [body] = readChildren(readWhole(der), Tag.Sequence);
  const all = body ? readChildren(body, Tag.Sequence) : [];
  const fields = all[0]?.tag === contextTag(0) ? all.slice(1) : all;
  const subject = fields[4];
  const spki = fields[5];
  if (!subject || !spki) throw new PkiError('PKI_INPUT', 'malformed certificate: parts are missing');
  return { subject: subject.bytes, spki: spki.bytes, keyId: keyIdOf(fields.find((f) => f.tag === contextTag(3))) };
}

function keyIdOf(extensions: DerNode | undefined): Buffer | undefined {
  const list = extensions && readChildren(extensions)[0];
  for (const item of list ? readChildren(list, Tag.Sequence) : []) {
    const parts = readChildren(item, Tag.Sequence);
    const value = parts.at(-1);
    if (parts[0] && value && readOid(parts[0]) === Oid.SubjectKeyId) return readWhole(value.content).content;
  }
  return undefined;
}

/** RFC 5280 §4.2.1.2 method 1. SHA-1 is an identifier here, not a protection. */
function subjectKeyId(spki: Buffer): Buffer {
  const bits = readChildren(readWhole(spki), Tag.Sequence)[1];
  if (!bits) throw new PkiError('PKI_INPUT', 'malformed public key');
  return createHash('sha1').update(readBitString(bits)).digest();
}
