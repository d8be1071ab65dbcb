/** Signature algorithms of certificates: which identifier goes with which key, and back. */
import { createPublicKey, sign as cryptoSign, verify as cryptoVerify } from 'node:crypto';
import type { KeyObject } from 'node:crypto';
import { PkiError } from './errors.ts';
import { nullValue, oid, readChildren, readOid, sequence } from './der.ts';
import type { DerNode } from './der.ts';

interface Algorithm {
  readonly id: string;
  readonly hash: string | null;
  readonly keyType: string;
}

const ALGORITHMS: readonly Algorithm[] = [
  { id: '1.2.840.10045.4.3.2', hash: 'sha256', keyType: 'ec' },
  { id: '1.2.840.10045.4.3.3', hash: 'sha384', keyType: 'ec' },
  { id: '1.2.840.10045.4.3.4', hash: 'sha512', keyType: 'ec' },
  { id: '1.2.840.113549.1.1.11', hash: 'sha256', keyType: 'rsa' },
  { id: '1.2.840.113549.1.1.12', hash: 'sha384', keyType: 'rsa' },
  { id: '1.2.840.113549.1.1.13', hash: 'sha512', keyType: 'rsa' },
  { id: '1.3.101.112', hash: null, keyType: 'ed25519' },
];

/** The encoded AlgorithmIdentifier, and a function that signs with it. @throws PkiError for a key type that is not supported */
export function signerFor(key: KeyObject): { algorithm: Buffer; sign(data: Buffer): Buffer } {
  const curve = key.asymmetricKeyDetails?.namedCurve;
  const wanted = curve === 'secp384r1' ? 'sha384' : 'sha256';
  const found = ALGORITHMS.find((a) => a.keyType === key.asymmetricKeyType && (a.hash === null || a.hash === wanted));
  if (!found) throw new PkiError('PKI_INPUT', `a key of type ${key.asymmetricKeyType ?? 'unknown'} cannot sign certificates; use EC P-256, EC P-384, RSA or Ed25519`);
  const algorithm = found.keyType === 'rsa' ? sequence(oid(found.id), nullValue()) : sequence(oid(found.id));
  return { algorithm, sign: (data) => cryptoSign(found.hash, data, key) };
}

/** Whether `signature` over `data` was made with the private half of `spki`. False also for weak or unknown algorithms. */
export function verifySignature(signed: { algorithm: DerNode; spki: Buffer; data: Buffer; signature: Buffer }): boolean {
  const [id] = readChildren(signed.algorithm);
  const algorithm = id && ALGORITHMS.find((a) => a.id === readOid(id));
  if (!algorithm) return false;
  const key = createPublicKey({ key: signed.spki, format: 'der', type: 'spki' });
  if (key.asymmetricKeyType !== algorithm.keyType) return false;
  return cryptoVerify(algorithm.hash, signed.data, key, signed.signature);
}
