/** What `kubectl get pods` says about a pod. Kubernetes: pkg/printers/internalversion printPod. */
import type { ContainerStatus, Pod } from 'kubernetes-types/core/v1.d.ts';
import { age, NONE } from './column.ts';

export interface PodSummary {
  ready: number;
  total: number;
  status: string;
  restarts: number;
  /** When a container last ended, RFC 3339. */
  lastRestart?: string;
}

export function summarizePod(pod: Pod): PodSummary {
  const { spec, status, metadata } = pod;
  const sidecars = new Set((spec?.initContainers ?? []).filter((c) => c.restartPolicy === 'Always').map((c) => c.name));
  const summary: PodSummary = { ready: 0, total: (spec?.containers ?? []).length + sidecars.size, status: status?.reason ?? status?.phase ?? 'Unknown', restarts: 0 };
  const scheduled = status?.conditions?.find((c) => c.type === 'PodScheduled');
  if (scheduled?.reason === 'SchedulingGated') summary.status = 'SchedulingGated';
  const isInitializing = summarizeInit(pod, sidecars, summary);
  const isInitialized = status?.conditions?.some((c) => c.type === 'Initialized' && c.status === 'True') ?? false;
  if (!isInitializing || isInitialized) summarizeMain(pod, sidecars, summary);
  if (metadata?.deletionTimestamp && status?.reason === 'NodeLost') summary.status = 'Unknown';
  else if (metadata?.deletionTimestamp && status?.phase !== 'Succeeded' && status?.phase !== 'Failed') summary.status = 'Terminating';
  return summary;
}

/** Returns whether an init container is still at work. */
function summarizeInit({ spec, status }: Pod, sidecars: ReadonlySet<string>, summary: PodSummary): boolean {
  for (const [i, container] of (status?.initContainerStatuses ?? []).entries()) {
    countRestarts(container, summary);
    const { terminated, waiting } = container.state ?? {};
    if (terminated?.exitCode === 0) continue;
    if (sidecars.has(container.name) && container.started) {
      if (container.ready) summary.ready++;
      continue;
    }
    if (terminated) summary.status = `Init:${endText(terminated)}`;
    else if (waiting?.reason && waiting.reason !== 'PodInitializing') summary.status = `Init:${waiting.reason}`;
    else summary.status = `Init:${i}/${(spec?.initContainers ?? []).length}`;
    return true;
  }
  return false;
}

function summarizeMain({ status }: Pod, sidecars: ReadonlySet<string>, summary: PodSummary): void {
  // Restarts of plain init containers are history now.
  summary.restarts = 0;
  summary.lastRestart = undefined;
  for (const container of status?.initContainerStatuses ?? []) if (sidecars.has(container.name)) countRestarts(container, summary);
  let hasRunning = false;
  for (const container of [...(status?.containerStatuses ?? [])].reverse()) {
    countRestarts(container, summary);
    const { waiting, terminated, running } = container.state ?? {};
    if (waiting?.reason) summary.status = waiting.reason;
    else if (terminated) summary.status = endText(terminated);
    else if (container.ready && running) {
      hasRunning = true;
      summary.ready++;
    }
  }
  if (summary.status !== 'Completed' || !hasRunning) return;
  summary.status = status?.conditions?.some((c) => c.type === 'Ready' && c.status === 'True') ? 'Running' : 'NotReady';
}

function endText({ reason, signal, exitCode }: { reason?: string; signal?: number; exitCode: number }): string {
  if (reason) return reason;
  return signal ? `Signal:${signal}` : `ExitCode:${exitCode}`;
}

function countRestarts(container: ContainerStatus, summary: PodSummary): void {
  summary.restarts += container.restartCount ?? 0;
  const ended = container.lastState?.terminated?.finishedAt;
  if (ended && (!summary.lastRestart || ended > summary.lastRestart)) summary.lastRestart = ended;
}

export function restartsText({ restarts, lastRestart }: PodSummary, nowMs: number): string {
  return restarts > 0 && lastRestart ? `${restarts} (${age(lastRestart, nowMs)} ago)` : String(restarts);
}

export function readinessGates({ spec, status }: Pod): string {
  const gates = spec?.readinessGates ?? [];
  if (gates.length === 0) return NONE;
  const passed = gates.filter((gate) => status?.conditions?.some((c) => c.type === gate.conditionType && c.status === 'True')).length;
  return `${passed}/${gates.length}`;
}
