/** What the admin pages look at and what they may do. The composition root implements it. */
import type { LogLevels } from '../../base/log.ts';
import type { AdsStatus } from '../../xds/client/ads-client.ts';
import type { ProxySettings } from '../bootstrap/settings.ts';
import type { ProxyState } from '../runtime-contract.ts';
import type { WorkloadSecrets } from '../secrets/workload-secrets.ts';
import type { Telemetry } from '../telemetry/telemetry.ts';

export type ServerState = 'LIVE' | 'DRAINING' | 'PRE_INITIALIZING' | 'INITIALIZING';

export interface DnsView {
  readonly counters: { readonly requests: number; readonly upstreamRequests: number; readonly failures: number };
  /** Names of the mesh and their addresses. */
  list(): unknown;
}

export interface ProxyView {
  readonly settings: ProxySettings;
  readonly telemetry: Telemetry;
  readonly secrets: Pick<WorkloadSecrets, 'current' | 'renewals'>;
  readonly levels: LogLevels;
  /** ms since the epoch. */
  readonly startedMs: number;
  /** Undefined: the workload's DNS queries go elsewhere. */
  dns(): DnsView | undefined;
  now(): number;
  snapshot(): ProxyState;
  ads(): AdsStatus;
  state(): ServerState;
  /** Undefined when ready, else why not. */
  notReady(): string | undefined;
  /** Answers readiness with 503 although all is well. */
  failHealth(fail: boolean): void;
  drain(): Promise<void>;
  /** Drains and ends the process. */
  quit(): void;
}
