/** A machine that connects gets its entry: made, or found again. */
import { HEALTH_CHECKS, RegistrationAnnotation } from '../../api/registration.ts';
import type { WorkloadEntry } from '../../api/workload-entry.ts';
import { WorkloadGroupKind, WorkloadGroups, type WorkloadGroup } from '../../api/workload-group.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { isAlreadyExists, type At, type KubeClient } from '../../kube/client.ts';
import { objectKey, type Stored } from '../../kube/object.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import type { AdsAdmission } from '../../xds/ads-server.ts';
import { judge } from '../registry/acceptance.ts';
import type { MachineClaim, Proxy } from '../translate/proxy.ts';
import { connectedMark, entryFromGroup, refusalOf } from './entry.ts';
import { absent, type EntryWriter } from './entry-writer.ts';

export type Refused = Extract<AdsAdmission, { refuse: unknown }>;

/** As counted in the metrics. Istio: auto_registration_…_total. */
export type MachineEvent = 'success' | 'updates' | 'unregister' | 'deletes' | 'errors';

export interface RegistrarDeps {
  readonly client: KubeClient;
  /** This control plane's own name. */
  readonly instance: string;
  readonly counted: (event: MachineEvent) => void;
  readonly clock: Clock;
  readonly log: Log;
}

export interface RegistrationRequest {
  /** Of the entry. */
  readonly at: At;
  readonly proxy: Proxy;
  readonly claim: MachineClaim;
  readonly caller: WorkloadIdentity | undefined;
}

/** An entry of its group's. */
export async function register(deps: RegistrarDeps, entries: EntryWriter, request: RegistrationRequest): Promise<Stored<WorkloadEntry> | Refused> {
  const { at, proxy, claim, caller } = request;
  const { clock, instance, counted, log } = deps;
  const known = await entries.read(at);
  if (known) {
    if (known.metadata.annotations?.[RegistrationAnnotation.group] !== claim.group) return notNow(at, `there is a WorkloadEntry of this name already that group ${claim.group} has not made; delete it`);
    const refusal = refusalOf(caller, known);
    if (refusal !== undefined) return { refuse: 'PermissionDenied', reason: refusal };
    const found = await entries.annotate(at, { ...connectedMark(instance, clock.now()), [HEALTH_CHECKS]: claim.isProbed ? 'true' : null });
    counted('updates');
    return found;
  }
  const group = await groupOf(deps, request);
  if ('refuse' in group) {
    counted('errors');
    return group;
  }
  const { metadata, ...entry } = entryFromGroup(group, { ...proxy, machine: claim });
  const refusal = refusalOf(caller, { metadata, ...entry });
  if (refusal !== undefined) return { refuse: 'PermissionDenied', reason: refusal };
  const marks = Object.entries({ ...metadata?.annotations, ...connectedMark(instance, clock.now()) }).filter((pair): pair is [string, string] => pair[1] !== null);
  try {
    const made = await entries.create({ ...entry, metadata: { ...metadata, annotations: Object.fromEntries(marks) } });
    counted('success');
    log.info('machine registered', { entry: objectKey(made), group: claim.group });
    return made;
  } catch (error) {
    // By another control plane, at the same moment.
    if (isAlreadyExists(error)) return register(deps, entries, request);
    throw error;
  }
}

async function groupOf({ client }: RegistrarDeps, { at, proxy, claim }: RegistrationRequest): Promise<Stored<WorkloadGroup> | Refused> {
  const group = await client.get(WorkloadGroups, { namespace: proxy.namespace, name: claim.group }).catch(absent);
  if (!group) return notNow(at, `there is no WorkloadGroup ${proxy.namespace}/${claim.group}`);
  return judge(WorkloadGroupKind, group).isUsable ? group : notNow(at, `WorkloadGroup ${proxy.namespace}/${claim.group} is not valid, its status says why`);
}

/** An entry that somebody wrote, of which the machine's agent tells how it is, where the entry asks for that. */
export async function takeOver({ instance, clock }: RegistrarDeps, entries: EntryWriter, { at, caller }: Pick<RegistrationRequest, 'at' | 'caller'>): Promise<Stored<WorkloadEntry> | Refused> {
  const known = await entries.read(at);
  if (!known) return notNow(at, 'there is no WorkloadEntry of this name, which the node says that it is');
  const refusal = refusalOf(caller, known);
  if (refusal !== undefined) return { refuse: 'PermissionDenied', reason: refusal };
  return known.metadata.annotations?.[HEALTH_CHECKS] === undefined ? known : entries.annotate(at, connectedMark(instance, clock.now()));
}

/** The machine may try again. */
const notNow = (at: At, reason: string): Refused => ({ refuse: 'FailedPrecondition', reason: `machine ${objectKey({ metadata: at })} cannot be registered: ${reason}` });
