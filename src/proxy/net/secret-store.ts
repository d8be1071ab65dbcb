/** All TLS material by SDS name: what xDS delivered, what the workload's own CSR gave, and files that Istio names by path. */
import type { Secret } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/secret_pb.js';
import { ConfigError } from '../errors.ts';
import type { SecretSource, TlsSecret } from '../secret-source.ts';
import { createFileSecrets } from '../secrets/file-secrets.ts';

export interface SecretStore extends SecretSource {
  /** @throws ConfigError when the secret is of a kind that is not used */
  set(name: string, secret: Secret): void;
  remove(name: string): void;
  close(): void;
}

export function createSecretStore(own: SecretSource): SecretStore {
  const delivered = new Map<string, TlsSecret>();
  const listeners = new Set<(name: string) => void>();
  const emit = (name: string) => {
    for (const listener of listeners) listener(name);
  };
  const stop = own.onChange(emit);
  const files = createFileSecrets(emit);
  return {
    get: (name) => delivered.get(name) ?? own.get(name) ?? files.get(name),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    set(name, secret) {
      delivered.set(name, decodeSecret(name, secret));
      emit(name);
    },
    remove(name) {
      if (delivered.delete(name)) emit(name);
    },
    close() {
      stop();
      files.close();
      listeners.clear();
    },
  };
}

function decodeSecret(name: string, secret: Secret): TlsSecret {
  const { type } = secret;
  const text = (source: { specifier: { case?: string; value?: unknown } } | undefined): string => {
    const value = source?.specifier.value;
    return typeof value === 'string' && source?.specifier.case === 'inlineString' ? value : value instanceof Uint8Array ? Buffer.from(value).toString('utf8') : '';
  };
  if (type.case === 'tlsCertificate') {
    const certificateChainPem = text(type.value.certificateChain);
    const keyPem = text(type.value.privateKey);
    if (certificateChainPem === '' || keyPem === '') throw new ConfigError(`secret ${name}: certificate_chain and private_key must be inline`);
    return { kind: 'certificate', certificateChainPem, keyPem };
  }
  if (type.case === 'validationContext') {
    const trustedCaPem = text(type.value.trustedCa);
    if (trustedCaPem === '') throw new ConfigError(`secret ${name}: trusted_ca must be inline`);
    return { kind: 'trust', trustedCaPem, crlPem: text(type.value.crl) || undefined };
  }
  throw new ConfigError(`secret ${name}: ${type.case ?? 'empty'} is not supported`);
}
