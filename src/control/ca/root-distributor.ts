/** Keeps the ConfigMap `istio-ca-root-cert` in every namespace: what workloads mount to recognise the control plane. */
import type { ConfigMap, Namespace } from 'kubernetes-types/core/v1.d.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { systemClock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { isAlreadyExists, isConflict, isNotFound, isReason } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { ConfigMaps } from '../../kube/resource.ts';

export const ROOT_CONFIG_MAP = 'istio-ca-root-cert';
const KEY = 'root-cert.pem';
const RETRY_MS = 1000;
/** Namespaces in which Kubernetes keeps its own affairs. Istio: inject.IgnoredNamespaces, except kube-system. */
const IGNORED: ReadonlySet<string> = new Set(['kube-public', 'kube-node-lease', 'local-path-storage']);

export interface RootDistributorDeps {
  readonly client: KubeClient;
  readonly namespaces: Informer<Namespace>;
  /** Of all namespaces; may be limited with fieldSelector `metadata.name=istio-ca-root-cert`. */
  readonly configMaps: Informer<ConfigMap>;
  readonly rootPem: string;
  readonly log: Log;
  readonly clock?: Clock;
}

export interface RootDistributor {
  /** Call when both informers have started. */
  start(): void;
  close(): void;
}

export function createRootDistributor(deps: RootDistributorDeps): RootDistributor {
  const { clock = systemClock } = deps;
  const stops: (() => void)[] = [];
  const retries = new Map<string, Timer>();
  const busy = new Map<string, 'once' | 'again'>();
  let closed = false;

  const reconcile = (namespace: string): void => {
    if (closed) return;
    if (busy.has(namespace)) return void busy.set(namespace, 'again');
    busy.set(namespace, 'once');
    retries.get(namespace)?.cancel();
    retries.delete(namespace);
    void put(namespace, deps)
      .catch((error: unknown) => {
        deps.log.warn('cannot write the root certificate', { namespace, error });
        if (!closed) retries.set(namespace, clock.after(RETRY_MS, () => reconcile(namespace)));
      })
      .finally(() => {
        const again = busy.get(namespace) === 'again';
        busy.delete(namespace);
        if (again) reconcile(namespace);
      });
  };
  return {
    start() {
      stops.push(deps.namespaces.subscribe((event) => {
        if (event.type !== 'deleted') reconcile(event.object.metadata.name);
      }));
      stops.push(deps.configMaps.subscribe((event) => {
        const { name, namespace } = event.object.metadata;
        if (name === ROOT_CONFIG_MAP && namespace !== undefined) reconcile(namespace);
      }));
    },
    close() {
      closed = true;
      for (const stop of stops.splice(0)) stop();
      for (const timer of retries.values()) timer.cancel();
      retries.clear();
    },
  };
}

async function put(namespace: string, deps: RootDistributorDeps): Promise<void> {
  const owner = deps.namespaces.get(namespace);
  if (!owner || owner.metadata.deletionTimestamp !== undefined || IGNORED.has(namespace)) return;
  const existing = deps.configMaps.get(`${namespace}/${ROOT_CONFIG_MAP}`);
  if (existing?.data?.[KEY] === deps.rootPem) return;
  const wanted: ConfigMap = {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { ...existing?.metadata, name: ROOT_CONFIG_MAP, namespace, labels: { ...existing?.metadata.labels, 'istio.io/config': 'true' } },
    data: { ...existing?.data, [KEY]: deps.rootPem },
  };
  try {
    if (existing) await deps.client.update(ConfigMaps, wanted);
    else await deps.client.create(ConfigMaps, wanted, { namespace });
  } catch (error) {
    // The watch tells what really is there, and calls again when it differs; a namespace on its way out needs nothing.
    if (isAlreadyExists(error) || isConflict(error) || isNotFound(error) || isReason(error, 'Forbidden')) return;
    throw error;
  }
}
