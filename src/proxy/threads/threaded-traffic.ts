/** The data path in threads of its own. The main thread keeps what a proxy has one of: the stream to the control plane, the workload's
 * identity, names, pages. Each thread has a whole data path and listens at every port: the kernel shares out the connections, and no
 * connection changes its thread. Envoy: `--concurrency`. */
import { randomBytes } from 'node:crypto';
import type { LogLevel } from '../../base/log.ts';
import type { Look } from '../admin/proxy-view.ts';
import type { StateWanted } from '../runtime-contract.ts';
import { ROOT_SECRET, WORKLOAD_SECRET } from '../secrets/workload-secrets.ts';
import { sumOfReports } from '../telemetry/telemetry-state.ts';
import type { Traffic, TrafficDeps } from '../traffic.ts';
import { createSlotMemory } from './shared-state.ts';
import type { ThreadBeginning } from './thread-contract.ts';
import { Thread } from './thread.ts';
import { mergeLooks, ThreadedRuntime } from './threaded-runtime.ts';

export interface ThreadedTrafficOptions {
  readonly threads: number;
  /** The program that a thread runs, as `proxy thread`. */
  readonly entry: string;
  /** A thread has ended, or differs from the others: half a proxy is worse than none. */
  onFailed(error: Error): void;
}

const TICKET_SECRET_BYTES = 32;

export class ThreadedTraffic implements Traffic {
  readonly runtime: ThreadedRuntime;
  readonly threads: number;
  readonly #deps: TrafficDeps;
  readonly #options: ThreadedTrafficOptions;
  #threads: readonly Thread[] = [];
  #stopSecrets: (() => void) | undefined;

  constructor(deps: TrafficDeps, options: ThreadedTrafficOptions) {
    this.#deps = deps;
    this.#options = options;
    this.threads = options.threads;
    this.runtime = new ThreadedRuntime({ clock: deps.clock, onFailed: options.onFailed });
  }

  start(): void {
    const { settings, secrets, levels, logFlushMs } = this.#deps;
    const { threads: count, entry, onFailed } = this.#options;
    const beginning: Omit<ThreadBeginning, 'index'> = { settings, count, slotMemory: createSlotMemory(), ticketSecret: randomBytes(TICKET_SECRET_BYTES), logLevels: levels.entries(), logFlushMs };
    this.#threads = Array.from({ length: count }, (_, i) => new Thread({ entry, beginning: { ...beginning, index: i }, onNews: (news) => this.runtime.onNews(i, news), onDied: onFailed }));
    this.runtime.begin(this.#threads);
    const tell = (name: string) => {
      for (const thread of this.#threads) thread.tell('setSecret', name, secrets.get(name));
    };
    for (const name of [ROOT_SECRET, WORKLOAD_SECRET]) if (secrets.get(name)) tell(name);
    this.#stopSecrets = secrets.onChange(tell);
  }

  async look(wanted: StateWanted): Promise<Look> {
    const looks = await this.runtime.looks(wanted);
    return { state: mergeLooks(looks), counts: sumOfReports(looks.map(({ counts }) => counts)), heapUsed: looks.reduce((sum, { heapUsed }) => sum + heapUsed, process.memoryUsage().heapUsed) };
  }

  resetCounters(): void {
    for (const thread of this.#threads) thread.tell('resetCounters');
  }

  setLogLevel(scope: string, level: LogLevel): void {
    this.#deps.levels.set(scope, level);
    for (const thread of this.#threads) thread.tell('setLogLevel', scope, level);
  }

  async endTelemetry(): Promise<void> {
    await Promise.all(this.#threads.map((thread) => thread.call('endTelemetry')));
  }

  async close(): Promise<void> {
    this.#stopSecrets?.();
    await this.runtime.close();
  }
}
