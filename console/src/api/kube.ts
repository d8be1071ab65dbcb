/** The Kubernetes API, read only: through the console's service account. */
import { getJson, getText, SourceError } from './http.ts';

export interface KubeObject {
  apiVersion?: string;
  kind?: string;
  metadata: { name: string; namespace?: string; uid?: string; creationTimestamp?: string; labels?: Record<string, string>; annotations?: Record<string, string>; generation?: number; resourceVersion?: string; managedFields?: unknown; ownerReferences?: { kind: string; name: string }[]; deletionTimestamp?: string };
}

export interface ContainerState {
  waiting?: { reason?: string; message?: string };
  running?: { startedAt?: string };
  terminated?: { reason?: string; exitCode?: number };
}

export interface Pod extends KubeObject {
  spec: { nodeName?: string; serviceAccountName?: string; containers: { name: string; image?: string }[]; initContainers?: { name: string; image?: string; restartPolicy?: string }[] };
  status?: { phase?: string; podIP?: string; startTime?: string; containerStatuses?: { name: string; ready: boolean; restartCount: number; state?: ContainerState }[]; initContainerStatuses?: { name: string; ready: boolean; restartCount: number; started?: boolean; state?: ContainerState }[]; conditions?: { type: string; status: string }[] };
}

export interface Workload extends KubeObject {
  spec: { replicas?: number; selector?: { matchLabels?: Record<string, string> }; template: { metadata?: { labels?: Record<string, string>; annotations?: Record<string, string> }; spec?: { serviceAccountName?: string; containers?: { name: string; image?: string }[] } } };
  status?: { replicas?: number; readyReplicas?: number; availableReplicas?: number; updatedReplicas?: number };
}

export interface Service extends KubeObject {
  spec: { type?: string; clusterIP?: string; ports?: { name?: string; port: number; protocol?: string; targetPort?: number | string; appProtocol?: string }[]; selector?: Record<string, string> };
}

export interface IstioObject extends KubeObject {
  spec?: Record<string, unknown>;
  status?: { conditions?: { type: string; status: string; reason?: string; message?: string; lastTransitionTime?: string; observedGeneration?: number | string }[]; validationMessages?: { level?: string | number; type?: { code?: string; name?: string }; documentationUrl?: string; message?: string }[] };
}

interface List<T> {
  apiVersion?: string;
  items: T[];
}

/** Items of a collection; a kind that the cluster does not know has none. */
export async function listObjects<T extends KubeObject>(path: string, signal?: AbortSignal): Promise<T[]> {
  try {
    return (await getJson<List<T>>(`/api/kube${path}`, signal)).items;
  } catch (error) {
    if (error instanceof SourceError && error.status === 404) return [];
    throw error;
  }
}

export const getObject = <T extends KubeObject>(path: string, signal?: AbortSignal): Promise<T> => getJson<T>(`/api/kube${path}`, signal);

/** `group/version` of everything the cluster serves. */
export async function listGroupVersions(signal?: AbortSignal): Promise<ReadonlySet<string>> {
  const { groups } = await getJson<{ groups: { versions: { groupVersion: string }[] }[] }>('/api/kube/apis', signal);
  return new Set(groups.flatMap((group) => group.versions.map((version) => version.groupVersion)));
}

export const listNamespaces = (signal?: AbortSignal) => listObjects<KubeObject>('/api/v1/namespaces', signal);
export const listPods = (signal?: AbortSignal) => listObjects<Pod>('/api/v1/pods', signal);
export const listServices = (signal?: AbortSignal) => listObjects<Service>('/api/v1/services', signal);

/** The last lines of a container, with their times. */
export function readLog(at: { namespace: string; pod: string; container: string; lines: number }, signal?: AbortSignal): Promise<string> {
  const params = new URLSearchParams({ container: at.container, tailLines: String(at.lines), timestamps: 'true' });
  return getText(`/api/kube/api/v1/namespaces/${encodeURIComponent(at.namespace)}/pods/${encodeURIComponent(at.pod)}/log?${params}`, signal);
}

const WORKLOAD_KINDS = [
  ['Deployment', '/apis/apps/v1/deployments'],
  ['StatefulSet', '/apis/apps/v1/statefulsets'],
  ['DaemonSet', '/apis/apps/v1/daemonsets'],
] as const;

export async function listWorkloads(signal?: AbortSignal): Promise<Workload[]> {
  const lists = await Promise.all(WORKLOAD_KINDS.map(async ([kind, path]) => (await listObjects<Workload>(path, signal)).map((workload) => ({ ...workload, kind }))));
  return lists.flat();
}
