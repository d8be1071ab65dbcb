/** Circuit breakers of a cluster: plain counters against limits. Envoy: `CircuitBreakers.Thresholds`. */
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

export class Breakers {
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
    const { retryBudget: budget, maxRetries } = this.limits;
    return budget ? Math.max(budget.minimum, budget.share * (this.requests + this.pending)) : maxRetries;
  }
}
