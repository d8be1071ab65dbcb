/** Fills what containers leave unsaid from the LimitRanges of the namespace, and notes it in an annotation.
 * Kubernetes: limitranger mergePodResourceRequirements. */
import type { Container, LimitRange, Pod } from 'kubernetes-types/core/v1.d.ts';

const ANNOTATION = 'kubernetes.io/limit-ranger';

interface Defaults {
  requests: Record<string, string>;
  limits: Record<string, string>;
}

export function applyLimitDefaults(pod: Pod, ranges: readonly LimitRange[]): void {
  const notes: string[] = [];
  for (const range of ranges) {
    const defaults = defaultsOf(range);
    for (const container of pod.spec?.containers ?? []) fill(container, defaults, 'container', notes);
    for (const container of pod.spec?.initContainers ?? []) fill(container, defaults, 'init container', notes);
  }
  if (notes.length === 0) return;
  pod.metadata = { ...pod.metadata, annotations: { ...pod.metadata?.annotations, [ANNOTATION]: `LimitRanger plugin set: ${notes.join('; ')}` } };
}

/** A range without `default` limits containers to `max`; one without `defaultRequest` requests that limit, or `min`. */
function defaultsOf(range: LimitRange): Defaults {
  const result: Defaults = { requests: {}, limits: {} };
  for (const item of range.spec?.limits ?? []) {
    if (item.type !== 'Container') continue;
    const limits = { ...item.max, ...item.default };
    Object.assign(result.limits, limits);
    Object.assign(result.requests, { ...item.min, ...limits, ...item.defaultRequest });
  }
  return result;
}

function fill(container: Container, defaults: Defaults, word: string, notes: string[]): void {
  const resources = container.resources ?? {};
  const stated = { limits: { ...resources.limits }, requests: { ...resources.requests } };
  // A container's own limit is its request when it states none; the default must not come in between.
  const requests = { ...defaults.requests };
  for (const name of Object.keys(stated.limits)) if (stated.requests[name] === undefined) delete requests[name];
  const newLimits = addMissing(stated.limits, defaults.limits);
  const newRequests = addMissing(stated.requests, requests);
  if (newLimits.length === 0 && newRequests.length === 0) return;
  container.resources = {
    ...resources,
    ...(Object.keys(stated.limits).length > 0 ? { limits: stated.limits } : {}),
    ...(Object.keys(stated.requests).length > 0 ? { requests: stated.requests } : {}),
  };
  if (newRequests.length > 0) notes.push(`${newRequests.join(', ')} request for ${word} ${container.name}`);
  if (newLimits.length > 0) notes.push(`${newLimits.join(', ')} limit for ${word} ${container.name}`);
}

function addMissing(into: Record<string, string>, from: Record<string, string>): string[] {
  const added = Object.keys(from).filter((name) => into[name] === undefined);
  for (const name of added) into[name] = from[name] ?? '';
  return added.sort();
}
