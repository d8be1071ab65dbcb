/** The status of a pod from the states of its containers. Pure. Kubernetes: pkg/kubelet/kubelet_pods.go, status/generate.go */
import type { Container, Pod, PodCondition, PodStatus } from 'kubernetes-types/core/v1.d.ts';
import { containerStatus, isRunning, isTerminated, lastExit, succeeded } from './container-state.ts';
import type { ContainerRecord } from './container-state.ts';

export interface PodFacts {
  readonly pod: Pod;
  readonly records: readonly ContainerRecord[];
  /** '' before the pod has a network. */
  readonly podIp: string;
  readonly hostIp: string;
  readonly startTime: string;
  /** Every main container has ended for good and the sidecars have been stopped after them. */
  readonly finished: boolean;
  /** Set when the node ended the pod: DeadlineExceeded, Evicted, … */
  readonly failure?: { readonly reason: string; readonly message: string };
  /** RFC 3339, for conditions that change. */
  readonly now: string;
}

type PodPhase = 'Pending' | 'Running' | 'Succeeded' | 'Failed';

const OWNED = ['PodReadyToStartContainers', 'Initialized', 'Ready', 'ContainersReady'];

export function buildPodStatus(facts: PodFacts): PodStatus {
  const { pod, records, podIp, hostIp } = facts;
  const phase = podPhase(facts);
  const init = records.filter((r) => r.role !== 'main').map(containerStatus);
  const main = records.filter((r) => r.role === 'main').map(containerStatus).sort((a, b) => (a.name < b.name ? -1 : 1));
  return {
    phase,
    ...(facts.failure ? { reason: facts.failure.reason, message: facts.failure.message } : {}),
    conditions: conditions(facts, phase),
    hostIP: hostIp,
    hostIPs: [{ ip: hostIp }] as PodStatus['hostIPs'],
    ...(podIp ? { podIP: podIp, podIPs: [{ ip: podIp }] } : {}),
    startTime: facts.startTime,
    ...(init.length > 0 ? { initContainerStatuses: init } : {}),
    containerStatuses: main,
    qosClass: qosClass(pod),
  };
}

export function podPhase(facts: Pick<PodFacts, 'pod' | 'records' | 'finished' | 'failure'>): PodPhase {
  const { pod, records } = facts;
  if (facts.failure) return 'Failed';
  const main = records.filter((r) => r.role === 'main');
  const failedInit = records.some((r) => r.role === 'init' && isTerminated(r) && !succeeded(r)) && pod.spec?.restartPolicy === 'Never';
  if (failedInit) return facts.finished ? 'Failed' : 'Pending';
  if (!isInitialized(records)) return 'Pending';
  if (facts.finished) return main.every((r) => lastExit(r)?.exitCode === 0) ? 'Succeeded' : 'Failed';
  const started = main.every((r) => isRunning(r) || lastExit(r) !== undefined);
  return started ? 'Running' : 'Pending';
}

/** Plain init containers have succeeded and sidecars have started. */
function isInitialized(records: readonly ContainerRecord[]): boolean {
  return records.every((r) => r.role === 'main' || (r.role === 'init' ? succeeded(r) : r.started || lastExit(r) !== undefined));
}

function conditions(facts: PodFacts, phase: PodPhase): PodCondition[] {
  const { pod, records } = facts;
  const done = phase === 'Succeeded';
  const unready = records.filter((r) => r.role !== 'init' && !containerStatus(r).ready).map((r) => r.container.name);
  const uninitialized = records.filter((r) => (r.role === 'init' && !succeeded(r)) || (r.role === 'sidecar' && !r.started && !done)).map((r) => r.container.name);
  const notReady = done ? { reason: 'PodCompleted' }
    : phase === 'Failed' ? { reason: 'PodFailed' }
    : unready.length > 0 ? { reason: 'ContainersNotReady', message: `containers with unready status: [${unready.join(' ')}]` } : undefined;
  const gate = notReady ?? closedGate(pod);
  const fresh: PodCondition[] = [
    { type: 'PodReadyToStartContainers', status: facts.podIp && phase !== 'Succeeded' && phase !== 'Failed' ? 'True' : 'False' },
    uninitialized.length === 0 || done ? { type: 'Initialized', status: 'True', ...(done ? { reason: 'PodCompleted' } : {}) }
      : { type: 'Initialized', status: 'False', reason: 'ContainersNotInitialized', message: `containers with incomplete status: [${uninitialized.join(' ')}]` },
    gate ? { type: 'Ready', status: 'False', ...gate } : { type: 'Ready', status: 'True' },
    notReady ? { type: 'ContainersReady', status: 'False', ...notReady } : { type: 'ContainersReady', status: 'True' },
  ];
  const before = new Map((pod.status?.conditions ?? []).map((c) => [c.type, c]));
  const others = [...before.values()].filter((c) => !OWNED.includes(c.type));
  return [...fresh.map((c) => dated(c, before.get(c.type), facts.now)), ...others];
}

function dated(condition: PodCondition, before: PodCondition | undefined, now: string): PodCondition {
  return { ...condition, lastTransitionTime: before?.status === condition.status ? (before.lastTransitionTime ?? now) : now };
}

function closedGate(pod: Pod): { reason: string; message: string } | undefined {
  const gates = (pod.spec?.readinessGates ?? []).map((gate) => gate.conditionType);
  const closed = gates.filter((type) => !pod.status?.conditions?.some((c) => c.type === type && c.status === 'True'));
  return closed.length === 0 ? undefined : { reason: 'ReadinessGatesNotReady', message: closed.map((type) => `corresponding condition of pod readiness gate "${type}" does not exist.`).join(', ') };
}

/** Guaranteed: every container has limits for cpu and memory equal to its requests; BestEffort: none has any. */
export function qosClass(pod: Pod): 'Guaranteed' | 'Burstable' | 'BestEffort' {
  const containers: Container[] = [...(pod.spec?.initContainers ?? []), ...(pod.spec?.containers ?? [])];
  const guaranteed = containers.every(({ resources }) => ['cpu', 'memory'].every((name) => {
    const limit = resources?.limits?.[name];
    return limit !== undefined && (resources?.requests?.[name] ?? limit) === limit;
  }));
  if (guaranteed) return 'Guaranteed';
  const some = containers.some(({ resources }) => ['cpu', 'memory'].some((name) => resources?.limits?.[name] !== undefined || resources?.requests?.[name] !== undefined));
  return some ? 'Burstable' : 'BestEffort';
}
