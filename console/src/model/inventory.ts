/** What the lists show: objects of the cluster with the traffic that touches them. */
import type { KubeObject, Pod, Service, Workload } from '../api/kube.ts';
import { type Health, healthOf, totalsOf, type TrafficTotals, worst } from './health.ts';
import type { Call } from './traffic.ts';

export interface Summary {
  readonly inbound: TrafficTotals;
  readonly outbound: TrafficTotals;
  readonly health: Health;
}

export function summaryOf(calls: readonly Call[], arrives: (call: Call) => boolean, leaves: (call: Call) => boolean): Summary {
  const inbound = totalsOf(calls.filter(arrives));
  const outbound = totalsOf(calls.filter(leaves));
  return { inbound, outbound, health: inbound.rate > 0 || inbound.bytes > 0 ? trafficHealth(inbound) : outbound.rate > 0 ? 'healthy' : 'idle' };
}

export const trafficHealth = (totals: TrafficTotals): Health => (totals.rate > 0 ? healthOf(totals) : totals.bytes > 0 ? 'healthy' : 'idle');

export interface WorkloadRow {
  readonly workload: Workload;
  readonly namespace: string;
  readonly name: string;
  readonly app: string;
  readonly version: string;
  readonly ready: number;
  readonly desired: number;
  readonly injected: boolean;
  readonly pods: readonly Pod[];
  readonly traffic: Summary;
  readonly health: Health;
}

export function workloadRows(workloads: readonly Workload[], pods: readonly Pod[], calls: readonly Call[]): WorkloadRow[] {
  return workloads.map((workload) => {
    const namespace = workload.metadata.namespace ?? '';
    const { name } = workload.metadata;
    const labels = workload.spec.template.metadata?.labels ?? {};
    const own = pods.filter((pod) => pod.metadata.namespace === namespace && selects(workload.spec.selector?.matchLabels, pod));
    const traffic = summaryOf(calls, (call) => is(call.destination, namespace, name), (call) => is(call.source, namespace, name));
    const desired = workload.spec.replicas ?? workload.status?.replicas ?? 0;
    const ready = workload.status?.readyReplicas ?? 0;
    const replicas: Health = desired === 0 ? 'idle' : ready === 0 ? 'failing' : ready < desired ? 'degraded' : 'idle';
    return {
      workload, namespace, name, desired, ready, pods: own, traffic,
      app: appOf(labels, name),
      version: labels['service.istio.io/canonical-revision'] ?? labels['app.kubernetes.io/version'] ?? labels['version'] ?? '',
      injected: own.some(hasSidecar),
      health: worst([traffic.health, replicas]),
    };
  });
}

const is = (ref: Call['source'], namespace: string, name: string): boolean => ref.namespace === namespace && ref.workload === name;

export const appOf = (labels: Readonly<Record<string, string>>, fallback: string): string => labels['service.istio.io/canonical-name'] ?? labels['app.kubernetes.io/name'] ?? labels['app'] ?? fallback;

export function selects(selector: Readonly<Record<string, string>> | undefined, object: KubeObject): boolean {
  const entries = Object.entries(selector ?? {});
  return entries.length > 0 && entries.every(([key, value]) => object.metadata.labels?.[key] === value);
}

export function hasSidecar(pod: Pod): boolean {
  return [...pod.spec.containers, ...(pod.spec.initContainers ?? [])].some((container) => container.name === 'istio-proxy');
}

export interface ServiceRow {
  readonly service: Service;
  readonly namespace: string;
  readonly name: string;
  readonly traffic: Summary;
}

export function serviceRows(services: readonly Service[], calls: readonly Call[]): ServiceRow[] {
  return services.map((service) => {
    const namespace = service.metadata.namespace ?? '';
    const { name } = service.metadata;
    return { service, namespace, name, traffic: summaryOf(calls, (call) => call.service.namespace === namespace && call.service.name === name, () => false) };
  });
}

export interface ApplicationRow {
  readonly namespace: string;
  readonly name: string;
  readonly workloads: readonly WorkloadRow[];
  readonly traffic: Summary;
  readonly health: Health;
}

export function applicationRows(rows: readonly WorkloadRow[], calls: readonly Call[]): ApplicationRow[] {
  const groups = Map.groupBy(rows, (row) => `${row.namespace}/${row.app}`);
  return [...groups.values()].flatMap((workloads) => {
    const [first] = workloads;
    if (!first) return [];
    const names = new Set(workloads.map((row) => row.name));
    const among = (ref: Call['source']) => ref.namespace === first.namespace && names.has(ref.workload);
    const traffic = summaryOf(calls, (call) => among(call.destination), (call) => among(call.source));
    return [{ namespace: first.namespace, name: first.app, workloads, traffic, health: worst(workloads.map((row) => row.health)) }];
  });
}

/** How a pod is doing, in kubectl's words. */
export function podStatus(pod: Pod): { text: string; ready: number; total: number; restarts: number; ok: boolean } {
  const native = (pod.spec.initContainers ?? []).filter((container) => container.restartPolicy === 'Always').map((container) => container.name);
  const statuses = [...(pod.status?.containerStatuses ?? []), ...(pod.status?.initContainerStatuses ?? []).filter((status) => native.includes(status.name))];
  const waiting = statuses.find((status) => status.state?.waiting?.reason)?.state?.waiting?.reason;
  const text = pod.metadata.deletionTimestamp ? 'Terminating' : (waiting ?? pod.status?.phase ?? 'Unknown');
  const ready = statuses.filter((status) => status.ready).length;
  const total = pod.spec.containers.length + native.length;
  return { text, ready, total, restarts: statuses.reduce((sum, status) => sum + status.restartCount, 0), ok: text === 'Running' && ready === total };
}
