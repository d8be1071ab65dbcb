/** Writes statuses to the API server: only what changed, the newest of each object, so many in a second, urgent ones first. */
import { KINDS } from '../../api/kinds.ts';
import { resourceOf, type MeshObject, type MeshStatus } from '../../api/schema/kind.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isConflict, isNotFound, PatchType, type KubeClient } from '../../kube/client.ts';
import { objectKey, type Stored } from '../../kube/object.ts';
import type { Resource } from '../../kube/resource.ts';
import type { Report } from './board.ts';
import { saysTheSame, statusOf } from './conditions.ts';

export interface WriterDeps {
  readonly client: KubeClient;
  /** The object as it is in the API server now, with its status. */
  current(kind: string, key: string): Stored<MeshObject<unknown>> | undefined;
  readonly clock: Clock;
  readonly log: Log;
  /** Writes in a second, in the long run; default 50. */
  readonly perSecond?: number;
}

interface Update {
  /** The copy on which it was decided. */
  readonly base: Stored<MeshObject<unknown>>;
  readonly status: MeshStatus;
}

/** So many writes may be made at once after a quiet time. */
const BURST = 200;
const CONCURRENT = 4;
const RETRY_MS = 5_000;

const RESOURCES: ReadonlyMap<string, Resource<MeshObject<unknown>>> = new Map(KINDS.map((kind) => [kind.kind, resourceOf<MeshObject<unknown>>(kind)]));

export class StatusWriter {
  readonly #deps: WriterDeps;
  readonly #perSecond: number;
  /** By `kind namespace/name`; urgent ones are taken first, each in the order in which they came. */
  readonly #waiting = { urgent: new Map<string, Report>(), later: new Map<string, Report>() };
  readonly #running = new Set<string>();
  /** By a copy: the one that is known to have come after it, for as long as the older one is what is at hand. */
  readonly #newer = new WeakMap<Stored<MeshObject<unknown>>, Stored<MeshObject<unknown>>>();
  readonly #idle = new Set<() => void>();
  #allowance = BURST;
  #allowanceAtMs: number;
  #timer: Timer | undefined;
  #isClosed = false;

  constructor(deps: WriterDeps) {
    this.#deps = deps;
    this.#perSecond = deps.perSecond ?? 50;
    this.#allowanceAtMs = deps.clock.monotonic();
  }

  put(report: Report): void {
    const key = keyOf(report);
    const isUrgent = report.isUrgent || this.#waiting.urgent.has(key);
    this.#waiting.later.delete(key);
    this.#waiting[isUrgent ? 'urgent' : 'later'].set(key, report);
    this.#go();
  }

  /** Resolves when no write is under way. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#timer?.cancel();
    if (this.#running.size > 0) await new Promise<void>((resolve) => this.#idle.add(resolve));
  }

  #go(): void {
    while (!this.#isClosed && this.#running.size < CONCURRENT) {
      const next = this.#next();
      if (!next) return;
      const update = this.#updateFor(next.report);
      this.#waiting[next.queue].delete(next.key);
      if (!update) continue;
      if (!this.#mayWrite()) {
        this.#waiting[next.queue].set(next.key, next.report);
        return;
      }
      void this.#write(next.key, next.report, update);
    }
  }

  /** An object is written once at a time. */
  #next(): { key: string; report: Report; queue: 'urgent' | 'later' } | undefined {
    for (const queue of ['urgent', 'later'] as const) for (const [key, report] of this.#waiting[queue]) if (!this.#running.has(key)) return { key, report, queue };
    return undefined;
  }

  /** @returns undefined when the object is gone, or says so already */
  #updateFor({ kind, object, facts }: Report): Update | undefined {
    let current = this.#deps.current(kind, objectKey(object));
    for (let next = current; next; next = this.#newer.get(next)) current = next;
    if (current?.metadata.uid !== object.metadata.uid) return undefined;
    const status = statusOf(facts, current.status?.conditions ?? [], this.#deps.clock.now());
    if (saysTheSame(current.status, status)) return undefined;
    return { base: current, status };
  }

  #mayWrite(): boolean {
    const { clock } = this.#deps;
    const nowMs = clock.monotonic();
    this.#allowance = Math.min(BURST, this.#allowance + ((nowMs - this.#allowanceAtMs) / 1000) * this.#perSecond);
    this.#allowanceAtMs = nowMs;
    if (this.#allowance < 1) {
      this.#later(((1 - this.#allowance) / this.#perSecond) * 1000);
      return false;
    }
    this.#allowance -= 1;
    return true;
  }

  #later(ms: number): void {
    if (this.#timer || this.#isClosed) return;
    this.#timer = this.#deps.clock.after(ms, () => {
      this.#timer = undefined;
      this.#go();
    });
    this.#timer.unref();
  }

  async #write(key: string, report: Report, { base, status }: Update): Promise<void> {
    const { client, log } = this.#deps;
    const resource = RESOURCES.get(report.kind);
    if (!resource) return;
    this.#running.add(key);
    try {
      const { namespace, name, resourceVersion } = base.metadata;
      const at = { namespace, name };
      // With the version: the list of conditions is replaced as a whole, and what others have written to it meanwhile must not be lost.
      const written = await unlessConflict(client.patch(resource, at, { type: PatchType.Merge, body: { metadata: { resourceVersion }, status } }, { subresource: 'status', fieldManager: 'istiod-status' }));
      this.#newer.set(base, written ?? (await client.get(resource, at)));
      if (!written) this.#waiting.urgent.set(key, this.#waiting.urgent.get(key) ?? report);
    } catch (error) {
      if (!isNotFound(error)) {
        log.warn('a status could not be written; trying again', { object: key, error: errorText(error) });
        if (!this.#waiting.urgent.has(key)) this.#waiting.later.set(key, report);
        this.#allowance = Math.min(this.#allowance, -(RETRY_MS / 1000) * this.#perSecond);
      }
    } finally {
      this.#running.delete(key);
      if (this.#running.size === 0) for (const resolve of this.#idle) resolve();
      this.#go();
    }
  }
}

/** @returns undefined when the object has changed meanwhile */
const unlessConflict = <T>(write: Promise<T>): Promise<T | undefined> =>
  write.catch((error: unknown) => {
    if (isConflict(error)) return undefined;
    throw error;
  });

const keyOf = ({ kind, object }: Report): string => `${kind} ${objectKey(object)}`;
