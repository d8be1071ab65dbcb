/** The cluster's own keys: its authority, the API server's certificate, the administrator's, and the key of service account
 * tokens. Kept with the data, so that a cluster that goes on with its objects also goes on being itself. */
import { generateKeyPairSync } from 'node:crypto';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createAuthority, loadAuthority } from '../../pki/authority.ts';
import type { KeyPair } from '../../pki/authority.ts';
import { API_SERVICE_ADDRESS, CLUSTER_DOMAIN, NODE_ADDRESS } from '../network/addresses.ts';

export interface ClusterCredentials {
  readonly caPem: string;
  readonly server: KeyPair;
  /** CN kubernetes-admin, O system:masters. */
  readonly admin: KeyPair;
  readonly serviceAccountKeyPem: string;
}

interface Kept {
  readonly ca: KeyPair;
  readonly serviceAccountKeyPem: string;
}

const DAY_MS = 86_400_000;
const CA_LIFETIME_MS = 3650 * DAY_MS;
const LEAF_LIFETIME_MS = 365 * DAY_MS;

export function loadCredentials(dataDir: string, nodeName: string): ClusterCredentials {
  const path = join(dataDir, 'keys.json');
  const kept = existsSync(path) ? JSON.parse(readFileSync(path, 'utf8')) as Kept : makeKeys(path);
  const authority = loadAuthority(kept.ca);
  const services = ['kubernetes', 'kubernetes.default', 'kubernetes.default.svc', `kubernetes.default.svc.${CLUSTER_DOMAIN}`];
  return {
    caPem: authority.certificatePem,
    server: authority.issue({
      subject: { commonName: 'kube-apiserver' }, lifetimeMs: LEAF_LIFETIME_MS, usages: ['server'],
      sans: { dns: [...services, 'localhost', nodeName], ip: ['127.0.0.1', API_SERVICE_ADDRESS, NODE_ADDRESS] },
    }),
    admin: authority.issue({ subject: { commonName: 'kubernetes-admin', organization: 'system:masters' }, sans: {}, lifetimeMs: LEAF_LIFETIME_MS, usages: ['client'] }),
    serviceAccountKeyPem: kept.serviceAccountKeyPem,
  };
}

function makeKeys(path: string): Kept {
  const { certificatePem, keyPem } = createAuthority({ commonName: 'kubernetes', lifetimeMs: CA_LIFETIME_MS });
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const kept = { ca: { certificatePem, keyPem }, serviceAccountKeyPem: privateKey.export({ type: 'pkcs8', format: 'pem' }) as string };
  writeFileSync(path, JSON.stringify(kept), { mode: 0o600 });
  return kept;
}
