/** Takes the mesh out of a cluster; pods with a proxy keep it until they are made anew. */
import { sleep, systemClock, type Clock } from '../base/clock.ts';
import { isNotFound, type KubeClient } from '../kube/client.ts';
import { ConfigMaps, Namespaces } from '../kube/resource.ts';
import { InstallError } from './errors.ts';
import { OWNER, OWNER_LABEL } from './manifests/labels.ts';
import { removeBySelector, removeDefinitions, removeOne, type Removed } from './remove.ts';

export interface UninstallInput {
  readonly client: KubeClient;
  /** Also the definitions with every object of our kinds, the root certificates, and the namespace. */
  readonly purge: boolean;
  /** Default `istio-system`. */
  readonly namespace?: string;
  onRemoved?(object: Removed): void;
  /** How long the namespace may take to go; default 60 s. */
  readonly timeoutMs?: number;
  readonly clock?: Clock;
}

/** ConfigMaps that the control plane publishes in every namespace. */
const PUBLISHED = ['istio-ca-root-cert', 'istio-ca-crl'];

/** Returns what was removed; nothing, when nothing was installed. */
export async function uninstall(input: UninstallInput): Promise<Removed[]> {
  const { client } = input;
  const removed = await removeBySelector(client, `${OWNER_LABEL}=${OWNER}`);
  if (input.purge) {
    const namespace = input.namespace ?? 'istio-system';
    removed.push(...(await removeDefinitions(client)));
    removed.push(...(await removeNamespace(client, namespace, input)));
    // Only now is the control plane gone for certain, which puts them back as long as it runs.
    removed.push(...(await removePublished(client)));
  }
  for (const object of removed) input.onRemoved?.(object);
  return removed;
}

async function removePublished(client: KubeClient): Promise<Removed[]> {
  const lists = await Promise.all(PUBLISHED.map((name) => client.list(ConfigMaps, { fieldSelector: `metadata.name=${name}` })));
  const found = lists.flatMap((list) => list.items).map((item): Removed => ({ resource: ConfigMaps, name: item.metadata.name, namespace: item.metadata.namespace ?? '' }));
  await Promise.all(found.map((object) => removeOne(client, object)));
  return found;
}

async function removeNamespace(client: KubeClient, name: string, input: UninstallInput): Promise<Removed[]> {
  const clock = input.clock ?? systemClock;
  const end = clock.monotonic() + (input.timeoutMs ?? 60_000);
  const object: Removed = { resource: Namespaces, name };
  if (!(await exists(client, name))) return [];
  await removeOne(client, object);
  for (let delayMs = 20; await exists(client, name); delayMs = Math.min(delayMs * 2, 500)) {
    if (clock.monotonic() >= end) throw new InstallError('INSTALL_TIMEOUT', `namespace ${name} is still there; see what holds it: kubectl get namespace ${name} -o yaml`);
    await sleep(clock, delayMs);
  }
  return [object];
}

async function exists(client: KubeClient, name: string): Promise<boolean> {
  try {
    await client.get(Namespaces, { name });
    return true;
  } catch (error) {
    if (isNotFound(error)) return false;
    throw error;
  }
}
