/** Keeps one Delta ADS stream to the control plane open, for as long as the process lives. While it is away, what was
 * accepted last stays in force. */
import { systemClock } from '../../base/clock.ts';
import type { Clock, Timer } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { runCold } from '../../base/run-cold.ts';
import { createBackoff } from './backoff.ts';
import { decodeDeltaResponse, encodeDeltaRequest } from './delta-codec.ts';
import { DeltaSession } from './delta-session.ts';
import type { DeltaRequest, DeltaResource, DeltaResponse, DeltaUpdate, RejectedResource } from './delta-session.ts';
import type { GrpcStatus, GrpcStream } from '../../grpc/client-call.ts';
import { healthRequest, type HealthReport } from '../health.ts';
import type { GrpcChannel } from './grpc-channel.ts';
import type { LastGoodFile } from './last-good-file.ts';

export const DELTA_ADS_PATH = '/envoy.service.discovery.v3.AggregatedDiscoveryService/DeltaAggregatedResources';

export interface AdsClientDeps {
  /** A fresh connection; also read credentials here, they may have changed. */
  connect(): Promise<{ channel: GrpcChannel; headers: Readonly<Record<string, string>> }>;
  /** An encoded envoy.config.core.v3.Node. */
  readonly node: Uint8Array;
  /** Puts an update into force and tells which resources it refuses. */
  apply(update: DeltaUpdate): readonly RejectedResource[] | Promise<readonly RejectedResource[]>;
  readonly lastGood?: LastGoodFile;
  /** Types of which everything is wanted, in the order in which they are asked for. */
  readonly wildcardTypes: readonly string[];
  readonly log: Log;
  readonly clock?: Clock;
  /** Default 100 ms doubling up to 10 s. */
  readonly backoff?: { readonly baseMs: number; readonly maxMs: number };
  readonly random?: () => number;
}

export interface AdsStatus {
  readonly connected: boolean;
  /** Streams opened since the start. */
  readonly connects: number;
  readonly updates: number;
  readonly rejects: number;
  /** Why the last stream ended. */
  readonly lastError?: string;
}

export interface AdsClient {
  /** Loads what was in force before and starts to connect; does not wait for the control plane. */
  start(): Promise<void>;
  setNames(typeUrl: string, names: ReadonlySet<string>): void;
  /** For a type of which everything was asked for, of a control plane that does not know this: from now on these are wanted. They are not
   * kept for the next start, which must find out again. */
  askByName(typeUrl: string, names: ReadonlySet<string>): void;
  /** For a resource that was refused for a reason that is gone. */
  askAgain(typeUrl: string, name: string): void;
  /** Tells how the application is: now, and again on each new stream. */
  reportHealth(report: HealthReport): void;
  status(): AdsStatus;
  close(): Promise<void>;
}

export function createAdsClient(deps: AdsClientDeps): AdsClient {
  return new DeltaAdsClient(deps);
}

class DeltaAdsClient implements AdsClient {
  readonly #deps: AdsClientDeps;
  readonly #clock: Clock;
  readonly #session = new DeltaSession();
  readonly #backoff;
  #channel: GrpcChannel | undefined;
  #stream: GrpcStream | undefined;
  #isFirst = true;
  #health: HealthReport | undefined;
  /** Responses of a type that wait for what they led to; answered in their order. */
  readonly #unanswered = new Map<string, Promise<void>>();
  readonly #notKept = new Set<string>();
  #retry: Timer | undefined;
  #closed = false;
  #status = { connected: false, connects: 0, updates: 0, rejects: 0, lastError: undefined as string | undefined };

  constructor(deps: AdsClientDeps) {
    this.#deps = deps;
    this.#clock = deps.clock ?? systemClock;
    this.#backoff = createBackoff({ ...(deps.backoff ?? { baseMs: 100, maxMs: 10_000 }), random: deps.random });
    for (const typeUrl of deps.wildcardTypes) this.#session.subscribeAll(typeUrl);
  }

  async start(): Promise<void> {
    const loaded = this.#deps.lastGood?.load() ?? new Map<string, DeltaResource[]>();
    // The order of a push: what others refer to comes first, and interest in the rest follows from it.
    const order = [...this.#deps.wildcardTypes, ...[...loaded.keys()].filter((t) => !this.#deps.wildcardTypes.includes(t))];
    for (const typeUrl of order) {
      const resources = loaded.get(typeUrl) ?? [];
      if (resources.length === 0) continue;
      const bytes = resources.reduce((sum, { value }) => sum + value.length, 0);
      await runCold(bytes, () => this.#restore(typeUrl, resources));
    }
    this.#connect();
  }

  setNames(typeUrl: string, names: ReadonlySet<string>): void {
    const request = this.#session.setNames(typeUrl, names);
    if (request) this.#send(request);
  }

  askByName(typeUrl: string, names: ReadonlySet<string>): void {
    this.#notKept.add(typeUrl);
    this.setNames(typeUrl, names);
  }

  askAgain(typeUrl: string, name: string): void {
    const request = this.#session.askAgain(typeUrl, name);
    if (request) this.#send(request);
  }

  reportHealth(report: HealthReport): void {
    this.#health = report;
    if (this.#stream) this.#send(healthRequest(report));
  }

  status(): AdsStatus {
    return { ...this.#status };
  }

  async close(): Promise<void> {
    this.#closed = true;
    this.#retry?.cancel();
    this.#stream?.cancel();
    this.#channel?.close();
    await this.#deps.lastGood?.close();
  }

  #restore(typeUrl: string, resources: readonly DeltaResource[]): void | Promise<void> {
    const update = this.#session.receive({ typeUrl, nonce: '', resources, removed: [] });
    const note = (rejected: readonly RejectedResource[]) => {
      const refused = new Set(rejected.map((r) => r.name));
      this.#session.restore(typeUrl, update.upserted.filter((r) => !refused.has(r.name)));
    };
    const rejected = this.#deps.apply(update);
    return rejected instanceof Promise ? rejected.then(note) : note(rejected);
  }

  #connect(): void {
    this.#deps.connect().then(
      ({ channel, headers }) => {
        if (this.#closed) return channel.close();
        this.#open(channel, headers);
      },
      (error: unknown) => this.#ended({ code: -1, message: errorText(error) }),
    );
  }

  #open(channel: GrpcChannel, headers: Readonly<Record<string, string>>): void {
    this.#channel = channel;
    this.#isFirst = true;
    const stream = channel.open(DELTA_ADS_PATH, headers, {
      onMessage: (message) => {
        if (this.#stream === stream) runCold(message.length, () => this.#receive(message));
      },
      onEnd: (status) => {
        if (this.#stream === stream) this.#ended(status);
      },
    });
    this.#stream = stream;
    this.#status.connects += 1;
    for (const request of this.#session.open()) this.#send(request);
    if (this.#health) this.#send(healthRequest(this.#health));
  }

  #send(request: DeltaRequest): void {
    this.#stream?.send(encodeDeltaRequest(request, this.#isFirst ? this.#deps.node : undefined));
    this.#isFirst = false;
  }

  #receive(message: Buffer): void {
    let response: DeltaResponse;
    try {
      response = decodeDeltaResponse(message);
    } catch (error) {
      this.#deps.log.error('the control plane sent a message that cannot be decoded', { error });
      return;
    }
    if (!this.#status.connected) {
      this.#status.connected = true;
      this.#backoff.reset();
      this.#deps.log.info('connected to the control plane');
    }
    const update = this.#session.receive(response);
    const rejected = this.#apply(update);
    const earlier = this.#unanswered.get(response.typeUrl);
    if (!earlier && !(rejected instanceof Promise)) return this.#answer(response, update, rejected);
    const stream = this.#stream;
    const answered = Promise.all([rejected, earlier]).then(([all]) => {
      if (this.#unanswered.get(response.typeUrl) === answered) this.#unanswered.delete(response.typeUrl);
      // Another stream begins with what is held.
      if (this.#stream === stream) this.#answer(response, update, all);
    });
    this.#unanswered.set(response.typeUrl, answered);
  }

  /** The application may have changed its interest meanwhile; the acknowledgement goes out after those requests. */
  #answer(response: DeltaResponse, update: DeltaUpdate, rejected: readonly RejectedResource[]): void {
    this.#send(this.#session.acknowledge(response, rejected));
    this.#note(update, rejected);
  }

  #apply(update: DeltaUpdate): readonly RejectedResource[] | Promise<readonly RejectedResource[]> {
    const failed = (error: unknown): RejectedResource[] => {
      this.#deps.log.error('an update could not be applied', { typeUrl: update.typeUrl, error });
      return update.upserted.map(({ name }) => ({ name, message: errorText(error) }));
    };
    try {
      const rejected = this.#deps.apply(update);
      return rejected instanceof Promise ? rejected.catch(failed) : rejected;
    } catch (error) {
      return failed(error);
    }
  }

  #note(update: DeltaUpdate, rejected: readonly RejectedResource[]): void {
    this.#status.updates += 1;
    const refused = new Set(rejected.map((r) => r.name));
    if (refused.size > 0) {
      this.#status.rejects += 1;
      this.#deps.log.warn('refused a part of the configuration; its last good version stays in force', { typeUrl: update.typeUrl, rejected });
    }
    if (this.#notKept.has(update.typeUrl)) return;
    this.#deps.lastGood?.note({
      typeUrl: update.typeUrl,
      upserted: update.upserted.filter((r) => !refused.has(r.name)),
      removed: update.removed.filter((name) => !refused.has(name)),
    });
  }

  #ended(status: GrpcStatus): void {
    this.#stream = undefined;
    this.#channel?.close();
    this.#channel = undefined;
    this.#session.closed();
    if (this.#closed) return;
    const delayMs = this.#backoff.next();
    this.#deps.log[this.#status.connected ? 'warn' : 'info']('not connected to the control plane; the last configuration stays in force', { reason: status.message, retryInMs: Math.round(delayMs) });
    this.#status.connected = false;
    this.#status.lastError = status.message;
    this.#retry = this.#clock.after(delayMs, () => this.#connect());
  }
}
