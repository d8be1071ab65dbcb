/** Facts about a certificate that people and programs ask for. */
import { X509Certificate } from 'node:crypto';
import { PkiError } from './errors.ts';

export interface CertificateFacts {
  /** Upper-case hex. */
  readonly serialNumber: string;
  readonly subject: string;
  readonly issuer: string;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly dns: readonly string[];
  readonly uris: readonly string[];
  readonly ips: readonly string[];
  readonly isAuthority: boolean;
}

/** @param certificate PEM text or DER bytes; of a chain, the first. @throws PkiError PKI_INPUT */
export function readCertificate(certificate: string | Uint8Array): CertificateFacts {
  const x509 = parse(certificate);
  const names = splitAltNames(x509.subjectAltName ?? '');
  const ofType = (type: string) => names.flatMap((name) => (name.startsWith(`${type}:`) ? [name.slice(type.length + 1)] : []));
  return {
    serialNumber: x509.serialNumber,
    subject: x509.subject ?? '',
    issuer: x509.issuer ?? '',
    notBeforeMs: x509.validFromDate.getTime(),
    notAfterMs: x509.validToDate.getTime(),
    dns: ofType('DNS'),
    uris: ofType('URI'),
    ips: ofType('IP Address'),
    isAuthority: x509.ca,
  };
}

/** Node prints `DNS:a, URI:spiffe://…`; a value with a comma or quote in it is printed as a JSON string. */
export function splitAltNames(text: string): string[] {
  return Array.from(text.matchAll(/([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^,]*)(?:, |$)/g), ([, type = '', value = '']) =>
    `${type}:${value.startsWith('"') ? String(JSON.parse(value)) : value}`);
}

function parse(certificate: string | Uint8Array): X509Certificate {
  try {
    return new X509Certificate(certificate);
  } catch (cause) {
    throw new PkiError('PKI_INPUT', 'not an X.509 certificate', { cause });
  }
}
