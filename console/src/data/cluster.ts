/** What the cluster holds: shared lists, refreshed at the reader's beat but not faster than every five seconds. */
import { keepPreviousData, useQuery, type UseQueryResult } from '@tanstack/react-query';
import { collectionPath, ISTIO_KINDS, type IstioKind } from '../api/istio-kinds.ts';
import { type IstioObject, type KubeObject, listGroupVersions, listNamespaces, listObjects, listPods, listServices, listWorkloads, type Pod, type Service, type Workload } from '../api/kube.ts';
import { listProxySync, type ProxySync } from '../api/istiod.ts';
import { useSettings } from '../settings/settings.ts';

function useList<T>(key: string, load: (signal: AbortSignal) => Promise<T[]>): UseQueryResult<T[]> {
  const { refreshMs } = useSettings();
  return useQuery({
    queryKey: ['cluster', key],
    queryFn: ({ signal }) => load(signal),
    refetchInterval: refreshMs === false ? false : Math.max(5000, refreshMs),
    placeholderData: keepPreviousData,
  });
}

export const useNamespaces = (): UseQueryResult<KubeObject[]> => useList('namespaces', listNamespaces);
export const usePods = (): UseQueryResult<Pod[]> => useList('pods', listPods);
export const useServices = (): UseQueryResult<Service[]> => useList('services', listServices);
export const useWorkloads = (): UseQueryResult<Workload[]> => useList('workloads', listWorkloads);

/** By `pod.namespace`; empty while the control plane does not answer. */
export function useProxySync(): ReadonlyMap<string, ProxySync> {
  const { refreshMs } = useSettings();
  const { data = [] } = useQuery({ queryKey: ['syncz'], queryFn: ({ signal }) => listProxySync(signal), refetchInterval: refreshMs });
  return new Map(data.map((row) => [row.proxy, row]));
}

export interface ConfigItem {
  readonly kind: IstioKind;
  readonly object: IstioObject;
}

export const useIstioConfig = (): UseQueryResult<ConfigItem[]> =>
  useList('istio', async (signal) => {
    const served = await listGroupVersions(signal);
    const kinds = ISTIO_KINDS.filter((kind) => served.has(`${kind.group}/${kind.version}`));
    const lists = await Promise.all(kinds.map(async (kind) => (await listObjects<IstioObject>(collectionPath(kind), signal)).map((object) => ({ kind, object }))));
    return lists.flat();
  });
