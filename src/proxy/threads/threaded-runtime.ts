/** The data paths of several threads as one. Configuration is judged by the first of them: what it takes the others take, in the same order,
 * and what it refuses they never see. So a refusal need not be taken back anywhere, and a port is the proxy's before a second thread binds it. */
import type { Clock } from '../../base/clock.ts';
import { awaitQuiet, awaitSilence, type Incoming, type Presence } from '../ending.ts';
import type { ProxyRuntime, ProxyState, Rejected, ResourceUpdate, StateWanted } from '../runtime-contract.ts';
import { mergeStates } from './merge-state.ts';
import type { ThreadLook, ThreadNews } from './thread-contract.ts';
import type { Thread } from './thread.ts';

export interface ThreadedRuntimeDeps {
  readonly clock: Clock;
  /** The threads cannot serve the same any more. */
  onFailed(error: Error): void;
}

type ServingThread = Pick<Thread, 'call' | 'tell' | 'close'>;

export class ThreadedRuntime implements ProxyRuntime {
  readonly #deps: ThreadedRuntimeDeps;
  #threads: readonly ServingThread[] = [];
  readonly #interested: ((typeUrl: string, names: ReadonlySet<string>) => void)[] = [];
  readonly #freed: ((name: string) => void)[] = [];
  /** By type URL, of each thread. */
  readonly #interest = new Map<string, ReadonlySet<string>[]>();
  readonly #ready = new Set<number>();
  /** Updates of which nobody has been told yet how they were taken. */
  #untold: Promise<readonly Rejected[]>[] = [];
  /** The others have taken everything up to here. */
  #followed: Promise<unknown> = Promise.resolve();

  constructor(deps: ThreadedRuntimeDeps) {
    this.#deps = deps;
  }

  /** @param threads at least one */
  begin(threads: readonly ServingThread[]): void {
    this.#threads = threads;
  }

  onNews(thread: number, news: ThreadNews): void {
    switch (news.kind) {
      case 'ready':
        return void this.#ready.add(thread);
      case 'interest':
        return this.#takeInterest(thread, news.typeUrl, news.names);
      case 'ejections':
        for (const [i, other] of this.#threads.entries()) if (i !== thread) other.tell('takeEjections', news.cluster);
        return;
      case 'port-free':
        // The first asks for it; the others never had it refused.
        for (const listener of this.#freed) listener(news.listener);
    }
  }

  /** How it went is told by `bound`. */
  apply(update: ResourceUpdate): Rejected[] {
    const [first, ...others] = this.#threads;
    if (!first) return [];
    const judged = first.call('apply', update);
    const taken = this.#followed.then(async () => {
      const refused = await judged;
      await Promise.all(others.map((other) => this.#follow(other, without(update, refused))));
      return refused;
    });
    this.#followed = taken.catch(() => {});
    this.#untold.push(taken);
    return [];
  }

  bound(): Promise<Rejected[]> | undefined {
    const untold = this.#untold;
    this.#untold = [];
    return untold.length === 0 ? undefined : Promise.all(untold).then((all) => all.flat());
  }

  onInterest(listener: (typeUrl: string, names: ReadonlySet<string>) => void): void {
    this.#interested.push(listener);
    for (const [typeUrl, sets] of this.#interest) listener(typeUrl, union(sets));
  }

  onPortFree(listener: (name: string) => void): void {
    this.#freed.push(listener);
  }

  ready(): boolean {
    return this.#threads.length > 0 && this.#ready.size === this.#threads.length;
  }

  announceEnd(): void {
    for (const thread of this.#threads) thread.tell('announceEnd');
  }

  silence(limitMs: number): Promise<void> {
    return awaitSilence(() => this.#incoming(), { clock: this.#deps.clock, limitMs });
  }

  /** No thread stops before all are quiet: what is on its way to a port that closes would be reset. */
  async drain(acceptMs = 0): Promise<void> {
    this.announceEnd();
    const served = {
      presence: () => this.#presence(),
      closeIdle: (idleMs: number) => {
        for (const thread of this.#threads) thread.tell('closeIdle', idleMs);
      },
    };
    await awaitQuiet(served, this.#deps.clock, acceptMs);
    await Promise.all(this.#threads.map((thread) => thread.call('stop')));
  }

  async close(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.close()));
  }

  async look(wanted: StateWanted): Promise<ProxyState> {
    return mergeLooks(await this.looks(wanted));
  }

  /** Of each thread. Values of resources are the same in all. */
  looks(wanted: StateWanted): Promise<ThreadLook[]> {
    return Promise.all(this.#threads.map((thread, i) => thread.call('look', i === 0 ? wanted : { ...wanted, resources: false })));
  }

  async #follow(thread: ServingThread, update: ResourceUpdate): Promise<void> {
    const refused = await thread.call('apply', update);
    if (refused.length > 0) this.#deps.onFailed(new Error(`one thread refuses what another has taken: ${refused.map(({ name, message }) => `${name}: ${message}`).join('; ')}`));
  }

  #takeInterest(thread: number, typeUrl: string, names: ReadonlySet<string>): void {
    const sets = this.#interest.getOrInsertComputed(typeUrl, () => []);
    const before = union(sets);
    sets[thread] = names;
    const now = union(sets);
    // Only the first that asks, and the last that does not any more, make a difference.
    if (thread !== 0 && now.size === before.size && now.isSubsetOf(before)) return;
    for (const listener of this.#interested) listener(typeUrl, now);
  }

  async #incoming(): Promise<Incoming> {
    const all = await Promise.all(this.#threads.map((thread) => thread.call('incoming')));
    return { arrivals: all.reduce((sum, { arrivals }) => sum + arrivals, 0), unanswered: all.reduce((sum, { unanswered }) => sum + unanswered, 0) };
  }

  async #presence(): Promise<Presence> {
    const all = await Promise.all(this.#threads.map((thread) => thread.call('presence')));
    return { openConnections: all.reduce((sum, { openConnections }) => sum + openConnections, 0), sinceAcceptedMs: Math.min(...all.map(({ sinceAcceptedMs }) => sinceAcceptedMs)) };
  }
}

export function mergeLooks(looks: readonly ThreadLook[]): ProxyState {
  const [first, ...others] = looks.map(({ state }) => state);
  if (!first) throw new Error('the threads have not begun yet');
  return mergeStates([first, ...others]);
}

function union(sets: readonly (ReadonlySet<string> | undefined)[]): ReadonlySet<string> {
  return sets.reduce<ReadonlySet<string>>((all, names) => (names ? all.union(names) : all), new Set());
}

function without(update: ResourceUpdate, refused: readonly Rejected[]): ResourceUpdate {
  if (refused.length === 0) return update;
  const names = new Set(refused.map(({ name }) => name));
  return { ...update, upserted: update.upserted.filter(({ name }) => !names.has(name)) };
}
