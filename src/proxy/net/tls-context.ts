/** OpenSSL contexts made from settings and present secrets, remade when a secret changes. Connections keep the context they began with. */
import { constants, X509Certificate } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import { errorText } from '../../base/errors.ts';
import type { CertificateSecret, SecretSource, TlsSecret } from '../secret-source.ts';
import { type SecretRef, secretNames, type TlsSettings, uriSan } from './tls-settings.ts';

export interface TlsMaterial {
  readonly context: SecureContext;
  readonly options: SecureContextOptions;
  /** The context of the certificate that is for this name; undefined: there is one for all. */
  contextFor?(serverName: string): SecureContext | undefined;
  /** SPIFFE URI of our own certificate. */
  readonly ownUri: string | undefined;
}

export interface TlsContextHolder {
  /** What to use for a new connection, or why there is nothing yet. */
  current(): TlsMaterial | { readonly missing: string };
  /** SDS names it depends on. */
  readonly secretNames: readonly string[];
  /** Called when `current` will answer differently. */
  onChange(listener: () => void): void;
  close(): void;
}

export function createTlsContextHolder(settings: TlsSettings, secrets: SecretSource): TlsContextHolder {
  const names = secretNames(settings);
  const listeners: (() => void)[] = [];
  let made: TlsMaterial | undefined;
  const stop = secrets.onChange((name) => {
    if (!names.includes(name)) return;
    made = undefined;
    for (const listener of listeners) listener();
  });
  return {
    secretNames: names,
    current() {
      if (made) return made;
      const result = build(settings, secrets);
      if ('context' in result) made = result;
      return result;
    },
    onChange: (listener) => void listeners.push(listener),
    close: stop,
  };
}

function build(settings: TlsSettings, secrets: SecretSource): TlsMaterial | { missing: string } {
  const resolve = (ref: SecretRef): TlsSecret | undefined => ('inline' in ref ? ref.inline : secrets.get(ref.sds));
  const certificates: CertificateSecret[] = [];
  for (const ref of settings.certificates) {
    const secret = resolve(ref);
    if (secret?.kind !== 'certificate') return { missing: `TLS certificate ${nameOf(ref)} is not there yet` };
    certificates.push(secret);
  }
  const trust = settings.trust && resolve(settings.trust);
  if (settings.trust && trust?.kind !== 'trust') return { missing: `trusted roots ${nameOf(settings.trust)} are not there yet` };
  const crl = settings.crl && resolve(settings.crl);
  if (settings.crl && crl?.kind !== 'crl') return { missing: `revocation list ${nameOf(settings.crl)} is not there yet` };
  const lists = [trust?.kind === 'trust' ? trust.crlPem : undefined, crl?.kind === 'crl' ? crl.crlPem : undefined].filter((list) => list !== undefined);
  const options: SecureContextOptions = {
    // OpenSSL holds one certificate of a kind; the others have contexts of their own.
    cert: certificates[0]?.certificateChainPem,
    key: certificates[0]?.keyPem,
    ca: trust?.kind === 'trust' ? splitPem(trust.trustedCaPem) : undefined,
    crl: lists.length > 0 ? lists : undefined,
    minVersion: settings.minVersion,
    maxVersion: settings.maxVersion,
    ciphers: settings.ciphers,
    ecdhCurve: settings.curves,
    // One handshake for each connection: another one costs us more than who asks for it. Envoy refuses it too.
    secureOptions: constants.SSL_OP_NO_RENEGOTIATION,
  };
  try {
    const leaf = certificates[0];
    const context = createSecureContext(options);
    return { context, options, ...(certificates.length > 1 ? { contextFor: chooser(certificates, options) } : {}), ownUri: leaf && uriSan(new X509Certificate(leaf.certificateChainPem).subjectAltName) };
  } catch (error) {
    return { missing: `TLS material cannot be used: ${errorText(error)}` };
  }
}

function chooser(certificates: readonly CertificateSecret[], options: SecureContextOptions): (name: string) => SecureContext | undefined {
  const all = certificates.map(({ certificateChainPem, keyPem }) => ({ leaf: new X509Certificate(certificateChainPem), context: createSecureContext({ ...options, cert: certificateChainPem, key: keyPem }) }));
  return (name) => all.find(({ leaf }) => leaf.checkHost(name) !== undefined)?.context;
}

const nameOf = (ref: SecretRef) => ('sds' in ref ? JSON.stringify(ref.sds) : '(inline)');

function splitPem(bundle: string): string[] {
  return bundle.match(/-----BEGIN CERTIFICATE-----[\s\S]*?-----END CERTIFICATE-----/g) ?? [bundle];
}
