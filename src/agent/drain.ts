/** The gentle end of Envoy: clients are told to go, what is under way finishes. The pod's grace period is the only deadline. */
import { sleep, type Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { EnvoyAdmin } from './envoy-admin.ts';

export interface DrainDeps {
  readonly admin: EnvoyAdmin;
  /** So long new connections are still taken, since callers learn of the end only by and by; a sidecar's application has ended
   * before it, so there is nothing to wait for. */
  readonly acceptMs: number;
  readonly clock: Clock;
  readonly log: Log;
}

const POLL_MS = 100;

export async function drainEnvoy({ admin, acceptMs, clock, log }: DrainDeps): Promise<void> {
  const acceptUntil = clock.monotonic() + acceptMs;
  try {
    await admin.post('/drain_listeners?graceful');
    for (;;) {
      const active = busy(await admin.stats('downstream_(cx|rq)_active$'));
      if (active === 0 && clock.monotonic() >= acceptUntil) return;
      await sleep(clock, POLL_MS);
    }
  } catch (error) {
    // An Envoy that is gone has nothing left to finish.
    log.warn('Envoy did not drain', { error: errorText(error) });
  }
}

/** Requests under way, and connections that carry no HTTP. A connection that only waits for its next request is not counted. */
export function busy(stats: ReadonlyMap<string, number>): number {
  let [requests, connections, managed] = [0, 0, 0];
  for (const [name, value] of stats) {
    if (/^(listener|http)\.admin\./.test(name)) continue;
    if (name.startsWith('http.') && name.endsWith('.downstream_rq_active')) requests += value;
    else if (name.startsWith('http.') && name.endsWith('.downstream_cx_active')) managed += value;
    else if (/^listener\..*\.downstream_cx_active$/.test(name) && !name.includes('.worker_')) connections += value;
  }
  return requests + Math.max(0, connections - managed);
}
