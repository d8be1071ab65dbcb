/** Machines outside of Kubernetes that are workloads of the mesh: whoever connects gets a WorkloadEntry out of its group, which tells
 * how its application is, and which goes a while after the machine has gone. Of several control planes each keeps the entries whose
 * machines are connected to it: `istio.io/workloadController` says which one that is. */
import { HEALTH_CHECKS, RegistrationAnnotation } from '../../api/registration.ts';
import type { WorkloadEntry } from '../../api/workload-entry.ts';
import type { Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Informer } from '../../kube/informer.ts';
import { objectKey, type Condition, type Stored } from '../../kube/object.ts';
import type { WorkloadIdentity } from '../../pki/spiffe.ts';
import type { HealthReport } from '../../xds/health.ts';
import { parseLocality } from '../registry/workloads.ts';
import type { MachineClaim, Proxy } from '../translate/proxy.ts';
import { disconnectedMark, entryName, fateOf, withHealth } from './entry.ts';
import { EntryWriter } from './entry-writer.ts';
import { register, takeOver, type Refused, type RegistrarDeps } from './register.ts';

/** One connection of a machine. */
export interface Registration {
  health(report: HealthReport): void;
  left(): void;
}

export interface Machines {
  /** Resolves when the machine has its entry: with the proxy as the entry describes it. */
  admit(proxy: Proxy, caller: WorkloadIdentity | undefined): Promise<Refused | { proxy: Proxy; registration?: Registration }>;
  /** Begins to look for entries whose machines have gone. Call when the informer has started. */
  start(): void;
  /** From now on nothing is written: to be called before connections are ended for other reasons than that machines go. */
  close(): void;
}

export interface MachinesDeps extends RegistrarDeps {
  readonly entries: Pick<Informer<WorkloadEntry>, 'list' | 'get'>;
  /** Whether another control plane of this name, a pod, is there. */
  readonly isElsewhere: (instance: string) => boolean;
  readonly graceMs: number;
}

/** After a start, how long machines are waited for that were connected before: proxies try again after ten seconds at the latest. */
const RETURN_MS = 30_000;
const RETRY_MS = 5_000;
const MAX_CONFLICTS = 5;
/** The least time between two reports of a machine that are written: probes are made once a second at most. */
const TELL_MS = 1_000;

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
  /** Of the newest connection. */
  registrant?: Registrant;
  /** What it has reported last. */
  report?: HealthReport;
  /** A write of that is to come. */
  isTelling: boolean;
  toldMs: number;
}

/** Who asks to be registered. */
interface Registrant {
  readonly proxy: Proxy;
  readonly claim: MachineClaim;
  readonly caller: WorkloadIdentity | undefined;
}

export const createMachines = (deps: MachinesDeps): Machines => new App(deps);

class App implements Machines {
  readonly #deps: MachinesDeps;
  readonly #entries: EntryWriter;
  readonly #machines = new Map<string, Machine>();
  #startedMs: number;
  #sweep: Timer | undefined;
  #isClosed = false;

  constructor(deps: MachinesDeps) {
    this.#deps = deps;
    this.#entries = new EntryWriter(deps.client);
    this.#startedMs = deps.clock.now();
  }

  admit(proxy: Proxy, caller: WorkloadIdentity | undefined): ReturnType<Machines['admit']> {
    const claim = proxy.machine;
    if (!claim || this.#isClosed) return Promise.resolve({ proxy });
    const name = claim.entry || entryName({ group: claim.group, network: claim.network, address: proxy.address });
    const machine = this.#machine(proxy.namespace, name);
    return this.#inTurn(machine, async () => {
      try {
        const registrant = { proxy, claim, caller };
        const found = claim.entry === '' ? await register(this.#deps, this.#entries, { at: machine.at, ...registrant }) : await takeOver(this.#deps, this.#entries, { at: machine.at, caller });
        if ('refuse' in found) return found;
        const told = described(proxy, found);
        // Of an entry that somebody wrote, and that asks for no health, nothing is to be kept up.
        if (!isKept(found)) return { proxy: told };
        machine.registrant = registrant;
        return { proxy: told, registration: this.#registration(machine) };
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
        for (const [key, machine] of this.#machines) if (machine.live.size > 0 && !this.#deps.entries.get(key)) this.#again(machine);
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
    return this.#machines.getOrInsertComputed(`${namespace}/${name}`, () => ({ at: { namespace, name }, live: new Set(), goneSinceMs: this.#startedMs + RETURN_MS, tail: Promise.resolve(), waiting: 0, isTelling: false, toldMs: -Infinity }));
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

  /** The entry of a machine that is connected is gone, or its group was: makes it again as soon as that can be. */
  #again(machine: Machine): void {
    const { registrant } = machine;
    if (!registrant || registrant.claim.entry !== '') return;
    void this.#inTurn(machine, async () => {
      if (machine.live.size === 0 || this.#isClosed) return;
      const found = await register(this.#deps, this.#entries, { at: machine.at, ...registrant });
      if ('refuse' in found) return this.#deps.log.warn('a machine that is connected has no entry', { reason: found.reason });
      if (machine.report) this.#tellSoon(machine);
    }).catch((error: unknown) => this.#deps.log.warn('a machine that is connected has no entry', { entry: objectKey({ metadata: machine.at }), error: errorText(error) }));
  }

  #registration(machine: Machine): Registration {
    const registration: Registration = {
      health: (report) => {
        machine.report = report;
        this.#tellSoon(machine);
      },
      left: () => {
        if (!machine.live.delete(registration) || machine.live.size > 0) return;
        machine.goneSinceMs = this.#deps.clock.now();
        machine.report = machine.registrant = undefined;
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
    const { clock, graceMs, instance, isElsewhere, counted, log } = this.#deps;
    const entry = await this.#entries.read(machine.at);
    const key = objectKey({ metadata: machine.at });
    if (!entry) return undefined;
    const nowMs = clock.now();
    const fate = fateOf(entry, { nowMs, instance, isElsewhere, graceMs, goneSinceMs: machine.live.size > 0 ? undefined : machine.goneSinceMs });
    if (fate.do === 'ask again') return fate.atMs - nowMs;
    if (fate.do === 'disconnect') {
      // With the version: nothing is decided on what has changed meanwhile.
      await this.#entries.annotate(machine.at, disconnectedMark(Math.max(machine.goneSinceMs, this.#startedMs)), entry.metadata.resourceVersion);
      counted('unregister');
      log.info('machine has gone', { entry: key, graceMs });
      return 0;
    }
    if (fate.do === 'remove') await this.#remove(entry);
    return undefined;
  }

  /** Of an entry that somebody wrote, only what the machine has said of its health. */
  async #remove(entry: Stored<WorkloadEntry>): Promise<void> {
    const { counted, log } = this.#deps;
    const conditions = entry.status?.conditions ?? [];
    if (entry.metadata.annotations?.[RegistrationAnnotation.group] !== undefined) {
      await this.#entries.remove(entry);
      counted('deletes');
      log.info('machine is registered no longer', { entry: objectKey(entry) });
    } else if (conditions.some(isHealth)) await this.#entries.writeConditions(entry, conditions.filter((condition) => !isHealth(condition)));
  }

  /** However often a machine reports, its entry is not written more than once in a while. */
  #tellSoon(machine: Machine, leastMs = 0): void {
    if (machine.isTelling) return;
    machine.isTelling = true;
    const { clock } = this.#deps;
    const run = () => void this.#inTurn(machine, () => this.#tell(machine));
    const waitMs = Math.max(leastMs, machine.toldMs + TELL_MS - clock.now());
    if (waitMs <= 0) run();
    else clock.after(waitMs, run).unref();
  }

  /** Writes what the machine has reported last. */
  async #tell(machine: Machine): Promise<void> {
    const { clock, log, instance } = this.#deps;
    machine.isTelling = false;
    machine.toldMs = clock.now();
    const { report } = machine;
    if (!report || this.#isClosed) return;
    try {
      for (let tries = 0; tries < MAX_CONFLICTS; tries++) {
        const entry = await this.#entries.read(machine.at);
        const annotations = entry?.metadata.annotations ?? {};
        if (!entry || annotations[RegistrationAnnotation.controller] !== instance || annotations[HEALTH_CHECKS] === undefined) return;
        if (!(await this.#entries.writeConditions(entry, withHealth(entry.status?.conditions ?? [], report, clock.now())))) continue;
        log.info('health of a machine', { entry: objectKey(entry), ...report });
        return;
      }
    } catch (error) {
      log.warn('the health of a machine cannot be written; trying again', { entry: objectKey({ metadata: machine.at }), error: errorText(error) });
    }
    this.#tellSoon(machine, RETRY_MS);
  }
}

const isHealth = ({ type }: Condition): boolean => type === 'Healthy';

/** Entries that are looked after: registered ones, and those of others whose health is told. */
function isKept({ metadata }: Stored<WorkloadEntry>): boolean {
  const { [RegistrationAnnotation.group]: group, [RegistrationAnnotation.controller]: controller, [HEALTH_CHECKS]: health } = metadata.annotations ?? {};
  return group !== undefined || (controller !== undefined && health !== undefined);
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
