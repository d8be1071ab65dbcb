/** What an object of each kind takes from a quota. Kubernetes: pkg/quota/v1/evaluator/core. */
import type { PersistentVolumeClaim, Pod, Service } from 'kubernetes-types/core/v1.d.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { parseQuantity } from '../../../kube/quantity.ts';
import type { Quantity } from '../../../kube/quantity.ts';
import type { Resource } from '../../../kube/resource.ts';
import { count } from './amounts.ts';
import type { Amounts } from './amounts.ts';
import { isPodResource, podUsage, unstated } from './pod-usage.ts';

export interface Evaluator {
  /** True when objects of this kind take from the resource `name` of a quota. */
  counts(name: string): boolean;
  usage(object: KubeObject, nowMs: number): Amounts;
  /** What the object must say and does not, as text; undefined when all is well. */
  missing?(object: KubeObject, counted: readonly string[]): string | undefined;
  /** True when a change of an object can change what it takes. */
  readonly takesUpdates: boolean;
}

/** Kinds with a name of their own in quotas, from before `count/…`. */
const PLAIN_COUNTS: ReadonlySet<string> = new Set(['configmaps', 'secrets', 'replicationcontrollers', 'resourcequotas', 'services', 'persistentvolumeclaims']);

const pods: Evaluator = {
  counts: isPodResource,
  usage: (object, nowMs) => podUsage(object as Pod, nowMs),
  missing: (object, counted) => unstated(object as Pod, counted),
  takesUpdates: false,
};

const services: Evaluator = {
  counts: (name) => ['services', 'count/services', 'services.loadbalancers', 'services.nodeports'].includes(name),
  usage(object) {
    const { spec } = object as Service;
    const ports = spec?.ports ?? [];
    const usage = new Map<string, Quantity>([['services', count(1)], ['count/services', count(1)]]);
    const isBalanced = spec?.type === 'LoadBalancer';
    if (isBalanced) usage.set('services.loadbalancers', count(1));
    if (spec?.type === 'NodePort') usage.set('services.nodeports', count(ports.length));
    else if (isBalanced) usage.set('services.nodeports', count(spec?.allocateLoadBalancerNodePorts === false ? ports.filter((port) => port.nodePort).length : ports.length));
    return usage;
  },
  takesUpdates: true,
};

const CLASS_SUFFIX = '.storageclass.storage.k8s.io/';

const claims: Evaluator = {
  counts: (name) => name === 'persistentvolumeclaims' || name === 'count/persistentvolumeclaims' || name === 'requests.storage' || name.includes(CLASS_SUFFIX),
  usage(object) {
    const { spec } = object as PersistentVolumeClaim;
    const usage = new Map<string, Quantity>([['persistentvolumeclaims', count(1)], ['count/persistentvolumeclaims', count(1)]]);
    const storage = parseQuantity(spec?.resources?.requests?.['storage'] ?? '');
    if (storage) usage.set('requests.storage', storage);
    if (spec?.storageClassName) {
      usage.set(`${spec.storageClassName}${CLASS_SUFFIX}persistentvolumeclaims`, count(1));
      if (storage) usage.set(`${spec.storageClassName}${CLASS_SUFFIX}requests.storage`, storage);
    }
    return usage;
  },
  takesUpdates: true,
};

function objectCount(resource: Resource): Evaluator {
  const names = countNames(resource);
  return {
    counts: (name) => names.includes(name),
    usage: () => new Map(names.map((name) => [name, count(1)])),
    takesUpdates: false,
  };
}

function countNames(resource: Resource): string[] {
  const { group, plural } = resource;
  if (group !== '') return [`count/${plural}.${group}`];
  return PLAIN_COUNTS.has(plural) ? [`count/${plural}`, plural] : [`count/${plural}`];
}

export function evaluatorOf(resource: Resource): Evaluator {
  if (resource.group === '' && resource.plural === 'pods') return pods;
  if (resource.group === '' && resource.plural === 'services') return services;
  if (resource.group === '' && resource.plural === 'persistentvolumeclaims') return claims;
  return objectCount(resource);
}
