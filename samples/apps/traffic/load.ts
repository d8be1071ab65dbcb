/** Requests at a constant rate, whether or not the ones before have been answered, and what became of each. */
import { createCaller, type Caller } from './callers.ts';
import type { Failure, StreamOrder, StreamReport } from './order.ts';

const TICK_MS = 4;
const MAX_FAILURES = 1000;

export class Load {
  readonly #order: StreamOrder;
  readonly #caller: Caller;
  readonly #methods: readonly string[];
  readonly #began = performance.now();
  readonly #timer: NodeJS.Timeout;
  #due = 0;
  #pending = 0;
  #sent = 0;
  #ok = 0;
  #failed = 0;
  #latencies: number[] = [];
  #servers = new Map<string, number>();
  failures: Failure[] = [];

  constructor(order: StreamOrder) {
    this.#order = order;
    this.#caller = createCaller(order);
    this.#methods = order.methods ?? ['GET', 'POST'];
    this.#timer = setInterval(() => this.#tick(), TICK_MS);
  }

  get pending(): number {
    return this.#pending;
  }

  /** No more requests; those under way are still counted. */
  stop(): void {
    clearInterval(this.#timer);
  }

  close(): void {
    this.stop();
    this.#caller.close();
  }

  reset(): void {
    this.#sent = 0;
    this.#ok = 0;
    this.#failed = 0;
    this.#latencies = [];
    this.#servers = new Map();
    this.failures = [];
  }

  report(): StreamReport {
    const sorted = Float64Array.from(this.#latencies).sort();
    const at = (share: number) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
    return { sent: this.#sent, ok: this.#ok, failed: this.#failed, p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), servers: Object.fromEntries(this.#servers) };
  }

  #tick(): void {
    const wanted = Math.floor(((performance.now() - this.#began) / 1000) * this.#order.perSecond);
    while (this.#due < wanted) this.#send(this.#due++);
  }

  #send(index: number): void {
    const atMs = Date.now();
    const started = performance.now();
    this.#sent++;
    this.#pending++;
    this.#caller.call(this.#methods[index % this.#methods.length] ?? 'GET').then(
      (text) => {
        this.#pending--;
        this.#ok++;
        this.#latencies.push(performance.now() - started);
        this.#servers.set(text, (this.#servers.get(text) ?? 0) + 1);
      },
      (error: Error) => {
        this.#pending--;
        this.#failed++;
        if (this.failures.length < MAX_FAILURES) this.failures.push({ atMs, tookMs: Math.round(performance.now() - started), stream: this.#order.name, what: error.message });
      },
    );
  }
}
