/** Machines outside of Kubernetes that are workloads of the mesh: whoever connects gets a WorkloadEntry out of its group, which tells
 * how its application is, and which goes a while after the machine has gone. Of several control planes each keeps the entries whose
 * machines are connected to it: `istio.io/workloadController` says which one that is. */
import { HEALTH_CHECKS, RegistrationAnnotation } from '../../api/registration.ts';
import { WorkloadEntries, type WorkloadEntry } from '../../api/workload-entry.ts';
import { WorkloadGroupKind, WorkloadGroups } from '../../api/workload-group.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isAlreadyExists, isConflict, isNotFound, PatchType, type KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { objectKey, type Stored } from '../../kube/object.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import type { AdsAdmission } from '../../xds/ads-server.ts';
import type { HealthReport } from '../../xds/health.ts';
import { judge } from '../registry/acceptance.ts';
import { parseLocality } from '../registry/workloads.ts';
import type { MachineClaim, Proxy } from '../translate/proxy.ts';
import { connectedMark, disconnectedMark, entryFromGroup, entryName, fateOf, refusalOf, withHealth } from './entry.ts';

export type Refused = Extract<AdsAdmission, { refuse: unknown }>;

/** One connection of a machine. */
export interface Registration {
  health(report: HealthReport): void;
  left(): void;
}

/** As counted in the metrics. Istio: auto_registration_…_total. */
export type MachineEvent = 'success' | 'updates' | 'unregister' | 'deletes' | 'errors';

export interface Machines {
  /** Resolves when the machine has its entry: with the proxy as the entry describes it. */
  admit(proxy: Proxy, caller: WorkloadIdentity | undefined): Promise<Refused | { proxy: Proxy; registration?: Registration }>;
  /** Begins to look for entries whose machines have gone. Call when the informer has started. */
  start(): void;
  /** From now on nothing is written: to be called before connections are ended for other reasons than that machines go. */
  close(): void;
}

export interface MachinesDeps {
  readonly client: KubeClient;
  readonly entries: Pick<Informer<WorkloadEntry>, 'list'>;
  /** Whether another control plane of this name, a pod, is there. */
  readonly isElsewhere: (instance: string) => boolean;
  readonly instance: string;
  readonly graceMs: number;
  readonly counted: (event: MachineEvent) => void;
  readonly clock: Clock;
  readonly log: Log;
}

/** After a start, how long machines are waited for that were connected before: proxies try again after ten seconds at the latest. */
const RETURN_MS = 30_000;
const RETRY_MS = 5_000;
const MAX_CONFLICTS = 5;

interface Machine {
  readonly at: { readonly namespace: string; readonly name: string };
  readonly live: Set<Registration>;
  /** When the last connection ended, or when it is given up that one comes. */
  goneSinceMs: number;
  /** Reads and writes of an entry follow each other. */
  tail: Promise<unknown>;
  /** Of these, not done yet. */
  waiting: number;
  timer?: Timer;
  /** Not written yet. */
  report?: HealthReport;
}

export const createMachines = (deps: MachinesDeps): Machines => new App(deps);

class App implements Machines {
  readonly #deps: MachinesDeps;
  readonly #machines = new Map<string, Machine>();
  #startedMs: number;
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(deps: MachinesDeps) {
    this.#deps = deps;
    this.#startedMs = deps.clock.now();
  }

  admit(proxy: Proxy, caller: WorkloadIdentity | undefined): ReturnType<Machines['admit']> {
    const claim = proxy.machine;
    if (!claim || this.#isClosed) return Promise.resolve({ proxy });
    const name = claim.entry || entryName({ group: claim.group, network: claim.network, address: proxy.address });
    const machine = this.#machine(proxy.namespace, name);
    return this.#inTurn(machine, async () => {
      try {
        const found = claim.entry === '' ? await this.#register(machine, { proxy, claim, caller }) : await this.#takeOver(machine, caller);
        if (found === undefined) return { proxy };
        if ('refuse' in found) return found;
        return { proxy: described(proxy, found), registration: this.#registration(machine) };
      } catch (error) {
        this.#deps.counted('errors');
        return { refuse: 'Unavailable', reason: `machine ${proxy.namespace}/${name} cannot be registered now: ${errorText(error)}` };
      }
    });
  }

  start(): void {
    const { clock, graceMs } = this.#deps;
    this.#startedMs = clock.now();
    const round = (ms: number) => {
      if (this.#isClosed) return;
      this.#sweep = clock.after(ms, () => {
        for (const entry of this.#deps.entries.list()) if (isKept(entry)) this.#look(this.#machine(entry.metadata.namespace ?? '', entry.metadata.name));
        round(Math.max(graceMs, RETRY_MS));
      });
      this.#sweep.unref();
    };
    round(0);
  }

  close(): void {
    this.#isClosed = true;
    this.#sweep?.cancel();
    for (const { timer } of this.#machines.values()) timer?.cancel();
  }

  #machine(namespace: string, name: string): Machine {
    return this.#machines.getOrInsertComputed(`${namespace}/${name}`, () => ({ at: { namespace, name }, live: new Set(), goneSinceMs: this.#startedMs + RETURN_MS, tail: Promise.resolve(), waiting: 0 }));
  }

  #inTurn<T>(machine: Machine, run: () => Promise<T>): Promise<T> {
    machine.waiting += 1;
    const done = machine.tail.then(run).finally(() => {
      machine.waiting -= 1;
      // What has to be known of it stands in the entry.
      if (machine.waiting === 0 && machine.live.size === 0 && !machine.timer) this.#machines.delete(objectKey({ metadata: machine.at }));
    });
    machine.tail = done.catch(() => {});
    return done;
  }

  /** An entry of its group's, made or found. */
  async #register(machine: Machine, from: { proxy: Proxy; claim: MachineClaim; caller: WorkloadIdentity | undefined }): Promise<Stored<WorkloadEntry> | Refused> {
    const { proxy, claim, caller } = from;
    const { client, clock, instance, counted, log } = this.#deps;
    const { namespace } = proxy;
    const mark = connectedMark(instance, clock.now());
    const known = await this.#read(machine);
    if (known) {
      const refusal = refusalOf(caller, known);
      if (refusal !== undefined) return { refuse: 'PermissionDenied', reason: refusal };
      const found = await this.#annotate(machine, { ...mark, [HEALTH_CHECKS]: claim.isProbed ? 'true' : null });
      counted('updates');
      return found;
    }
    const group = await client.get(WorkloadGroups, { namespace, name: claim.group }).catch(absent);
    if (!group) {
      counted('errors');
      return { refuse: 'FailedPrecondition', reason: `machine ${objectKey({ metadata: machine.at })} cannot be registered: there is no WorkloadGroup ${namespace}/${claim.group}` };
    }
    if (!judge(WorkloadGroupKind, group).isUsable) {
      counted('errors');
      return { refuse: 'FailedPrecondition', reason: `machine ${objectKey({ metadata: machine.at })} cannot be registered: WorkloadGroup ${namespace}/${claim.group} is not valid, its status says why` };
    }
    const entry = entryFromGroup(group, { ...proxy, machine: claim });
    const refusal = refusalOf(caller, entry);
    if (refusal !== undefined) return { refuse: 'PermissionDenied', reason: refusal };
    const annotations = Object.fromEntries(Object.entries({ ...entry.metadata?.annotations, ...mark }).filter((pair): pair is [string, string] => pair[1] !== null));
    try {
      const made = await client.create(WorkloadEntries, { ...entry, metadata: { ...entry.metadata, annotations } }, { namespace });
      counted('success');
      log.info('machine registered', { entry: objectKey(made), group: claim.group });
      return made;
    } catch (error) {
      // By another control plane, at the same moment.
      if (isAlreadyExists(error)) return this.#register(machine, from);
      throw error;
    }
  }

  /** An entry that somebody wrote, of which the machine's agent tells how it is. */
  async #takeOver(machine: Machine, caller: WorkloadIdentity | undefined): Promise<Stored<WorkloadEntry> | Refused | undefined> {
    const { instance, clock } = this.#deps;
    const known = await this.#read(machine);
    if (!known) return { refuse: 'FailedPrecondition', reason: `there is no WorkloadEntry ${objectKey({ metadata: machine.at })}, which the node says it is` };
    const refusal = refusalOf(caller, known);
    if (refusal !== undefined) return { refuse: 'PermissionDenied', reason: refusal };
    return known.metadata.annotations?.[HEALTH_CHECKS] === undefined ? known : this.#annotate(machine, connectedMark(instance, clock.now()));
  }

  #registration(machine: Machine): Registration {
    const registration: Registration = {
      health: (report) => {
        machine.report = report;
        void this.#inTurn(machine, () => this.#tell(machine));
      },
      left: () => {
        if (!machine.live.delete(registration) || machine.live.size > 0) return;
        machine.goneSinceMs = this.#deps.clock.now();
        machine.report = undefined;
        this.#look(machine);
      },
    };
    machine.live.add(registration);
    machine.timer?.cancel();
    machine.timer = undefined;
    return registration;
  }

  /** Does what is due for an entry whose machine may have gone. */
  #look(machine: Machine): void {
    if (machine.live.size > 0 || this.#isClosed) return;
    const { log, counted, clock } = this.#deps;
    void this.#inTurn(machine, async () => {
      if (this.#isClosed) return;
      try {
        const againMs = await this.#settle(machine);
        machine.timer?.cancel();
        machine.timer = undefined;
        if (againMs === undefined || machine.live.size > 0) return;
        machine.timer = clock.after(againMs, () => this.#look(machine));
        machine.timer.unref();
      } catch (error) {
        counted('errors');
        // The next round tries again.
        log.warn('the entry of a machine that has gone cannot be kept up', { entry: objectKey({ metadata: machine.at }), error: errorText(error) });
      }
    });
  }

  /** @returns after which time to look again */
  async #settle(machine: Machine): Promise<number | undefined> {
    const { client, clock, graceMs, instance, isElsewhere, counted, log } = this.#deps;
    const entry = await this.#read(machine);
    const key = objectKey({ metadata: machine.at });
    if (!entry) return undefined;
    const nowMs = clock.now();
    const fate = fateOf(entry, { nowMs, instance, isElsewhere, graceMs, goneSinceMs: machine.live.size > 0 ? undefined : machine.goneSinceMs });
    if (fate.do === 'ask again') return fate.atMs - nowMs;
    if (fate.do === 'disconnect') {
      // With the version: nothing is decided on what has changed meanwhile.
      await this.#annotate(machine, disconnectedMark(Math.max(machine.goneSinceMs, this.#startedMs)), entry.metadata.resourceVersion);
      counted('unregister');
      log.info('machine has gone', { entry: key, graceMs });
      return 0;
    }
    if (fate.do === 'remove' && entry.metadata.annotations?.[RegistrationAnnotation.group] === undefined) await this.#write(machine, entry, (entry.status?.conditions ?? []).filter(({ type }) => type !== 'Healthy'));
    else if (fate.do === 'remove') {
      await client.delete(WorkloadEntries, machine.at, { preconditions: { uid: entry.metadata.uid, resourceVersion: entry.metadata.resourceVersion } }).catch(absent);
      counted('deletes');
      log.info('machine is registered no longer', { entry: key });
    }
    return undefined;
  }

  /** Writes what the machine has reported last. */
  async #tell(machine: Machine): Promise<void> {
    const { clock, log, instance } = this.#deps;
    const { report } = machine;
    if (!report || this.#isClosed) return;
    try {
      for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
        const entry = await this.#read(machine);
        const annotations = entry?.metadata.annotations ?? {};
        if (!entry || annotations[RegistrationAnnotation.controller] !== instance || annotations[HEALTH_CHECKS] === undefined) return void (machine.report = undefined);
        if (!(await this.#write(machine, entry, withHealth(entry.status?.conditions ?? [], report, clock.now())))) continue;
        log.info('health of a machine', { entry: objectKey(entry), ...report });
        if (machine.report === report) machine.report = undefined;
        return;
      }
    } catch (error) {
      log.warn('the health of a machine cannot be written; trying again', { entry: objectKey({ metadata: machine.at }), error: errorText(error) });
    }
    clock.after(RETRY_MS, () => void this.#inTurn(machine, () => this.#tell(machine))).unref();
  }

  /** @returns false when the entry has changed meanwhile */
  async #write(machine: Machine, entry: Stored<WorkloadEntry>, conditions: NonNullable<WorkloadEntry['status']>['conditions']): Promise<boolean> {
    const body = { metadata: { resourceVersion: entry.metadata.resourceVersion }, status: { conditions } };
    try {
      await this.#deps.client.patch(WorkloadEntries, machine.at, { type: PatchType.Merge, body }, { subresource: 'status' });
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  #annotate(machine: Machine, annotations: Readonly<Record<string, string | null>>, resourceVersion?: string): Promise<Stored<WorkloadEntry>> {
    return this.#deps.client.patch(WorkloadEntries, machine.at, { type: PatchType.Merge, body: { metadata: { annotations, ...(resourceVersion === undefined ? {} : { resourceVersion }) } } });
  }

  #read({ at }: Machine): Promise<Stored<WorkloadEntry> | undefined> {
    return this.#deps.client.get(WorkloadEntries, at).catch(absent);
  }
}

/** Entries that are looked after: registered ones, and those of others whose health was told. */
function isKept({ metadata, status }: Stored<WorkloadEntry>): boolean {
  const { [RegistrationAnnotation.group]: group, [RegistrationAnnotation.controller]: controller } = metadata.annotations ?? {};
  return group !== undefined || (controller !== undefined && status?.conditions?.some(({ type }) => type === 'Healthy') === true);
}

/** What the entry says of the workload is told as if the proxy had said it; what the proxy says itself goes before. */
function described(proxy: Proxy, { spec, metadata }: Stored<WorkloadEntry>): Proxy {
  return {
    ...proxy,
    labels: { ...metadata.labels, ...spec.labels, ...proxy.labels },
    ports: spec.ports ?? {},
    locality: proxy.locality.region === '' ? parseLocality(spec.locality) : proxy.locality,
  };
}

function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}
