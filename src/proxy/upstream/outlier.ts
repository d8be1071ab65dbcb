/** Ejects hosts that fail while others do not.
 *
 * What counts: consecutive 5xx answers (a connection failure or a timeout counts as one, unless local errors are split off),
 * consecutive gateway errors (502, 503, 504), and at each interval the success rate and the failure percentage against the other hosts.
 * An ejected host gets no traffic for `base × number of its ejections`, at most `max`; it comes back at an interval tick, and each
 * quiet interval forgives one ejection. At most `maxEjectionPercent` of the hosts are out at a time.
 * Cold start: counters begin at zero, nothing is ejected before it has failed in a row. Envoy: `cluster.v3.OutlierDetection`. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Host } from './host.ts';

/** Why a host was ejected; Envoy's words, where it has some. */
export type EjectionCause = 'consecutive_5xx' | 'consecutive_gateway_failure' | 'consecutive_local_origin_failure' | 'success_rate' | 'failure_percentage' | 'listed_codes';

/** Envoy: ConsecutiveErrors. */
export interface CodeMonitor {
  readonly threshold: number;
  readonly enforcing: number;
  /** Both ends belong to a range. */
  readonly ranges: readonly (readonly [from: number, to: number])[];
}

export interface OutlierSettings {
  /** 0: off. Enforcing shares are 0…1. */
  readonly consecutive5xx: number;
  readonly enforcing5xx: number;
  readonly consecutiveGateway: number;
  readonly enforcingGateway: number;
  readonly splitLocal: boolean;
  readonly consecutiveLocal: number;
  readonly enforcingLocal: number;
  readonly intervalMs: number;
  readonly baseEjectionMs: number;
  readonly maxEjectionMs: number;
  readonly maxEjectionPercent: number;
  readonly alwaysEjectOne: boolean;
  /** Status codes that count as errors of their own. */
  readonly monitors: readonly CodeMonitor[];
  readonly successRate?: { readonly minimumHosts: number; readonly requestVolume: number; readonly stdevFactor: number; readonly enforcing: number };
  readonly failurePercentage?: { readonly threshold: number; readonly minimumHosts: number; readonly requestVolume: number; readonly enforcing: number };
}

export interface OutlierDetector {
  /** An answer came. */
  onStatus(host: Host, status: number): void;
  /** No answer: refused, reset, or timed out. */
  onLocalFailure(host: Host, timedOut: boolean): void;
  /** There is a connection: a failure of our own side is over. */
  onConnected(host: Host): void;
  readonly counts: OutlierCounts;
  close(): void;
}

/** Envoy's `outlier_detection.*`, since the start. */
export interface OutlierCounts {
  enforced: number;
  readonly byCause: Map<EjectionCause, number>;
  /** Ejections that were due but would have been too many. */
  overflow: number;
}

export interface OutlierDeps {
  readonly clock: Clock;
  readonly random: () => number;
  hosts(): readonly Host[];
  /** An ejection began or ended. */
  changed(): void;
}

const newCounts = (): OutlierCounts => ({ enforced: 0, byCause: new Map(), overflow: 0 });

export const NO_DETECTION: OutlierDetector = { onStatus() {}, onLocalFailure() {}, onConnected() {}, counts: newCounts(), close() {} };

export function createOutlierDetector(settings: OutlierSettings, deps: OutlierDeps): OutlierDetector {
  const { clock, random } = deps;
  const counts = newCounts();
  const longestMs = Math.max(settings.maxEjectionMs, settings.baseEjectionMs);
  let timer: Timer;

  const eject = (host: Host, cause: EjectionCause, enforcing: number): void => {
    if (host.ejected) return;
    const hosts = deps.hosts();
    const out = hosts.filter((other) => other.ejected).length;
    const isAllowed = (100 * (out + 1)) / hosts.length <= Math.min(100, settings.maxEjectionPercent) || (out === 0 && settings.alwaysEjectOne);
    if (!isAllowed) {
      counts.overflow++;
      return;
    }
    if (random() >= enforcing) return;
    const { outlier } = host;
    const isFirst = outlier.exclusively(() => {
      if (outlier.ejected) return false;
      outlier.ejected = true;
      outlier.ejections++;
      outlier.cause = cause;
      outlier.ejectedAtMs = clock.monotonic();
      if (outlier.backOff * settings.baseEjectionMs < longestMs + settings.baseEjectionMs) outlier.backOff++;
      outlier.lengthMs = Math.min(settings.baseEjectionMs * outlier.backOff, longestMs);
      return true;
    });
    if (!isFirst) return;
    counts.enforced++;
    counts.byCause.set(cause, (counts.byCause.get(cause) ?? 0) + 1);
    deps.changed();
  };

  const external = (host: Host, status: number): void => {
    const { outlier } = host;
    outlier.intervalTotal++;
    if (status >= 500) failed(host, status >= 502 && status <= 504);
    else {
      outlier.intervalSuccess++;
      outlier.consecutive5xx = 0;
      outlier.consecutiveGateway = 0;
    }
    for (const [i, monitor] of settings.monitors.entries()) watch(host, i, monitor, status);
  };

  const failed = (host: Host, isGateway: boolean): void => {
    const { outlier } = host;
    outlier.consecutive5xx++;
    outlier.consecutiveGateway = isGateway ? outlier.consecutiveGateway + 1 : 0;
    if (isGateway && settings.consecutiveGateway > 0 && outlier.consecutiveGateway >= settings.consecutiveGateway) {
      outlier.consecutiveGateway = 0;
      eject(host, 'consecutive_gateway_failure', settings.enforcingGateway);
    }
    if (settings.consecutive5xx > 0 && outlier.consecutive5xx >= settings.consecutive5xx) {
      outlier.consecutive5xx = 0;
      eject(host, 'consecutive_5xx', settings.enforcing5xx);
    }
  };

  // One of its parameters is the place of the other.
  // oxlint-disable-next-line max-params
  const watch = (host: Host, at: number, monitor: CodeMonitor, status: number): void => {
    const { monitored } = host.outlier;
    const count = monitor.ranges.some(([from, to]) => status >= from && status <= to) ? (monitored[at] ?? 0) + 1 : 0;
    monitored[at] = count >= monitor.threshold ? 0 : count;
    if (count >= monitor.threshold) eject(host, 'listed_codes', monitor.enforcing);
  };

  /** @returns false when its time is not over */
  const release = ({ outlier }: Host, now: number): boolean =>
    outlier.exclusively(() => {
      if (!outlier.ejected || now - outlier.ejectedAtMs < outlier.lengthMs) return false;
      outlier.ejected = false;
      outlier.releasedAtMs = now;
      outlier.consecutive5xx = outlier.consecutiveGateway = outlier.consecutiveLocal = 0;
      outlier.monitored.length = 0;
      return true;
    });

  const tick = (): void => {
    const now = clock.monotonic();
    const hosts = deps.hosts();
    let changed = false;
    for (const host of hosts) if (release(host, now)) changed = true;
    if (changed) deps.changed();
    for (const { host, cause, enforcing } of statisticalOutliers(hosts, settings)) eject(host, cause, enforcing);
    for (const host of hosts) {
      const { outlier } = host;
      outlier.intervalTotal = 0;
      outlier.intervalSuccess = 0;
      // A quiet interval forgives one ejection.
      if (!host.ejected && outlier.backOff > 0 && now - outlier.releasedAtMs >= settings.intervalMs && outlier.mayForgive(now, settings.intervalMs)) outlier.backOff--;
    }
    schedule();
  };
  const schedule = (): void => {
    timer = clock.after(settings.intervalMs, tick);
    timer.unref();
  };
  schedule();

  return {
    counts,
    onStatus: external,
    onLocalFailure(host, timedOut) {
      if (!settings.splitLocal) return external(host, timedOut ? 504 : 503);
      host.outlier.consecutiveLocal++;
      if (settings.consecutiveLocal === 0 || host.outlier.consecutiveLocal < settings.consecutiveLocal) return;
      host.outlier.consecutiveLocal = 0;
      eject(host, 'consecutive_local_origin_failure', settings.enforcingLocal);
    },
    onConnected(host) {
      host.outlier.consecutiveLocal = 0;
    },
    close: () => timer.cancel(),
  };
}

/** Hosts whose share of successes in the last interval stands out, with how firmly to act on it. */
export function statisticalOutliers(hosts: readonly Host[], settings: Pick<OutlierSettings, 'successRate' | 'failurePercentage'>): { host: Host; cause: EjectionCause; enforcing: number }[] {
  const found: { host: Host; cause: EjectionCause; enforcing: number }[] = [];
  const rate = (host: Host) => (100 * host.outlier.intervalSuccess) / host.outlier.intervalTotal;
  const { successRate, failurePercentage } = settings;
  if (successRate) {
    const counted = hosts.filter((host) => !host.ejected && host.outlier.intervalTotal >= Math.max(1, successRate.requestVolume));
    if (counted.length >= successRate.minimumHosts && counted.length > 0) {
      const mean = counted.reduce((sum, host) => sum + rate(host), 0) / counted.length;
      const variance = counted.reduce((sum, host) => sum + (rate(host) - mean) ** 2, 0) / counted.length;
      const threshold = mean - (successRate.stdevFactor / 1000) * Math.sqrt(variance);
      for (const host of counted) if (rate(host) < threshold) found.push({ host, cause: 'success_rate', enforcing: successRate.enforcing });
    }
  }
  if (failurePercentage) {
    const counted = hosts.filter((host) => !host.ejected && host.outlier.intervalTotal >= Math.max(1, failurePercentage.requestVolume));
    if (counted.length >= failurePercentage.minimumHosts) {
      for (const host of counted) if (100 - rate(host) >= failurePercentage.threshold) found.push({ host, cause: 'failure_percentage', enforcing: failurePercentage.enforcing });
    }
  }
  return found;
}
