/** The authority's key and certificate at rest: a plugged-in `cacerts`, or else `istio-ca-secret`, made when missing. */
import type { Secret } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { silentLog } from '../../base/log.ts';
import { isAlreadyExists, isNotFound } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import { Secrets } from '../../kube/resource.ts';
import { createAuthority, loadAuthority } from '../../pki/authority.ts';
import type { Authority } from '../../pki/authority.ts';
import { splitChain } from '../../pki/pem.ts';
import { CaError } from './settings.ts';
import type { CaSettings } from './settings.ts';

export interface RootMaterial {
  readonly authority: Authority;
  /** What peers must trust; several certificates while roots are being changed. */
  readonly rootPem: string;
  /** Certificates between a leaf and the root, leaf side first; empty when the root signs itself. */
  readonly intermediates: readonly string[];
  /** Name of the Secret it came from. */
  readonly source: string;
}

interface RootDeps {
  readonly client: KubeClient;
  readonly settings: Pick<CaSettings, 'namespace' | 'rootLifetimeMs' | 'trustDomain'>;
  readonly clock?: Clock;
  readonly log?: Log;
}

const PLUGGED_IN = 'cacerts';
const SELF_SIGNED = 'istio-ca-secret';

/** Two replicas that start together agree: the one that comes second reads what the first wrote.
 * @throws CaError CA_ROOT when a Secret is there but cannot be used; it is never overwritten */
export async function loadOrCreateRoot(deps: RootDeps): Promise<RootMaterial> {
  const { client, settings, clock = systemClock, log = silentLog } = deps;
  const plugged = await readSecret(client, settings.namespace, PLUGGED_IN);
  if (plugged) return fromSecret(plugged, clock);
  const existing = await readSecret(client, settings.namespace, SELF_SIGNED);
  if (existing) return fromSecret(existing, clock);
  const made = createAuthority({ commonName: settings.trustDomain, organization: settings.trustDomain, lifetimeMs: settings.rootLifetimeMs, clock });
  try {
    const stored = await client.create(Secrets, toSecret(made, settings.namespace), { namespace: settings.namespace });
    log.info('made a new root certificate', { secret: SELF_SIGNED, namespace: settings.namespace });
    return fromSecret(stored, clock);
  } catch (error) {
    if (!isAlreadyExists(error)) throw error;
    return fromSecret(await client.get(Secrets, { namespace: settings.namespace, name: SELF_SIGNED }), clock);
  }
}

/** Reads either form of `cacerts` (Istio's file names, or a `kubernetes.io/tls` Secret with ca.crt) or the self-signed one. */
export function fromSecret(secret: Secret, clock: Clock): RootMaterial {
  const name = secret.metadata?.name ?? '';
  const value = (key: string) => Buffer.from(secret.data?.[key] ?? '', 'base64').toString('utf8');
  const first = (...keys: string[]) => keys.map(value).find((text) => text.trim() !== '');
  const certificatePem = first('ca-cert.pem', 'tls.crt');
  const keyPem = first('ca-key.pem', 'tls.key');
  if (!certificatePem || !keyPem) throw new CaError('CA_ROOT', `secret ${name} has no ca-cert.pem and ca-key.pem (or tls.crt and tls.key)`);
  try {
    const authority = loadAuthority({ certificatePem, keyPem, clock });
    const rootPem = first('root-cert.pem', 'ca.crt') ?? certificatePem;
    const own = splitChain(`${certificatePem}\n${value('cert-chain.pem')}`);
    const roots = new Set(splitChain(rootPem));
    return { authority, rootPem, intermediates: [...new Set(own)].filter((pem) => !roots.has(pem)), source: name };
  } catch (cause) {
    throw new CaError('CA_ROOT', `secret ${name} cannot be used as the authority; fix it, or delete it to have a new root made`, { cause });
  }
}

function toSecret(authority: Authority, namespace: string): Secret {
  const data = { 'ca-cert.pem': authority.certificatePem, 'ca-key.pem': authority.keyPem, 'root-cert.pem': authority.certificatePem, 'cert-chain.pem': '', 'key.pem': '' };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: SELF_SIGNED, namespace },
    type: 'istio.io/ca-root',
    data: Object.fromEntries(Object.entries(data).map(([key, text]) => [key, Buffer.from(text).toString('base64')])),
  };
}

async function readSecret(client: KubeClient, namespace: string, name: string): Promise<Secret | undefined> {
  try {
    return await client.get(Secrets, { namespace, name });
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
