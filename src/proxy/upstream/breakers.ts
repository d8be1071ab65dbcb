/** Circuit breakers of a cluster: plain counters against limits. Envoy: `CircuitBreakers.Thresholds`. */
import type { SharedSlot } from '../threads/shared-state.ts';

export interface BreakerLimits {
  readonly maxConnections: number;
  readonly maxPending: number;
  readonly maxRequests: number;
  readonly maxRetries: number;
  /** Share of active requests that may be retries, 0…1; replaces maxRetries. */
  readonly retryBudget?: { readonly share: number; readonly minimum: number };
}

/** Envoy's defaults. */
export const DEFAULT_LIMITS: BreakerLimits = { maxConnections: 1024, maxPending: 1024, maxRequests: 1024, maxRetries: 3 };

/** What is open, and whether there may be more of it. */
export interface Breakers {
  limits: BreakerLimits;
  connections: number;
  pending: number;
  requests: number;
  retries: number;
  /** How often a limit was met, since the start. */
  readonly overflows: { connections: number; pending: number; retries: number };
  readonly canConnect: boolean;
  readonly canQueue: boolean;
  readonly canRequest: boolean;
  readonly canRetry: boolean;
  readonly maxRetries: number;
}

const retriesOf = ({ retryBudget: budget, maxRetries }: BreakerLimits, active: number): number => (budget ? Math.max(budget.minimum, budget.share * active) : maxRetries);

/** Of the only thread. */
export class OwnBreakers implements Breakers {
  limits: BreakerLimits;
  connections = 0;
  pending = 0;
  requests = 0;
  retries = 0;
  /** How often a limit was met, since the start. */
  readonly overflows = { connections: 0, pending: 0, retries: 0 };

  constructor(limits: BreakerLimits) {
    this.limits = limits;
  }

  get canConnect(): boolean {
    return this.connections < this.limits.maxConnections;
  }

  get canQueue(): boolean {
    return this.pending < this.limits.maxPending;
  }

  get canRequest(): boolean {
    return this.requests < this.limits.maxRequests;
  }

  get canRetry(): boolean {
    return this.retries < this.maxRetries;
  }

  get maxRetries(): number {
    return retriesOf(this.limits, this.requests + this.pending);
  }
}

const [CONNECTIONS, PENDING, REQUESTS, RETRIES] = [0, 1, 2, 3];

/** Of one thread of several. Its numbers are its own, the limits are for all together. As in Envoy, threads that ask at the same instant
 * may each take the last place. */
export class SharedBreakers implements Breakers {
  limits: BreakerLimits;
  readonly overflows = { connections: 0, pending: 0, retries: 0 };
  readonly #all: Int32Array;
  readonly #own = [0, 0, 0, 0];

  constructor(limits: BreakerLimits, slot: SharedSlot) {
    this.limits = limits;
    this.#all = slot.counts;
  }

  get connections(): number {
    return this.#own[CONNECTIONS] ?? 0;
  }

  set connections(count: number) {
    this.#set(CONNECTIONS, count);
  }

  get pending(): number {
    return this.#own[PENDING] ?? 0;
  }

  set pending(count: number) {
    this.#set(PENDING, count);
  }

  get requests(): number {
    return this.#own[REQUESTS] ?? 0;
  }

  set requests(count: number) {
    this.#set(REQUESTS, count);
  }

  get retries(): number {
    return this.#own[RETRIES] ?? 0;
  }

  set retries(count: number) {
    this.#set(RETRIES, count);
  }

  get canConnect(): boolean {
    return Atomics.load(this.#all, CONNECTIONS) < this.limits.maxConnections;
  }

  get canQueue(): boolean {
    return Atomics.load(this.#all, PENDING) < this.limits.maxPending;
  }

  get canRequest(): boolean {
    return Atomics.load(this.#all, REQUESTS) < this.limits.maxRequests;
  }

  get canRetry(): boolean {
    return Atomics.load(this.#all, RETRIES) < this.maxRetries;
  }

  get maxRetries(): number {
    return retriesOf(this.limits, Atomics.load(this.#all, REQUESTS) + Atomics.load(this.#all, PENDING));
  }

  #set(kind: number, count: number): void {
    Atomics.add(this.#all, kind, count - (this.#own[kind] ?? 0));
    this.#own[kind] = count;
  }
}
