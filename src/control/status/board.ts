/** Keeps the status of every object of the mesh. What has to be looked at follows the change: an object whose generation is
 * new is watched until the proxies that it concerns have answered; the others are looked at again when something else has
 * changed that their status speaks of, in slices, without hurry. */
import { metadataNotInEffect } from '../../api/metadata-not-in-effect.ts';
import { fieldsNotInEffect, isIneffectiveKind } from '../../api/not-in-effect.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { Stored } from '../../kube/object.ts';
import { originOf, type Origin } from '../registry/origin.ts';
import type { LeftOut, MeshSnapshot } from '../registry/snapshot.ts';
import type { ConnectedProxy, ProxyEvent } from '../serve/discovery.ts';
import { Conflicts } from './conflicts.ts';
import type { ObjectFacts } from './facts.ts';
import { MeshIndexes } from './mesh-index.ts';
import { progressOf, type ProxyView } from './progress.ts';
import { missingReferences } from './references.ts';

/** The object whose status is to be told, with everything known of it. */
export interface Report {
  readonly kind: string;
  readonly object: Stored<MeshObject<unknown>>;
  readonly facts: ObjectFacts;
  /** False of news that can wait. */
  readonly isUrgent: boolean;
}

export interface BoardDeps {
  readonly proxies: ProxyView;
  /** What could not be translated. */
  leftOut(): readonly LeftOut[];
  report(report: Report): void;
  readonly clock: Clock;
  readonly log: Log;
}

interface Entry {
  readonly kind: string;
  readonly origin: Origin;
  object: Stored<MeshObject<unknown>>;
  /** Number of the first snapshot that has this generation. */
  since: number;
  /** What of its status depends on other objects, as it was told last. */
  told: string;
}

/** What of an object's status depends on the rest of the mesh and not on proxies. */
type Surroundings = Pick<ObjectFacts, 'isUsable' | 'conflicts' | 'leftOut' | 'missing' | 'ineffective' | 'registered'>;

type Task = 'open' | 'surroundings' | 'counts';

/** Joins events that come close together. */
const QUIET_MS = 20;
/** After a change, how long all proxies are waited for before it is asked who is late, and then how often. */
const LATE_MS = 500;
const AGAIN_MS = 1_000;
/** How long the objects that refer to others may lag behind those. */
const SURROUNDINGS_MS = 500;
/** How long the number of proxies in a status may be behind when one comes or goes. */
const COUNTS_MS = 1_000;
/** While they keep coming and going, each object is counted again at most once in the time in which statuses of all can be written. */
const COUNTED_PER_SECOND = 50;
const MAX_COUNTS_MS = 30_000;
/** A proxy that has just come is to be told everything first: so long what is in force is not called pending for its sake. */
const STARTING_MS = 10_000;
/** A task rests for so many times as long as it took: telling how things are must not keep them from getting better. */
const REST = 30;
const SLICE = 10;
const PAUSE_MS = 50;

/** Parts of the mesh that objects refer to, or give way to. */
const REFERRED = ['services', 'routing', 'hostPolicies', 'gateways', 'secrets', 'settings', 'jwks', 'objects'] as const satisfies readonly (keyof MeshSnapshot)[];

export class StatusBoard {
  readonly #deps: BoardDeps;
  readonly #entries = new Map<Origin, Entry>();
  readonly #lists = new Map<string, readonly Stored<MeshObject<unknown>>[]>();
  /** Objects that are looked at until every proxy has answered, and when to look again although some have not. */
  readonly #open = new Map<Entry, number>();
  /** Objects whose number of proxies may be another. */
  readonly #recount = new Set<Entry>();
  /** When they were counted last. */
  #countedAtMs = -Infinity;
  readonly #refused = new Map<ConnectedProxy, ReadonlySet<string>>();
  readonly #conflicts = new Conflicts();
  readonly #indexes = new MeshIndexes();
  readonly #timers = new Map<Task, { timer: Timer; dueMs: number }>();
  readonly #restUntil = new Map<Task, number>();
  /** Of the proxies, during a task. */
  #census: ReturnType<ProxyView['census']> | undefined;
  #snapshot: MeshSnapshot | undefined;
  #leftOut: ReadonlyMap<Origin, readonly LeftOut[]> = new Map();
  #isClosed = false;

  constructor(deps: BoardDeps) {
    this.#deps = deps;
  }

  /** To be called after each push: proxies have been told of the snapshot. */
  observe(snapshot: MeshSnapshot): void {
    const before = this.#snapshot;
    this.#snapshot = snapshot;
    for (const [kind, list] of snapshot.objects) if (this.#lists.get(kind) !== list) this.#take(kind, list, snapshot.number);
    if (!before || REFERRED.some((part) => before[part] !== snapshot[part])) this.#in(SURROUNDINGS_MS, 'surroundings', () => this.#lookAround());
    if (this.#open.size > 0) this.#in(QUIET_MS, 'open', () => this.#lookAtOpen());
  }

  proxyEvent(event: ProxyEvent, proxy: ConnectedProxy): void {
    const before = this.#refused.get(proxy) ?? NOTHING;
    const refusals = event === 'disconnected' ? [] : proxy.refusals();
    const now = refusals.length === 0 ? NOTHING : new Set(refusals.flatMap(({ origins }) => [...origins]));
    if (now.size > 0) this.#refused.set(proxy, now);
    else if (before.size > 0) this.#refused.delete(proxy);
    if (before.size + now.size > 0) for (const origin of before.symmetricDifference(now)) {
      // The control plane's own resources have no other origins.
      const entry = this.#entries.get(origin as Origin);
      if (entry) this.#open.set(entry, 0);
    }
    if (event === 'connected' || event === 'disconnected') {
      this.#countAgain();
      // What is made for a proxy of a new kind may leave out what was not tried before.
      this.#in(SURROUNDINGS_MS, 'surroundings', () => this.#lookAround());
    }
    if (this.#open.size > 0) this.#in(QUIET_MS, 'open', () => this.#lookAtOpen());
  }

  close(): void {
    this.#isClosed = true;
    for (const { timer } of this.#timers.values()) timer.cancel();
  }

  #take(kind: string, list: readonly Stored<MeshObject<unknown>>[], number: number): void {
    const gone = new Set((this.#lists.get(kind) ?? []).map(({ metadata }) => originOf(kind, metadata)));
    this.#lists.set(kind, list);
    for (const object of list) {
      const origin = originOf(kind, object.metadata);
      gone.delete(origin);
      const known = this.#entries.get(origin);
      if (known?.object === object) continue;
      const isSame = known?.object.metadata.uid === object.metadata.uid && known.object.metadata.generation === object.metadata.generation;
      const change = isSame ? { object } : { object, since: number };
      const entry = Object.assign(known ?? { kind, origin, since: number, told: '' }, change);
      this.#entries.set(origin, entry);
      this.#open.set(entry, this.#deps.clock.monotonic() + (isSame ? 0 : LATE_MS));
    }
    for (const origin of gone) this.#drop(origin);
  }

  #drop(origin: Origin): void {
    const entry = this.#entries.get(origin);
    if (!entry) return;
    this.#entries.delete(origin);
    this.#open.delete(entry);
    this.#recount.delete(entry);
  }

  /** Does something soon; what is due earlier stays. */
  #in(ms: number, what: Task, run: () => void): void {
    if (this.#isClosed) return;
    const { clock } = this.#deps;
    const nowMs = clock.monotonic();
    const dueMs = Math.max(nowMs + ms, this.#restUntil.get(what) ?? 0);
    const due = this.#timers.get(what);
    if (due && due.dueMs <= dueMs) return;
    due?.timer.cancel();
    const timer = clock.after(dueMs - nowMs, () => {
      this.#timers.delete(what);
      this.#census = undefined;
      const startedMs = clock.monotonic();
      run();
      const endedMs = clock.monotonic();
      this.#restUntil.set(what, endedMs + (endedMs - startedMs) * REST);
    });
    timer.unref();
    this.#timers.set(what, { timer, dueMs });
  }

  #lookAtOpen(): void {
    this.#readLeftOut();
    const settled = this.#deps.proxies.allSettledAt();
    const nowMs = this.#deps.clock.monotonic();
    let nextMs = Infinity;
    for (const [entry, dueMs] of this.#open) {
      if (entry.since > settled && nowMs < dueMs) nextMs = Math.min(nextMs, dueMs - nowMs);
      else if (this.#tell(entry, true)) this.#open.delete(entry);
      else {
        this.#open.set(entry, nowMs + AGAIN_MS);
        nextMs = Math.min(nextMs, AGAIN_MS);
      }
    }
    if (nextMs < Infinity) this.#in(nextMs, 'open', () => this.#lookAtOpen());
  }

  /** Which objects does a change of others concern? */
  #lookAround(): void {
    this.#readLeftOut();
    for (const entry of this.#entries.values()) if (!this.#open.has(entry) && JSON.stringify(this.#surroundings(entry)) !== entry.told) this.#tell(entry, true);
  }

  #readLeftOut(): void {
    this.#leftOut = Map.groupBy(this.#deps.leftOut(), (l) => originOf(l.kind, l));
  }

  #countAgain(): void {
    for (const entry of this.#entries.values()) this.#recount.add(entry);
    const restMs = Math.min(MAX_COUNTS_MS, (this.#entries.size / COUNTED_PER_SECOND) * 1000);
    this.#in(Math.max(COUNTS_MS, this.#countedAtMs + restMs - this.#deps.clock.monotonic()), 'counts', () => this.#countSome());
  }

  #countSome(): void {
    const untilMs = this.#deps.clock.monotonic() + STARTING_MS;
    for (const entry of [...this.#recount].slice(0, SLICE)) {
      this.#recount.delete(entry);
      if (!this.#open.has(entry) && !this.#tell(entry, false)) this.#open.set(entry, untilMs);
    }
    if (this.#open.size > 0) this.#in(AGAIN_MS, 'open', () => this.#lookAtOpen());
    this.#countedAtMs = this.#deps.clock.monotonic();
    if (this.#recount.size > 0) this.#in(PAUSE_MS, 'counts', () => this.#countSome());
  }

  /** @param isUrgent false: only when every proxy has answered
   * @returns true when every proxy has answered */
  #tell(entry: Entry, isUrgent: boolean): boolean {
    const { proxies, report, log } = this.#deps;
    try {
      const surroundings = this.#surroundings(entry);
      entry.told = JSON.stringify(surroundings);
      const { kind, origin, object, since } = entry;
      this.#census ??= proxies.census();
      const progress = progressOf(origin, since, { groups: this.#census.groupsOf(origin), wants: proxies.wants });
      const isDone = progress.acknowledged + progress.refusals.length >= progress.interested;
      if (!isDone && !isUrgent) return false;
      const facts: ObjectFacts = {
        ...surroundings, progress,
        generation: object.metadata.generation ?? 0,
        issues: this.#snapshot?.issues.get(origin) ?? [],
        becomes: isIneffectiveKind(kind) ? 'nothing' : (BECOMES[kind] ?? 'resources'),
      };
      report({ kind, object, facts, isUrgent });
      return isDone;
    } catch (error) {
      log.error('the status of an object cannot be told', { object: entry.origin, error: errorText(error) });
      return true;
    }
  }

  #surroundings({ kind, origin, object }: Entry): Surroundings {
    const snapshot = this.#snapshot;
    if (!snapshot || snapshot.unusable.has(origin)) return { isUsable: false, conflicts: [], leftOut: [], missing: [], ineffective: [] };
    const reported = this.#leftOut.get(origin) ?? [];
    return {
      isUsable: true,
      conflicts: this.#conflicts.of(origin, snapshot),
      leftOut: reported.filter((l) => l.field === undefined).map((l) => l.reason),
      missing: missingReferences(kind, object, this.#indexes.of(snapshot)),
      ...(kind === 'WorkloadGroup' ? { registered: this.#indexes.of(snapshot).machinesOf(object) } : {}),
      ineffective: [...fieldsNotInEffect({ kind, spec: object.spec }), ...metadataNotInEffect(kind, object.metadata), ...reported.flatMap((l) => (l.field === undefined ? [] : [{ path: l.field, why: l.reason }]))],
    };
  }
}

const NOTHING: ReadonlySet<string> = new Set();

const BECOMES: Readonly<Record<string, ObjectFacts['becomes']>> = { ProxyConfig: 'pods', WorkloadGroup: 'machines' };
