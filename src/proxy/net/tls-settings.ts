/** TLS contexts of Envoy's API, compiled: which secrets, which peers, which versions. */
import type { CertificateValidationContext, SubjectAltNameMatcher } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/common_pb.js';
import type { CommonTlsContext } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import { constants, createHash, type X509Certificate } from 'node:crypto';
import type { SecureVersion } from 'node:tls';
import { ConfigError } from '../errors.ts';
import { compileStringMatcher, type StringPredicate } from '../route/string-match.ts';
import type { TlsSecret } from '../secret-source.ts';
import { SYSTEM_ROOTS } from '../secrets/file-secrets.ts';

/** A secret by SDS name, or given in place. */
export type SecretRef = { readonly sds: string } | { readonly inline: TlsSecret };

export interface SanRule {
  readonly type: 'URI' | 'DNS' | 'IP Address' | 'email';
  readonly matches: StringPredicate;
}

export interface TlsSettings {
  readonly certificates: readonly SecretRef[];
  /** Undefined: peers are not verified. */
  readonly trust?: SecretRef;
  /** Revocation lists that have to vouch for the peer's whole chain. */
  readonly crl?: SecretRef;
  /** Empty: any name that the trusted roots vouch for. */
  readonly sans: readonly SanRule[];
  /** SHA-256 of certificates (hex) and of their public keys (base64), of which a peer must have one; empty: no demand. */
  readonly pins: ReadonlySet<string>;
  /** Peers are asked for a certificate, and let in whatever it is worth. Envoy: trust_chain_verification ACCEPT_UNTRUSTED. */
  readonly acceptsUntrusted: boolean;
  readonly alpn: readonly string[];
  readonly minVersion?: SecureVersion;
  readonly maxVersion?: SecureVersion;
  /** OpenSSL cipher list. */
  readonly ciphers: string;
  readonly curves?: string;
}

/** SDS names that it depends on. */
export function secretNames(settings: TlsSettings | undefined): string[] {
  const refs = settings ? [...settings.certificates, settings.trust, settings.crl] : [];
  return refs.flatMap((ref) => (ref && 'sds' in ref ? [ref.sds] : []));
}

const VERSIONS: readonly (SecureVersion | undefined)[] = [undefined, 'TLSv1', 'TLSv1.1', 'TLSv1.2', 'TLSv1.3'];
const SAN_TYPES: readonly (SanRule['type'] | undefined)[] = [undefined, 'email', 'DNS', 'URI', 'IP Address'];

export function compileTls(common: CommonTlsContext | undefined): TlsSettings {
  const params = common?.tlsParams;
  const inline = (common?.tlsCertificates ?? []).map((certificate): SecretRef => {
    const chain = fileName(certificate.certificateChain);
    const key = fileName(certificate.privateKey);
    if (chain !== undefined && key !== undefined) return { sds: `file-cert:${chain}~${key}` };
    return { inline: { kind: 'certificate', certificateChainPem: pem(certificate.certificateChain, 'certificate_chain'), keyPem: pem(certificate.privateKey, 'private_key') } };
  });
  const sds = (common?.tlsCertificateSdsSecretConfigs ?? []).map((config): SecretRef => ({ sds: config.name }));
  const validation = compileValidation(common?.validationContextType ?? { case: undefined });
  return {
    certificates: [...inline, ...sds],
    ...validation,
    alpn: common?.alpnProtocols ?? [],
    minVersion: VERSIONS[params?.tlsMinimumProtocolVersion ?? 0] ?? 'TLSv1.2',
    maxVersion: VERSIONS[params?.tlsMaximumProtocolVersion ?? 0],
    ciphers: params && params.cipherSuites.length > 0 ? [...params.cipherSuites.map((suite) => suite.replace(/^\[(.*)\]$/, '$1').replaceAll('|', ':')), TLS13_SUITES].join(':') : defaultCiphers(),
    curves: params && params.ecdhCurves.length > 0 ? params.ecdhCurves.join(':') : undefined,
  };
}

/** The list is about TLS 1.2; without these, TLS 1.3 would be off. In Envoy's order, which is that of BoringSSL: ten rounds of AES for each
 * block instead of fourteen. */
const TLS13_SUITES = 'TLS_AES_128_GCM_SHA256:TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256';
const defaultCiphers = (): string => [TLS13_SUITES, ...constants.defaultCoreCipherList.split(':').filter((suite) => !suite.startsWith('TLS_'))].join(':');

type Validation = Pick<TlsSettings, 'trust' | 'crl' | 'sans' | 'pins' | 'acceptsUntrusted'>;
const NO_DEMANDS: Validation = { sans: [], pins: new Set(), acceptsUntrusted: false };

function compileValidation(type: CommonTlsContext['validationContextType'] | { case: undefined }): Validation {
  switch (type.case) {
    case 'validationContext':
      return { ...demands(type.value), trust: trustOf(type.value) };
    case 'validationContextSdsSecretConfig':
      return { ...NO_DEMANDS, trust: { sds: type.value.name } };
    case 'combinedValidationContext': {
      const sds = type.value.validationContextSdsSecretConfig?.name;
      const base = type.value.defaultValidationContext;
      return { ...(base ? demands(base) : NO_DEMANDS), trust: sds === undefined ? base && trustOf(base) : { sds } };
    }
    case undefined:
      return NO_DEMANDS;
    default:
      throw new ConfigError(`tls: ${type.case} is not supported`);
  }
}

function demands(context: CertificateValidationContext): Validation {
  const hashes = context.verifyCertificateHash.map((hash) => hash.replaceAll(':', '').toLowerCase());
  return {
    sans: sanRules(context),
    pins: new Set([...hashes, ...context.verifyCertificateSpki]),
    crl: crlOf(context),
    acceptsUntrusted: (context.trustChainVerification as number) === ACCEPT_UNTRUSTED,
  };
}

const ACCEPT_UNTRUSTED = 1;

function trustOf(context: CertificateValidationContext): SecretRef | undefined {
  if (context.systemRootCerts) return { sds: SYSTEM_ROOTS };
  if (context.trustedCa === undefined) return undefined;
  const file = fileName(context.trustedCa);
  if (file !== undefined) return { sds: `file-root:${file}` };
  return { inline: { kind: 'trust', trustedCaPem: pem(context.trustedCa, 'trusted_ca') } };
}

function crlOf({ crl }: CertificateValidationContext): SecretRef | undefined {
  if (crl === undefined) return undefined;
  const file = fileName(crl);
  return file === undefined ? { inline: { kind: 'crl', crlPem: pem(crl, 'crl') } } : { sds: `file-crl:${file}` };
}

function sanRules(context: CertificateValidationContext): SanRule[] {
  const typed = context.matchTypedSubjectAltNames.map((matcher: SubjectAltNameMatcher): SanRule => {
    const type = SAN_TYPES[matcher.sanType];
    if (type === undefined) throw new ConfigError('tls: subject alt name matcher of unknown type');
    const pattern = matcher.matcher?.matchPattern;
    if (type === 'DNS' && pattern?.case === 'exact') return { type, matches: dnsRule(pattern.value) };
    return { type, matches: compileStringMatcher(matcher.matcher) };
  });
  // The old untyped form matches any kind of name.
  const untyped = context.matchSubjectAltNames.flatMap((matcher) => {
    const matches = compileStringMatcher(matcher);
    return (['URI', 'DNS', 'IP Address', 'email'] as const).map((type): SanRule => ({ type, matches }));
  });
  return [...typed, ...untyped];
}

/** A name as a server is asked for: a star in its certificate stands for one label. RFC 6125 §6.4.3 */
function dnsRule(wanted: string): StringPredicate {
  const name = wanted.toLowerCase();
  return (text) => {
    const san = text.toLowerCase();
    if (!san.startsWith('*.')) return san === name;
    const dot = name.indexOf('.');
    return dot > 0 && name.slice(dot) === san.slice(1);
  };
}

/** The server must prove the name, or address, by which it is called. Envoy: auto_san_validation. */
export function serverNameRules(name: string): SanRule[] {
  const isSame = (san: string) => san === name;
  return [{ type: 'DNS', matches: dnsRule(name) }, { type: 'IP Address', matches: isSame }, { type: 'URI', matches: isSame }];
}

function fileName(source: { specifier: { case?: string; value?: unknown } } | undefined): string | undefined {
  const { case: kind, value } = source?.specifier ?? {};
  return kind === 'filename' && typeof value === 'string' ? value : undefined;
}

function pem(source: { specifier: { case?: string; value?: unknown } } | undefined, field: string): string {
  const { case: kind, value } = source?.specifier ?? {};
  if (kind === 'inlineString' && typeof value === 'string') return value;
  if (kind === 'inlineBytes' && value instanceof Uint8Array) return Buffer.from(value).toString('utf8');
  throw new ConfigError(`tls: ${field} must be inline or come by SDS`);
}

/** `URI:spiffe://a/b, DNS:c` as Node and OpenSSL print it → entries. Quoted entries (with commas inside) are unquoted. */
export function parseSubjectAltName(text: string | undefined): { type: string; value: string }[] {
  if (text === undefined) return [];
  const parts = text.match(/(?:[^,"]|"(?:[^"\\]|\\.)*")+/g) ?? [];
  return parts.map((part) => {
    const entry = part.trim();
    const colon = entry.indexOf(':');
    const raw = entry.slice(colon + 1);
    return { type: entry.slice(0, colon), value: raw.startsWith('"') ? (JSON.parse(raw) as string) : raw };
  });
}

/** True when the certificate's names satisfy one of the rules; no rules, no demand. */
export function sansMatch(rules: readonly SanRule[], subjectAltName: string | undefined): boolean {
  if (rules.length === 0) return true;
  const names = parseSubjectAltName(subjectAltName);
  return names.some((name) => rules.some((rule) => rule.type === name.type && rule.matches(name.value)));
}

/** Why a peer's certificate does not do, in Envoy's words; that somebody trusted vouches for it is checked elsewhere. */
export function certificateProblem(settings: Pick<TlsSettings, 'sans' | 'pins'>, certificate: X509Certificate | undefined): string | undefined {
  const { sans, pins } = settings;
  if (pins.size > 0 && !(certificate && isPinned(certificate, pins))) return 'verify certificate hash';
  return sansMatch(sans, certificate?.subjectAltName) ? undefined : 'verify SAN list';
}

export function isPinned(certificate: X509Certificate, pins: ReadonlySet<string>): boolean {
  const spki = certificate.publicKey.export({ type: 'spki', format: 'der' });
  return pins.has(certificate.fingerprint256.replaceAll(':', '').toLowerCase()) || pins.has(createHash('sha256').update(spki).digest('base64'));
}

/** The SPIFFE identity (or else first URI) of a certificate. */
export function uriSan(subjectAltName: string | undefined): string | undefined {
  return parseSubjectAltName(subjectAltName).find((name) => name.type === 'URI')?.value;
}
