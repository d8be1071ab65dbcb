/** Ejects hosts that fail while others do not.
 *
 * What counts: consecutive 5xx answers (a connection failure or a timeout counts as one, unless local errors are split off),
 * consecutive gateway errors (502, 503, 504), and at each interval the success rate and the failure percentage against the other hosts.
 * An ejected host gets no traffic for `base × number of its ejections`, at most `max`; it comes back at an interval tick, and each
 * quiet interval forgives one ejection. At most `maxEjectionPercent` of the hosts are out at a time.
 * Cold start: counters begin at zero, nothing is ejected before it has failed in a row. Envoy: `cluster.v3.OutlierDetection`. */
import type { Clock, Timer } from '../../base/clock.ts';
import type { Host } from './host.ts';

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
  readonly successRate?: { readonly minimumHosts: number; readonly requestVolume: number; readonly stdevFactor: number; readonly enforcing: number };
  readonly failurePercentage?: { readonly threshold: number; readonly minimumHosts: number; readonly requestVolume: number; readonly enforcing: number };
}

export interface OutlierDetector {
  /** An answer came. */
  onStatus(host: Host, status: number): void;
  /** No answer: refused, reset, or timed out. */
  onLocalFailure(host: Host, timedOut: boolean): void;
  close(): void;
}

export interface OutlierDeps {
  readonly clock: Clock;
  readonly random: () => number;
  hosts(): readonly Host[];
  /** An ejection began or ended. */
  changed(): void;
}

export const NO_DETECTION: OutlierDetector = { onStatus() {}, onLocalFailure() {}, close() {} };

export function createOutlierDetector(settings: OutlierSettings, deps: OutlierDeps): OutlierDetector {
  const { clock, random } = deps;
  let timer: Timer;

  const eject = (host: Host, enforcing: number): void => {
    if (host.ejected || random() >= enforcing) return;
    const hosts = deps.hosts();
    const out = hosts.filter((other) => other.ejected).length;
    const allowed = (100 * (out + 1)) / hosts.length <= settings.maxEjectionPercent;
    if (!allowed && !(out === 0 && settings.alwaysEjectOne)) return;
    host.ejected = true;
    host.ejections++;
    host.outlier.ejectedAtMs = clock.monotonic();
    deps.changed();
  };

  const failed = (host: Host, gateway: boolean): void => {
    const { outlier } = host;
    outlier.consecutive5xx++;
    if (gateway) outlier.consecutiveGateway++;
    else outlier.consecutiveGateway = 0;
    if (gateway && settings.consecutiveGateway > 0 && outlier.consecutiveGateway >= settings.consecutiveGateway) {
      outlier.consecutiveGateway = 0;
      eject(host, settings.enforcingGateway);
    }
    if (settings.consecutive5xx > 0 && outlier.consecutive5xx >= settings.consecutive5xx) {
      outlier.consecutive5xx = 0;
      eject(host, settings.enforcing5xx);
    }
  };

  const tick = (): void => {
    const now = clock.monotonic();
    let changed = false;
    const hosts = deps.hosts();
    for (const host of hosts) {
      if (host.ejected) {
        const length = Math.min(settings.baseEjectionMs * host.ejections, Math.max(settings.maxEjectionMs, settings.baseEjectionMs));
        if (now - host.outlier.ejectedAtMs < length) continue;
        host.ejected = false;
        host.outlier.consecutive5xx = 0;
        host.outlier.consecutiveGateway = 0;
        host.outlier.consecutiveLocal = 0;
        changed = true;
      } else if (host.ejections > 0) {
        host.ejections--;
      }
    }
    if (changed) deps.changed();
    for (const [host, enforcing] of statisticalOutliers(hosts, settings)) eject(host, enforcing);
    for (const host of hosts) {
      host.outlier.intervalTotal = 0;
      host.outlier.intervalSuccess = 0;
    }
    schedule();
  };
  const schedule = (): void => {
    timer = clock.after(settings.intervalMs, tick);
    timer.unref();
  };
  schedule();

  return {
    onStatus(host, status) {
      const { outlier } = host;
      outlier.intervalTotal++;
      outlier.consecutiveLocal = 0;
      if (status >= 500) {
        failed(host, status >= 502 && status <= 504);
        return;
      }
      outlier.intervalSuccess++;
      outlier.consecutive5xx = 0;
      outlier.consecutiveGateway = 0;
    },
    onLocalFailure(host) {
      host.outlier.intervalTotal++;
      if (!settings.splitLocal) {
        failed(host, true);
        return;
      }
      host.outlier.consecutiveLocal++;
      if (settings.consecutiveLocal > 0 && host.outlier.consecutiveLocal >= settings.consecutiveLocal) {
        host.outlier.consecutiveLocal = 0;
        eject(host, settings.enforcingLocal);
      }
    },
    close: () => timer.cancel(),
  };
}

/** Hosts whose share of successes in the last interval stands out, with how firmly to act on it. */
export function statisticalOutliers(hosts: readonly Host[], settings: Pick<OutlierSettings, 'successRate' | 'failurePercentage'>): [Host, number][] {
  const found: [Host, number][] = [];
  const rate = (host: Host) => (100 * host.outlier.intervalSuccess) / host.outlier.intervalTotal;
  const { successRate, failurePercentage } = settings;
  if (successRate) {
    const counted = hosts.filter((host) => !host.ejected && host.outlier.intervalTotal >= Math.max(1, successRate.requestVolume));
    if (counted.length >= successRate.minimumHosts && counted.length > 0) {
      const mean = counted.reduce((sum, host) => sum + rate(host), 0) / counted.length;
      const variance = counted.reduce((sum, host) => sum + (rate(host) - mean) ** 2, 0) / counted.length;
      const threshold = mean - (successRate.stdevFactor / 1000) * Math.sqrt(variance);
      for (const host of counted) if (rate(host) < threshold) found.push([host, successRate.enforcing]);
    }
  }
  if (failurePercentage) {
    const counted = hosts.filter((host) => !host.ejected && host.outlier.intervalTotal >= Math.max(1, failurePercentage.requestVolume));
    if (counted.length >= failurePercentage.minimumHosts) {
      for (const host of counted) if (100 - rate(host) >= failurePercentage.threshold) found.push([host, failurePercentage.enforcing]);
    }
  }
  return found;
}
