import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { createDebounce } from '../../xds/debounce.ts';
import type { Sources } from '../registry/sources.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import type { SnapshotBuilder } from '../registry/snapshot-builder.ts';
import type { Discovery } from './discovery.ts';
import type { Generator } from '../generate/generator.ts';
import type { PilotMetrics } from './metrics.ts';

export interface PushLoopDeps {
  readonly sources: Sources;
  readonly builder: SnapshotBuilder;
  readonly generator: Generator;
  readonly discovery: Discovery;
  readonly metrics: PilotMetrics;
  /** Called with each snapshot when proxies have been told of it. */
  readonly pushed?: (snapshot: MeshSnapshot) => void;
  readonly debounce: { readonly quietMs: number; readonly maxMs: number };
  readonly clock: Clock;
  readonly log: Log;
}

/** While proxies take what a snapshot changed, the next one waits: for so long for each of them, which is about what it costs to tell
 * one, and for so many times as long as it took to make the last. Under load a snapshot is made once in a round of all proxies. */
const MS_EACH = 0.15;
const BUILDS = 10;
/** But never for longer than this. */
const MAX_ROUND_MS = 500;

/** From changes in the API server to pushes: a burst of changes is one snapshot. */
export function startPushLoop(deps: PushLoopDeps): { close(): void } {
  const { sources, builder, generator, discovery, metrics, clock, log } = deps;
  let firstAtMs: number | undefined;
  let round: Timer | undefined;
  let [ranAtMs, buildMs] = [0, 0];
  const run = () => {
    ranAtMs = clock.monotonic();
    round?.cancel();
    round = undefined;
    const since = firstAtMs ?? clock.monotonic();
    firstAtMs = undefined;
    try {
      const snapshot = builder.build(sources.inputs(), clock.now());
      buildMs = clock.monotonic() - ranAtMs;
      discovery.push(snapshot, () => {
        metrics.converged((clock.monotonic() - since) / 1000);
        told(snapshot);
      });
    } catch (error) {
      log.error('the mesh could not be read; proxies keep what they have', { error: errorText(error) });
    }
  };
  /** What is made for proxies is made when they are told. */
  const told = (snapshot: MeshSnapshot) => {
    try {
      deps.pushed?.(snapshot);
      reportLeftOut();
      metrics.inventory(inventory(snapshot));
    } catch (error) {
      log.error('what came of a change cannot be reported', { error: errorText(error) });
    }
  };
  let reported = '';
  const reportLeftOut = () => {
    const { leftOut } = generator;
    const text = JSON.stringify(leftOut);
    if (text !== reported) for (const object of leftOut) log.warn('object left out of the configuration', { ...object });
    reported = text;
  };
  const due = () => {
    const roundMs = discovery.isPushing ? Math.min(MAX_ROUND_MS, Math.max(discovery.connections().length * MS_EACH, buildMs * BUILDS)) : 0;
    const waitMs = ranAtMs + roundMs - clock.monotonic();
    if (waitMs <= 0) return run();
    round ??= clock.after(waitMs, run);
    round.unref();
  };
  const debounced = createDebounce({ ...deps.debounce, clock }, due);
  sources.onChange((kind) => {
    metrics.updated(kind);
    firstAtMs ??= clock.monotonic();
    debounced.trigger();
  });
  run();
  return {
    close() {
      debounced.close();
      round?.cancel();
    },
  };
}

function inventory(snapshot: MeshSnapshot): { services: number; virtualServices: number; subsets: number } {
  const policies = [...snapshot.hostPolicies.byNamespace.values()].flatMap((hosts) => [...hosts.values()].flat());
  return { services: snapshot.services.length, virtualServices: snapshot.routing.length, subsets: policies.reduce((sum, p) => sum + p.subsets.length, 0) };
}
