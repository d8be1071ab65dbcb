/** Names in certificates: the subject, and the subject alternative names (RFC 5280 §4.1.2.4, §4.2.1.6). */
import { isIP } from 'node:net';
import { parseAddress } from '../base/cidr.ts';
import { PkiError } from './errors.ts';
import { Tag, contextTag, encode, oid, readChildren, readOid, readWhole, sequence, setOf, utf8String } from './der.ts';

export interface Subject {
  readonly commonName?: string;
  /** One or several; Kubernetes reads them as the groups of a client certificate. */
  readonly organization?: string | readonly string[];
}

export interface SubjectAltNames {
  readonly dns?: readonly string[];
  /** IPv4 or IPv6 addresses as text. */
  readonly ip?: readonly string[];
  readonly uri?: readonly string[];
}

const COMMON_NAME = '2.5.4.3';
const ORGANIZATION = '2.5.4.10';

export function encodeSubject(subject: Subject): Buffer {
  const organizations = typeof subject.organization === 'string' ? [subject.organization] : (subject.organization ?? []);
  const attributes = organizations.map((name) => attribute(ORGANIZATION, name));
  if (subject.commonName !== undefined) attributes.push(attribute(COMMON_NAME, subject.commonName));
  return sequence(...attributes);
}

export function encodeAltNames(sans: SubjectAltNames): Buffer {
  return sequence(
    ...(sans.dns ?? []).map((name) => encode(contextTag(2, 'primitive'), Buffer.from(name, 'latin1'))),
    ...(sans.uri ?? []).map((uri) => encode(contextTag(6, 'primitive'), Buffer.from(uri, 'latin1'))),
    ...(sans.ip ?? []).map((ip) => encode(contextTag(7, 'primitive'), addressBytes(ip))),
  );
}

export function decodeAltNames(der: Buffer): Required<SubjectAltNames> {
  const sans = { dns: [] as string[], ip: [] as string[], uri: [] as string[] };
  for (const name of readChildren(readWhole(der), Tag.Sequence)) {
    if (name.tag === contextTag(2, 'primitive')) sans.dns.push(name.content.toString('latin1'));
    else if (name.tag === contextTag(6, 'primitive')) sans.uri.push(name.content.toString('latin1'));
    else if (name.tag === contextTag(7, 'primitive')) sans.ip.push(addressText(name.content));
  }
  return sans;
}

/** The common name in an encoded Name, if any. */
export function decodeCommonName(der: Buffer): string | undefined {
  for (const relative of readChildren(readWhole(der), Tag.Sequence)) {
    for (const pair of readChildren(relative, Tag.Set)) {
      const [type, value] = readChildren(pair, Tag.Sequence);
      if (type && value && readOid(type) === COMMON_NAME) return value.content.toString('utf8');
    }
  }
  return undefined;
}

export const hasAltNames = (sans: SubjectAltNames): boolean => (sans.dns?.length ?? 0) + (sans.ip?.length ?? 0) + (sans.uri?.length ?? 0) > 0;

const attribute = (type: string, value: string) => setOf(sequence(oid(type), utf8String(value)));

function addressBytes(ip: string): Uint8Array {
  const bytes = isIP(ip) === 0 ? undefined : parseAddress(ip);
  if (!bytes) throw new PkiError('PKI_INPUT', `"${ip}" is not an IP address; put host names into sans.dns`);
  return bytes;
}

function addressText(bytes: Buffer): string {
  if (bytes.length === 4) return bytes.join('.');
  return Array.from({ length: bytes.length >> 1 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16)).join(':');
}
