/** The data path with all that it counts: in this thread, or in threads of its own (threads/threaded-traffic.ts). */
import type { Clock } from '../base/clock.ts';
import type { Log, LogLevel, LogLevels } from '../base/log.ts';
import type { Look } from './admin/proxy-view.ts';
import type { ProxySettings } from './bootstrap/settings.ts';
import { mostClients } from './net/descriptor-share.ts';
import type { BindOptions, DataPath, ProxyRuntime, StateWanted } from './runtime-contract.ts';
import { createRuntime } from './runtime.ts';
import type { SecretSource } from './secret-source.ts';
import { createPeerCodec } from './telemetry/peer-codec.ts';
import { openSharedPath } from './telemetry/access-log/line-writer.ts';
import { Telemetry } from './telemetry/telemetry.ts';
import type { SharedState } from './threads/shared-state.ts';

export interface TrafficDeps {
  readonly settings: ProxySettings;
  /** The workload's own material. */
  readonly secrets: SecretSource;
  readonly clock: Clock;
  readonly log: Log;
  readonly levels: LogLevels;
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly bind?: BindOptions;
  /** Longest wait of an access-log line. */
  readonly logFlushMs?: number;
}

export interface Traffic {
  readonly runtime: ProxyRuntime;
  /** That serve clients. */
  readonly threads: number;
  start(): void;
  look(wanted: StateWanted): Promise<Look>;
  resetCounters(): void;
  setLogLevel(scope: string, level: LogLevel): void;
  /** Writes and sends what telemetry still holds. */
  endTelemetry(): Promise<void>;
  /** Ends everything now. */
  close(): Promise<void>;
}

export class LocalTraffic implements Traffic {
  readonly runtime: DataPath;
  readonly telemetry: Telemetry;
  readonly threads = 1;
  readonly #levels: LogLevels;

  /** @param among the threads that serve the same listeners: how many they are, and what they have in common */
  constructor(deps: TrafficDeps, among?: { readonly count: number; readonly shared: SharedState }) {
    const { settings, secrets, clock, log, env, bind = {} } = deps;
    this.#levels = deps.levels;
    this.telemetry = new Telemetry({ settings, env, log: log.scope('telemetry'), clock, logFlushMs: deps.logFlushMs, openLog: among && openSharedPath });
    this.runtime = createRuntime({
      outcomes: this.telemetry,
      secrets,
      peer: createPeerCodec(settings.workload, settings.nodeId),
      tracer: this.telemetry.tracer,
      clock,
      log: log.scope('proxy'),
      bind,
      node: { id: settings.nodeId, cluster: settings.nodeCluster, metadata: settings.metadata },
      maxConnections: Math.min(settings.maxConnections, mostClients()),
      maxHandshakes: Math.ceil(settings.maxHandshakes / (among?.count ?? 1)),
      env,
      shared: among?.shared,
    });
  }

  start(): void {}

  async look(): Promise<Look> {
    return { state: this.runtime.snapshot(), counts: this.telemetry.state(), heapUsed: process.memoryUsage().heapUsed };
  }

  resetCounters(): void {
    this.telemetry.resetCounters();
  }

  setLogLevel(scope: string, level: LogLevel): void {
    this.#levels.set(scope, level);
  }

  endTelemetry(): Promise<void> {
    return this.telemetry.close();
  }

  async close(): Promise<void> {
    await Promise.all([this.runtime.close(), this.telemetry.close()]);
  }
}
