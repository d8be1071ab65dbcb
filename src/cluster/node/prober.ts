/** Repeats one probe of one running container and tells what it means. Kubernetes: pkg/kubelet/prober/worker.go.
 * Differs from Kubernetes: until a startup or readiness probe has first succeeded, it is also tried between its periods, at
 * first every 50 ms. Only success counts there, and the first try that may fail comes after one period; a container that is ready
 * in 100 ms need not wait for the next second. */
import type { Probe } from 'kubernetes-types/core/v1.d.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import type { ActionResult } from './probe-actions.ts';

export type ProbeKind = 'startup' | 'readiness' | 'liveness';

export interface ProberOptions {
  readonly kind: ProbeKind;
  readonly probe: Probe;
  readonly clock: Clock;
  /** One try, already bound to its container. */
  attempt(timeoutMs: number): Promise<ActionResult>;
  /** The verdict changed, by the thresholds. */
  onVerdict(healthy: boolean, message: string): void;
  /** Each failed try that counts, for the event. */
  onFailure(message: string): void;
}

export interface Prober {
  start(): void;
  close(): void;
}

const EAGER_FIRST_MS = 50;
const EAGER_GROWTH = 1.3;

export function createProber(options: ProberOptions): Prober {
  const { kind, probe, clock } = options;
  const periodMs = (probe.periodSeconds ?? 10) * 1000;
  const timeoutMs = (probe.timeoutSeconds ?? 1) * 1000;
  const successThreshold = probe.successThreshold ?? 1;
  const failureThreshold = probe.failureThreshold ?? 3;
  let timer: Timer | undefined;
  let closed = false;
  let verdict: boolean | undefined;
  let streak = { ok: true, length: 0 };
  let eagerMs = kind !== 'liveness' && successThreshold === 1 ? EAGER_FIRST_MS : Number.POSITIVE_INFINITY;
  let nextPeriod = 0;

  const decide = (result: ActionResult): void => {
    streak = streak.ok === result.ok ? { ok: result.ok, length: streak.length + 1 } : { ok: result.ok, length: 1 };
    if (!result.ok) options.onFailure(result.message);
    if (streak.length < (result.ok ? successThreshold : failureThreshold)) return;
    if (verdict === result.ok && kind === 'readiness') return;
    verdict = result.ok;
    options.onVerdict(result.ok, result.message);
  };
  const schedule = (): void => {
    if (closed) return;
    const now = clock.monotonic();
    const untilPeriod = Math.max(0, nextPeriod - now);
    const delay = verdict === true ? untilPeriod : Math.min(untilPeriod, eagerMs);
    timer = clock.after(delay, () => void tick());
  };
  const tick = async (): Promise<void> => {
    const counts = clock.monotonic() >= nextPeriod;
    if (counts) nextPeriod = clock.monotonic() + periodMs;
    else eagerMs *= EAGER_GROWTH;
    const result = await options.attempt(timeoutMs);
    if (closed) return;
    if (counts || result.ok) decide(result);
    // A startup probe is done after its first success.
    if (!(kind === 'startup' && verdict === true)) schedule();
  };

  return {
    start() {
      const delayMs = (probe.initialDelaySeconds ?? 0) * 1000;
      // A program that was started this instant is not yet listening: its first failure would only be noise.
      nextPeriod = clock.monotonic() + delayMs + (successThreshold === 1 ? periodMs : 0);
      timer = clock.after(kind === 'liveness' ? nextPeriod - clock.monotonic() : delayMs, () => void tick());
    },
    close() {
      closed = true;
      timer?.cancel();
    },
  };
}
