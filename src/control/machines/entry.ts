/** The WorkloadEntry of a machine that registers itself, and what may happen to it. Pure. Istio: pilot/pkg/autoregistration; names of
 * objects, annotations and the order in which labels win are Istio's. */
import { HEALTH_CHECKS, RegistrationAnnotation } from '../../api/registration.ts';
import type { WorkloadEntry } from '../../api/workload-entry.ts';
import type { WorkloadGroup } from '../../api/workload-group.ts';
import type { Condition, Stored } from '../../kube/object.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import type { HealthReport } from '../../xds/health.ts';
import type { Locality } from '../registry/model.ts';
import type { Proxy } from '../translate/proxy.ts';

/** The part of a proxy's node that its entry is made from. */
export type MachineNode = Pick<Proxy, 'address' | 'namespace' | 'labels' | 'locality'> & { readonly machine: NonNullable<Proxy['machine']> };

const MAX_NAME = 253;

/** `GROUP-ADDRESS[-NETWORK]`, cut from the left when it is too long. */
export function entryName({ group, network, address }: { group: string; network: string; address: string }): string {
  const name = [group, address.replaceAll(':', '-'), ...(network === '' ? [] : [network])].join('-');
  // What is left must begin as a name does.
  return name.length > MAX_NAME ? name.slice(-MAX_NAME).replace(/^[^a-z0-9]+/, '') : name;
}

/** The group's template, for this machine. Labels: the machine's own over those of the group's metadata over the template's. */
export function entryFromGroup(group: Stored<WorkloadGroup>, node: MachineNode): WorkloadEntry {
  const { template, metadata } = group.spec;
  const { address, namespace, machine, locality } = node;
  const labels = { ...template.labels, ...metadata?.labels, ...node.labels };
  return {
    apiVersion: group.apiVersion ?? 'networking.istio.io/v1',
    kind: 'WorkloadEntry',
    metadata: {
      name: entryName({ group: group.metadata.name, network: machine.network, address }),
      namespace,
      labels,
      annotations: { [RegistrationAnnotation.group]: group.metadata.name, ...metadata?.annotations, ...(machine.isProbed ? { [HEALTH_CHECKS]: 'true' } : {}) },
      ownerReferences: [{ apiVersion: group.apiVersion ?? 'networking.istio.io/v1', kind: 'WorkloadGroup', name: group.metadata.name, uid: group.metadata.uid, controller: true }],
    },
    spec: {
      ...template,
      address,
      labels,
      ...(machine.network === '' ? {} : { network: machine.network }),
      ...(locality.region === '' ? {} : { locality: localityText(locality) }),
    },
  };
}

/** Why the caller must not speak for the entry; undefined: it may. Istio: PILOT_ENABLE_WORKLOAD_ENTRY_IDENTITY, always on here. */
export function refusalOf(caller: WorkloadIdentity | undefined, entry: WorkloadEntry): string | undefined {
  const { namespace = '', name = '' } = entry.metadata ?? {};
  const what = `machine ${namespace}/${name} cannot be registered`;
  if (!caller) return `${what}: nobody vouches for the caller on this port; connect to the TLS port with a service account's token`;
  if (caller.namespace !== namespace) return `${what}: the caller's service account is of namespace ${caller.namespace}`;
  const { serviceAccount = '' } = entry.spec;
  if (serviceAccount !== '' && serviceAccount !== caller.serviceAccount) return `${what}: the caller's service account is ${caller.serviceAccount}, but the group says ${serviceAccount}`;
  return undefined;
}

/** Annotations of an entry whose machine is connected; null takes one away. */
export const connectedMark = (instance: string, atMs: number): Record<string, string | null> => ({
  [RegistrationAnnotation.controller]: instance,
  [RegistrationAnnotation.connectedAt]: timeText(atMs),
  [RegistrationAnnotation.disconnectedAt]: null,
});

export const disconnectedMark = (atMs: number): Record<string, string | null> => ({
  [RegistrationAnnotation.connectedAt]: null,
  [RegistrationAnnotation.disconnectedAt]: timeText(atMs),
});

export interface FateQuestion {
  readonly nowMs: number;
  /** This control plane's own name. */
  readonly instance: string;
  /** Of an entry that another control plane keeps: that one is there. */
  readonly isElsewhere: (instance: string) => boolean;
  /** Since when nobody speaks for the entry here; undefined: somebody does. */
  readonly goneSinceMs: number | undefined;
  /** PILOT_WORKLOAD_ENTRY_GRACE_PERIOD */
  readonly graceMs: number;
}

/** What is to be done with a registered entry now, or when to ask again. */
export type Fate = { readonly do: 'keep' } | { readonly do: 'disconnect' | 'remove' } | { readonly do: 'ask again'; readonly atMs: number };

export function fateOf(entry: WorkloadEntry, question: FateQuestion): Fate {
  const { nowMs, instance, isElsewhere, goneSinceMs, graceMs } = question;
  if (goneSinceMs === undefined) return { do: 'keep' };
  const annotations = entry.metadata?.annotations ?? {};
  const keeper = annotations[RegistrationAnnotation.controller] ?? '';
  const leftMs = Date.parse(annotations[RegistrationAnnotation.disconnectedAt] ?? '');
  if (!Number.isNaN(leftMs) && annotations[RegistrationAnnotation.connectedAt] === undefined) return nowMs >= leftMs + graceMs ? { do: 'remove' } : { do: 'ask again', atMs: leftMs + graceMs };
  if (keeper !== instance && isElsewhere(keeper)) return { do: 'keep' };
  return nowMs >= goneSinceMs ? { do: 'disconnect' } : { do: 'ask again', atMs: goneSinceMs };
}

/** IstioCondition has a time of the last probe besides. */
export type HealthCondition = Condition & { lastProbeTime?: string };

/** The conditions of an entry with what its machine has just reported; those of others stay. */
export function withHealth(before: readonly HealthCondition[], report: HealthReport, nowMs: number): HealthCondition[] {
  const old = before.find(({ type }) => type === 'Healthy');
  const status = report.isHealthy ? 'True' : 'False';
  const at = timeText(nowMs);
  const condition: HealthCondition = {
    type: 'Healthy', status, reason: report.isHealthy ? 'ProbeSucceeded' : 'ProbeFailed',
    ...(report.isHealthy ? {} : { message: report.message }),
    lastProbeTime: at,
    lastTransitionTime: old?.status === status ? (old.lastTransitionTime ?? at) : at,
  };
  return [...before.filter((c) => c !== old), condition];
}

/** RFC 3339. */
const timeText = (ms: number): string => new Date(ms).toISOString();

const localityText = ({ region, zone, subzone }: Locality): string => [region, zone, subzone].join('/').replace(/\/+$/, '');
