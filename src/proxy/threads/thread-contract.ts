/** What the main thread and those that serve clients say to each other. All of it is data: it goes through structured clone. */
import type { LogLevel } from '../../base/log.ts';
import type { ProxySettings } from '../bootstrap/settings.ts';
import type { Incoming, Presence } from '../ending.ts';
import type { ProxyState, Rejected, ResourceUpdate, StateWanted } from '../runtime-contract.ts';
import type { TlsSecret } from '../secret-source.ts';
import type { TelemetryReport } from '../telemetry/telemetry-state.ts';

/** What a thread begins with. */
export interface ThreadBeginning {
  readonly settings: ProxySettings;
  /** 0 for the first. */
  readonly index: number;
  /** Threads that serve. */
  readonly count: number;
  readonly slotMemory: SharedArrayBuffer;
  readonly ticketSecret: Uint8Array;
  readonly logLevels: readonly (readonly [scope: string, level: LogLevel])[];
  readonly logFlushMs?: number;
}

export interface ThreadLook {
  readonly state: ProxyState;
  readonly counts: TelemetryReport;
  readonly heapUsed: number;
}

/** What a thread is asked to do, in this order of calls. */
export interface ThreadCalls {
  /** What it refuses, ports that cannot be bound included. */
  apply(update: ResourceUpdate): readonly Rejected[] | Promise<readonly Rejected[]>;
  setSecret(name: string, secret: TlsSecret | undefined): void;
  setLogLevel(scope: string, level: LogLevel): void;
  look(wanted: StateWanted): ThreadLook;
  takeEjections(cluster: string): void;
  resetCounters(): void;
  announceEnd(): void;
  incoming(): Incoming;
  presence(): Presence;
  closeIdle(idleMs: number): void;
  stop(): Promise<void>;
  endTelemetry(): Promise<void>;
  close(): Promise<void>;
}

export type CallName = keyof ThreadCalls;

export interface CallMessage {
  readonly id: number;
  readonly name: CallName;
  readonly args: readonly unknown[];
}

/** What a thread says: answers to calls, and news. */
export type ThreadMessage =
  | { readonly kind: 'answer'; readonly id: number; readonly value: unknown }
  | { readonly kind: 'failure'; readonly id: number; readonly error: unknown }
  | { readonly kind: 'interest'; readonly typeUrl: string; readonly names: ReadonlySet<string> }
  /** It has ejected hosts, or let them in again. */
  | { readonly kind: 'ejections'; readonly cluster: string }
  | { readonly kind: 'port-free'; readonly listener: string }
  | { readonly kind: 'ready' };

/** Called with each thing that is no answer. */
export type ThreadNews = Exclude<ThreadMessage, { readonly kind: 'answer' | 'failure' }>;
