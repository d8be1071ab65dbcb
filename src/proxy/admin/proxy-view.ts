/** What the admin pages look at and what they may do. The composition root implements it. */
import type { LogLevel, LogLevels } from '../../base/log.ts';
import type { AdsStatus } from '../../xds/client/ads-client.ts';
import type { ProxySettings } from '../bootstrap/settings.ts';
import type { ProxyState, StateWanted } from '../runtime-contract.ts';
import type { WorkloadSecrets } from '../secrets/workload-secrets.ts';
import type { TelemetryState } from '../telemetry/telemetry-state.ts';

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

export interface DnsView {
  readonly counters: { readonly requests: number; readonly upstreamRequests: number; readonly failures: number };
  /** Names of the mesh and their addresses. */
  list(): unknown;
}

/** What the pages for others look at: readiness, metrics, probes. Of our own data path, or of an Envoy with our agent. */
export interface StatusView {
  readonly settings: Pick<ProxySettings, 'appProbes' | 'appMetrics' | 'instanceIp'>;
  /** All metrics of the data path as Prometheus text. */
  metrics(): string | Promise<string>;
  /** Undefined when ready, else why not. */
  notReady(): string | undefined | Promise<string | undefined>;
  /** Undefined: the workload's DNS queries go elsewhere. */
  dns(): DnsView | undefined;
  /** Tells clients to go; everything is still served. */
  announceEnd(): void;
  /** Resolves when the application may be told to end: clients have been, and ask nothing more; or after that time. */
  quiet(limitMs: number): Promise<void>;
  /** Drains and ends the process. */
  quit(): void;
}

/** The data path at one moment. */
export interface Look {
  readonly state: ProxyState;
  readonly counts: TelemetryState;
  /** Bytes of JavaScript's objects, in all threads. */
  readonly heapUsed: number;
}

export interface ProxyView extends StatusView {
  readonly settings: ProxySettings;
  readonly secrets: Pick<WorkloadSecrets, 'current' | 'renewals'>;
  readonly levels: LogLevels;
  /** ms since the epoch. */
  readonly startedMs: number;
  now(): number;
  look(wanted: StateWanted): Promise<Look>;
  resetCounters(): void;
  setLogLevel(scope: string, level: LogLevel): void;
  /** That serve clients. */
  readonly threads: number;
  ads(): AdsStatus;
  state(): ServerState;
  notReady(): string | undefined;
  /** Answers readiness with 503 although all is well. */
  failHealth(fail: boolean): void;
}
