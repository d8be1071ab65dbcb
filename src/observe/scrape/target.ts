/** Which pods are scraped and under which labels: the rules of Istio's sample Prometheus (job `kubernetes-pods`), as a pure function. */
import type { Pod } from 'kubernetes-types/core/v1';

export interface Target {
  /** Stays the same while the target does: labels and address. */
  readonly id: string;
  readonly url: string;
  readonly job: string;
  /** Put on every sample that does not bring its own (honor_labels). */
  readonly labels: Readonly<Record<string, string>>;
}

/** Where the control plane answers when its pod carries no annotations. */
const CONTROL_PLANE = { app: 'istiod', port: '15014', path: '/metrics' } as const;
const ENDED = new Set(['Pending', 'Succeeded', 'Failed', 'Completed']);

/** Undefined when the pod is not to be scraped, or not yet. */
export function targetOfPod(pod: Pod): Target | undefined {
  const { annotations = {}, labels = {}, name = '', namespace = '', deletionTimestamp } = pod.metadata ?? {};
  const address = pod.status?.podIP;
  if (!address || deletionTimestamp || ENDED.has(pod.status?.phase ?? '')) return undefined;
  const isControlPlane = labels['app'] === CONTROL_PLANE.app && annotations['prometheus.io/scrape'] === undefined;
  if (annotations['prometheus.io/scrape'] !== 'true' && !isControlPlane) return undefined;
  const port = annotations['prometheus.io/port'] ?? (isControlPlane ? CONTROL_PLANE.port : '80');
  const path = annotations['prometheus.io/path'] ?? (isControlPlane ? CONTROL_PLANE.path : '/metrics');
  const scheme = annotations['prometheus.io/scheme'] === 'https' ? 'https' : 'http';
  const instance = `${address.includes(':') ? `[${address}]` : address}:${port}`;
  const own = { job: 'kubernetes-pods', instance, namespace, pod: name, node: pod.spec?.nodeName ?? '' };
  return createTarget(`${scheme}://${instance}${path.startsWith('/') ? path : `/${path}`}`, { ...podLabels(labels), ...own });
}

/** @param labels must hold `job` and `instance` */
export function createTarget(url: string, labels: Record<string, string>): Target {
  const id = JSON.stringify([url, Object.entries(labels).sort()]);
  return { id, url, job: labels['job'] ?? '', labels };
}

/** `app.kubernetes.io/name` → `app_kubernetes_io_name`, as Prometheus' labelmap does. */
function podLabels(labels: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(labels).map(([name, value]) => [name.replace(/[^a-zA-Z0-9_]/g, '_'), value]));
}
