/** What a pod takes from a quota, and what it must say when a quota counts it.
 * Kubernetes: pkg/quota/v1/evaluator/core/pods.go, component-helpers resource.PodRequests. */
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { addAmounts, count, maxAmounts, parseAmounts } from './amounts.ts';
import type { Amounts } from './amounts.ts';

/** Resources that every container must state when a quota counts them. */
const MUST_BE_STATED: ReadonlySet<string> = new Set(['cpu', 'memory', 'requests.cpu', 'requests.memory', 'limits.cpu', 'limits.memory']);

/** The names that count without a prefix as requests. */
const BARE: ReadonlySet<string> = new Set(['cpu', 'memory', 'ephemeral-storage']);

type Side = 'requests' | 'limits';

/** The most that the pod needs at one time: its containers together, or one init container with the sidecars that were
 * started before it, whichever is more. An init container with `restartPolicy: Always` runs on beside the containers. */
export function podTotal(pod: Pod, side: Side): Amounts {
  const spec = pod.spec;
  let together: Amounts = new Map();
  for (const container of spec?.containers ?? []) together = addAmounts(together, stated(container, side));
  let sidecars: Amounts = new Map();
  let starting: Amounts = new Map();
  for (const container of spec?.initContainers ?? []) {
    const own = stated(container, side);
    if (container.restartPolicy === 'Always') {
      together = addAmounts(together, own);
      sidecars = addAmounts(sidecars, own);
      starting = maxAmounts(starting, sidecars);
    } else {
      starting = maxAmounts(starting, addAmounts(own, sidecars));
    }
  }
  const peak = maxAmounts(together, starting);
  return spec?.overhead && (side === 'requests' || peak.size > 0) ? addAmounts(peak, parseAmounts(spec.overhead)) : peak;
}

/** A limit alone is also the request; the API server's defaults say so, and objects may come without them. */
function stated(container: Container, side: Side): Amounts {
  const limits = parseAmounts(container.resources?.limits);
  return side === 'limits' ? limits : new Map([...limits, ...parseAmounts(container.resources?.requests)]);
}

/** Everything a quota may count of this pod. A finished pod counts only under `count/pods`. */
export function podUsage(pod: Pod, nowMs: number): Amounts {
  const objects = new Map([['count/pods', count(1)]]);
  if (isOver(pod, nowMs)) return objects;
  objects.set('pods', count(1));
  return addAmounts(objects, computeUsage(podTotal(pod, 'requests'), podTotal(pod, 'limits')));
}

function computeUsage(requests: Amounts, limits: Amounts): Amounts {
  const usage = new Map<string, ReturnType<typeof count>>();
  for (const [name, quantity] of requests) {
    if (BARE.has(name)) usage.set(name, quantity);
    usage.set(`requests.${name}`, quantity);
  }
  for (const [name, quantity] of limits) if (BARE.has(name)) usage.set(`limits.${name}`, quantity);
  return usage;
}

function isOver(pod: Pod, nowMs: number): boolean {
  if (pod.status?.phase === 'Failed' || pod.status?.phase === 'Succeeded') return true;
  const deletedMs = Date.parse(String(pod.metadata?.deletionTimestamp ?? ''));
  return !Number.isNaN(deletedMs) && nowMs > deletedMs + (pod.metadata?.deletionGracePeriodSeconds ?? 0) * 1000;
}

/** What containers leave unsaid although the quota counts it: `must specify requests.cpu for: a,b; …`, or undefined. */
export function unstated(pod: Pod, counted: readonly string[]): string | undefined {
  const required = counted.filter((name) => MUST_BE_STATED.has(name)).sort();
  const parts: string[] = [];
  for (const name of required) {
    const silent = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])]
      .filter((container) => !computeUsage(stated(container, 'requests'), stated(container, 'limits')).has(name))
      .map((container) => container.name);
    if (silent.length > 0) parts.push(`${name} for: ${[...new Set(silent)].sort().join(',')}`);
  }
  return parts.length > 0 ? `must specify ${parts.join('; ')}` : undefined;
}

/** Resources of a quota that pods take from. */
export function isPodResource(name: string): boolean {
  return name === 'pods' || name === 'count/pods' || BARE.has(name) || (name.startsWith('requests.') && name !== 'requests.storage') || name.startsWith('limits.');
}
