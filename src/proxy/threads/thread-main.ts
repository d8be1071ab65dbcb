/** A thread that serves clients: a whole data path, told what to do by the main thread, which alone speaks with the control plane. */
import workerThreads from 'node:worker_threads';
import { systemClock } from '../../base/clock.ts';
import { createLog, LogLevels } from '../../base/log.ts';
import type { ProxyState, StateWanted } from '../runtime-contract.ts';
import type { SecretSource, TlsSecret } from '../secret-source.ts';
import { reportOf } from '../telemetry/telemetry-state.ts';
import { LocalTraffic } from '../traffic.ts';
import { SharedSlots } from './shared-state.ts';
import type { CallMessage, ThreadBeginning, ThreadCalls, ThreadMessage } from './thread-contract.ts';

/** Until it is ready, it looks so often whether it is. */
const READY_POLL_MS = 20;

export function runThread(): void {
  const { parentPort } = workerThreads;
  if (!parentPort) throw new Error('"proxy thread" is what the proxy starts its own threads with');
  // Not a window.
  // oxlint-disable-next-line unicorn/require-post-message-target-origin
  const say = (message: ThreadMessage) => parentPort.postMessage(message);
  // The main thread begins it with this.
  const { calls, begin } = createThread(workerThreads.workerData as ThreadBeginning, say);
  parentPort.on('message', (message: CallMessage) => void answer(calls, message, say));
  begin();
}

async function answer(calls: ThreadCalls, { id, name, args }: CallMessage, say: (message: ThreadMessage) => void): Promise<void> {
  try {
    // The contract pairs names with arguments.
    const run = calls[name] as (...args: readonly unknown[]) => unknown;
    const value = await run(...args);
    say({ kind: 'answer', id, value });
  } catch (error) {
    say({ kind: 'failure', id, error });
  }
}

function createThread({ settings, index, count, slotMemory, ticketSecret, logLevels, logFlushMs }: ThreadBeginning, say: (message: ThreadMessage) => void): { calls: ThreadCalls; begin(): void } {
  const clock = systemClock;
  const levels = new LogLevels();
  for (const [scope, level] of logLevels) levels.set(scope, level);
  const secrets = new ToldSecrets();
  const traffic = new LocalTraffic({ settings, secrets, clock, levels, log: createLog(levels), env: process.env, bind: { ownsPaths: index === 0 }, logFlushMs }, { count, shared: { slots: new SharedSlots(slotMemory), ticketSecret, tellEjections: (cluster) => say({ kind: 'ejections', cluster }) } });
  const { runtime, telemetry } = traffic;
  runtime.onInterest((typeUrl, names) => say({ kind: 'interest', typeUrl, names }));
  runtime.onPortFree((listener) => say({ kind: 'port-free', listener }));
  const tellReady = () => {
    if (runtime.ready()) return say({ kind: 'ready' });
    clock.after(READY_POLL_MS, tellReady);
  };
  const calls: ThreadCalls = {
    apply(update) {
      const refused = runtime.apply(update);
      return runtime.bound()?.then((more) => [...refused, ...more]) ?? refused;
    },
    setSecret: (name, secret) => secrets.set(name, secret),
    setLogLevel: (scope, level) => traffic.setLogLevel(scope, level),
    look: (wanted) => ({ state: stateOf(runtime.snapshot(), wanted), counts: reportOf({ ...telemetry.state(), clusters: telemetry.clusters }), heapUsed: process.memoryUsage().heapUsed }),
    takeEjections: (cluster) => runtime.takeEjections(cluster),
    resetCounters: () => traffic.resetCounters(),
    announceEnd: () => runtime.announceEnd(),
    incoming: () => runtime.incoming(),
    presence: () => runtime.presence(),
    closeIdle: (idleMs) => runtime.closeIdle(idleMs),
    stop: () => runtime.stop(),
    endTelemetry: () => traffic.endTelemetry(),
    close: () => traffic.close(),
  };
  return { calls, begin: tellReady };
}

/** What is not wanted is not worked out, and not copied. */
function stateOf(state: ProxyState, wanted: StateWanted): ProxyState {
  const { clusterCounts, listeners, activeRequests } = state;
  return {
    resources: wanted.resources ? state.resources : new Map(),
    clusters: wanted.clusters === 'all' ? state.clusters : [],
    calledClusters: wanted.clusters === 'called' ? state.calledClusters : [],
    clusterCounts,
    listeners,
    activeRequests,
  };
}

/** The workload's own material, as the main thread says it. */
class ToldSecrets implements SecretSource {
  readonly #secrets = new Map<string, TlsSecret | undefined>();
  readonly #listeners = new Set<(name: string) => void>();

  get(name: string): TlsSecret | undefined {
    return this.#secrets.get(name);
  }

  onChange(listener: (name: string) => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  set(name: string, secret: TlsSecret | undefined): void {
    this.#secrets.set(name, secret);
    for (const listener of this.#listeners) listener(name);
  }
}
