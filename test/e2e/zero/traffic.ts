/** The load of one cluster: what the client pod sends inside the mesh and what this process sends through the ingress gateway,
 * cut into windows, one for each thing that is done to the mesh meanwhile. */
import { cpus } from 'node:os';
import { Load } from '../../../samples/apps/traffic/load.ts';
import type { Failure, Order, Report, SocketReport, StreamOrder, StreamReport } from '../../../samples/apps/traffic/order.ts';
import { Sockets } from '../../../samples/apps/traffic/sockets.ts';
import { httpGet } from '../harness.ts';

export interface TrafficOptions {
  /** Of the client pod's pages. */
  readonly control: string;
  readonly inside: Order;
  /** Through the ingress gateway, from this process. */
  readonly outside: Order;
}

export interface Step {
  readonly atMs: number;
  readonly what: string;
}

/** What became of the traffic while something was done. */
export interface Window {
  readonly name: string;
  readonly seconds: number;
  /** Share of the machine's processors that was in use, by whomever; 0…1 */
  readonly busy: number;
  readonly streams: Readonly<Record<string, StreamReport>>;
  readonly sockets: Readonly<Record<string, SocketReport>>;
  readonly failures: readonly Failure[];
  readonly steps: readonly Step[];
}

/** Answers of this one take two seconds. */
export const SLOW_STREAM = 'two seconds each';

/** Requests that are late by this have been answered when a window closes; what the last step sets off has happened. */
const SETTLE_MS = 1500;
const ASK_TIMEOUT_MS = 120_000;

export class Traffic {
  readonly #options: TrafficOptions;
  readonly #loads: Load[];
  readonly #sockets: Map<string, Sockets>;
  #steps: Step[] = [];
  #since = performance.now();
  #processorsBefore = processorTimes();

  private constructor(options: TrafficOptions) {
    this.#options = options;
    this.#loads = options.outside.streams.map((stream) => new Load(stream));
    this.#sockets = new Map(options.outside.sockets.map((order) => [order.name, new Sockets(order)]));
  }

  static async start(options: TrafficOptions): Promise<Traffic> {
    await ask(options.control, '/start', 'POST', options.inside);
    return new Traffic(options);
  }

  /** Notes what is done now, so that a failure can be told from its cause. */
  step(what: string): void {
    this.#steps.push({ atMs: Date.now(), what });
  }

  /** Runs `action` under the load. */
  async during(name: string, action: () => Promise<void>): Promise<Window> {
    await this.reset();
    await action();
    this.step('done');
    await new Promise((resolve) => setTimeout(resolve, SETTLE_MS));
    return this.#close(name);
  }

  async reset(): Promise<void> {
    await ask(this.#options.control, '/reset', 'POST', {});
    for (const load of this.#loads) load.reset();
    for (const held of this.#sockets.values()) held.reset();
    this.#steps = [];
    this.#since = performance.now();
    this.#processorsBefore = processorTimes();
  }

  async report(): Promise<Window> {
    return this.#close('');
  }

  close(): void {
    for (const load of this.#loads) load.close();
    for (const held of this.#sockets.values()) held.close();
  }

  async #close(name: string): Promise<Window> {
    // What this JSON holds is defined beside the client that makes it.
    const inside = (await ask(this.#options.control, '/report', 'GET')) as Report;
    const outside = this.#options.outside.streams.map((order: StreamOrder, i) => [order.name, this.#loads[i]?.report()] as const);
    const processors = processorTimes();
    const idle = (processors.idle - this.#processorsBefore.idle) / (processors.all - this.#processorsBefore.all);
    const held = [...this.#sockets].map(([socketName, sockets]) => [socketName, sockets.report()] as const);
    return {
      name,
      seconds: (performance.now() - this.#since) / 1000,
      busy: 1 - idle,
      // The two lists run in parallel: a report stands for each order.
      streams: { ...inside.streams, ...(Object.fromEntries(outside) as Record<string, StreamReport>) },
      sockets: { ...inside.sockets, ...Object.fromEntries(held) },
      failures: [...inside.failures, ...this.#loads.flatMap((load) => load.failures)],
      steps: this.#steps,
    };
  }
}

function processorTimes(): { all: number; idle: number } {
  const times = cpus().map((cpu) => cpu.times);
  return { all: times.reduce((sum, { user, nice, sys, idle, irq }) => sum + user + nice + sys + idle + irq, 0), idle: times.reduce((sum, { idle }) => sum + idle, 0) };
}

export async function ask(base: string, path: string, method: 'GET' | 'POST', body?: unknown): Promise<unknown> {
  const answer = await httpGet(base + path, { method, timeoutMs: ASK_TIMEOUT_MS, headers: { 'content-type': 'application/json' }, body: body === undefined ? undefined : JSON.stringify(body) });
  if (answer.status !== 200) throw new Error(`${path} answered ${answer.status}: ${answer.body}`);
  return JSON.parse(answer.body);
}

/** Failures, each with the step that came before it. */
export function explain(window: Window, limit = 12): string {
  const closed = Object.values(window.sockets).flatMap((sockets) => sockets.closed);
  const failed = [...window.failures, ...closed].map(({ stream, atMs, tookMs, what }) => ({ stream, tookMs, what, endMs: atMs + tookMs })).sort((a, b) => a.endMs - b.endMs);
  return failed.slice(0, limit).map(({ stream, tookMs, what, endMs }) => {
    const step = window.steps.findLast(({ atMs }) => atMs <= endMs);
    const after = step ? `${endMs - step.atMs} ms after "${step.what}"` : 'before the first step';
    return `${stream}: failed ${after}, ${tookMs} ms after it was sent: ${what}`;
  }).join('\n');
}

export const failedOf = (window: Window): number => Object.values(window.streams).reduce((sum, stream) => sum + stream.failed, 0);
export const sentOf = (window: Window): number => Object.values(window.streams).reduce((sum, stream) => sum + stream.sent, 0);
export const closedOf = (window: Window): number => Object.values(window.sockets).reduce((sum, sockets) => sum + sockets.closed.length, 0);
export const openOf = (window: Window): number => Object.values(window.sockets).reduce((sum, sockets) => sum + sockets.open, 0);

/** Of the streams that are answered at once. */
export function worstOf({ streams }: Window, figure: 'p99Ms' | 'maxMs'): number {
  return Math.max(0, ...Object.entries(streams).filter(([name]) => name !== SLOW_STREAM).map(([, stream]) => stream[figure]));
}
