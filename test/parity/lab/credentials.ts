/** Certificates that scenarios give to gateways and to clients, as Secrets and as files. */
import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { WorkloadCertificate } from '../../../src/control/serve/testing/secret-service.ts';
import { createAuthority } from '../../../src/pki/authority.ts';

const LIFETIME_MS = 3_600_000;
const authority = createAuthority({ commonName: 'edge root', lifetimeMs: LIFETIME_MS });
const stranger = createAuthority({ commonName: 'stranger root', lifetimeMs: LIFETIME_MS });

export const serverCertificate = (...dns: string[]): WorkloadCertificate => issue(dns, 'server', authority);
export const clientCertificate = (name: string): WorkloadCertificate => issue([name], 'client', authority);
/** Of a client whom no root of the gateway vouches for. */
export const strangerCertificate = (): WorkloadCertificate => issue(['stranger.test'], 'client', stranger);
export const rootPem = authority.certificatePem;

function issue(dns: string[], usage: 'client' | 'server', by: typeof authority): WorkloadCertificate {
  const leaf = by.issue({ sans: { dns }, lifetimeMs: LIFETIME_MS, usages: [usage] });
  return { certificatePem: leaf.certificatePem, keyPem: leaf.keyPem, rootPem: by.certificatePem };
}

/** Files that proxies can read, which run as another user. */
export function files(content: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-credentials-'));
  chmodSync(directory, 0o755);
  return Object.fromEntries(
    Object.entries(content).map(([name, text]) => {
      const path = join(directory, name);
      writeFileSync(path, text, { mode: 0o644 });
      return [name, path];
    }),
  );
}

/** A Secret of the gateway's namespace. */
export function secret(name: string, data: Readonly<Record<string, string>>): string {
  const encoded = Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')]));
  return JSON.stringify({ apiVersion: 'v1', kind: 'Secret', metadata: { name, namespace: 'istio-system' }, data: encoded });
}

export const tlsSecret = (name: string, certificate: WorkloadCertificate, more: Readonly<Record<string, string>> = {}): string =>
  secret(name, { 'tls.crt': certificate.certificatePem, 'tls.key': certificate.keyPem, ...more });
