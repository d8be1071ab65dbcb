/** What one request may still try: how often, on which hosts, and at what time. Envoy: the router filter's RetryState. */
import type { Clock } from '../../base/clock.ts';
import { Delivery, DELIVERY_HEADER, IDEMPOTENT_METHODS, RETRY_UNDELIVERED } from '../../xds/delivery.ts';
import type { HeaderView } from '../outcome.ts';
import type { Fields } from '../route/request-view.ts';
import { backOffMs, type RetryPolicy, retriesFailure, retriesResponse, type TryFailure } from '../route/retry-policy.ts';
import type { Breakers } from '../upstream/breakers.ts';
import type { UpstreamCluster } from '../upstream/cluster.ts';
import type { Host } from '../upstream/host.ts';

const IDEMPOTENT: ReadonlySet<string> = new Set(IDEMPOTENT_METHODS);
/** How long others are preferred to a host at which nobody was found. */
const SHUN_MS = 1000;

const NONE: readonly Host[] = [];

export const isIdempotent = (method: string): boolean => IDEMPOTENT.has(method);

/** Why a try ended that may be followed by another. */
export interface TryEnd {
  readonly host: Host;
  /** No application has got the request. */
  readonly undelivered: boolean;
  /** Monotonic ms. */
  readonly now: number;
  /** Tries so far. */
  readonly attempts: number;
  /** 0…1 */
  readonly random: number;
}

/** Where and when to try next. */
export interface NextTry {
  readonly host: Host | undefined;
  readonly delayMs: number;
}

export class Retries {
  readonly policy: RetryPolicy | undefined;
  readonly #method: string;
  readonly #goesOn: boolean;
  #left: number;
  #tried = NONE;
  /** Where the retry under way counts. */
  #held: Breakers | undefined;

  /** @param policy undefined: this request is not retried */
  constructor(policy: RetryPolicy | undefined, method: string) {
    this.policy = policy;
    this.#method = method;
    this.#goesOn = policy?.on.has(RETRY_UNDELIVERED) === true;
    this.#left = policy?.maxRetries ?? 0;
  }

  /** The request may be wanted once more. */
  get mayGoOn(): boolean {
    return this.#left > 0 || this.#goesOn;
  }

  /** Hosts of the tries before. */
  get tried(): readonly Host[] {
    return this.#tried;
  }

  wants(failure: TryFailure): boolean {
    if (!this.policy) return false;
    // Nobody is worse off when an idempotent request is made twice.
    return retriesFailure(this.policy, failure) || (failure === 'reset' && this.#goesOn && isIdempotent(this.#method));
  }

  wantsAfter(status: number, headers: Fields): boolean {
    return this.policy !== undefined && retriesResponse(this.policy, status, headers);
  }

  /** A host that is to be avoided because nobody was found there a moment ago. */
  shuns(host: Host, clock: Clock): boolean {
    return host.unreachableUntil > 0 && this.#goesOn && host.unreachableUntil > clock.monotonic();
  }

  /** Claims another try. A try that reached nobody is free as long as another host is left to ask.
   * @returns the response flag that says why there is none */
  claim(end: TryEnd, cluster: UpstreamCluster): NextTry | 'URX' | 'UO' {
    const { policy } = this;
    this.#tried = [...this.#tried, end.host];
    const other = end.undelivered && this.#goesOn ? this.#otherThan(end, cluster) : undefined;
    if (!policy || (other === undefined && this.#left <= 0)) return 'URX';
    this.release();
    if (!cluster.breakers.canRetry) {
      cluster.breakers.overflows.retries++;
      return 'UO';
    }
    cluster.breakers.retries++;
    this.#held = cluster.breakers;
    if (other) return { host: other, delayMs: 0 };
    this.#left--;
    return { host: undefined, delayMs: backOffMs(policy, end.attempts, end.random) };
  }

  release(): void {
    if (!this.#held) return;
    this.#held.retries--;
    this.#held = undefined;
  }

  #otherThan({ host, now }: TryEnd, cluster: UpstreamCluster): Host | undefined {
    host.unreachableUntil = now + SHUN_MS;
    return cluster.pickOther(this.#tried);
  }
}

/** What the sidecar of the called workload says. */
export const isUndelivered = (headers: HeaderView): boolean => headers.get(DELIVERY_HEADER) === Delivery.None;
