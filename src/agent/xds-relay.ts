/** Stands between Envoy and the control plane, as Istio's agent does: Envoy speaks to a socket of its own pod, the token and
 * the trust in the control plane are the agent's affair. Bytes pass unchanged. While the control plane is away, Envoy is
 * answered from what it has accepted before. */
import { fromBinary } from '@bufbuild/protobuf';
import type { Clock, Timer } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { Log } from '../base/log.ts';
import type { GrpcCall, GrpcReceiver, GrpcService } from '../grpc/call.ts';
import { GrpcCode } from '../grpc/errors.ts';
import { DELTA_ADS_PATH } from '../xds/client/ads-client.ts';
import { createBackoff } from '../xds/client/backoff.ts';
import { decodeDeltaResponse, encodeDeltaRequest } from '../xds/client/delta-codec.ts';
import { DeltaSession, type DeltaResponse, type DeltaUpdate, type RejectedResource } from '../xds/client/delta-session.ts';
import type { GrpcStatus, GrpcStream } from '../grpc/client-call.ts';
import type { GrpcChannel } from '../xds/client/grpc-channel.ts';
import { DeltaDiscoveryRequestSchema, type DeltaDiscoveryRequest } from '../xds/generated/envoy/service/discovery/v3/discovery_pb.js';
import { healthRequest, type HealthReport } from '../xds/health.ts';
import { AdsSession } from '../xds/session.ts';
import type { HeldConfiguration } from './held-configuration.ts';

export interface XdsRelayDeps {
  /** A fresh connection; credentials are read here, they may have changed. */
  connect(): Promise<{ channel: GrpcChannel; headers: Readonly<Record<string, string>> }>;
  readonly held: HeldConfiguration;
  /** What the agent itself wants from the control plane: asked for on Envoy's stream, so that a pod is one client. */
  readonly own?: { readonly typeUrls: readonly string[]; apply(update: DeltaUpdate): readonly RejectedResource[] };
  readonly clock: Clock;
  readonly log: Log;
  /** How long Envoy waits for the control plane's first word before it is answered from what is held; default 2 s. */
  readonly patienceMs?: number;
}

export interface RelayStatus {
  /** The control plane answers. */
  readonly connected: boolean;
  /** Streams to the control plane that were answered. */
  readonly connects: number;
  readonly rejects: number;
  /** Why the last stream ended. */
  readonly lastError?: string;
}

export interface XdsRelay {
  readonly service: GrpcService;
  /** Applies what is held of the agent's own. */
  start(): void;
  status(): RelayStatus;
  /** Tells how the application is, on Envoy's stream: now, and again on each new one. */
  reportHealth(report: HealthReport): void;
  close(): void;
}

export function createXdsRelay(deps: XdsRelayDeps): XdsRelay {
  const { own, held } = deps;
  const session = new DeltaSession();
  for (const typeUrl of own?.typeUrls ?? []) session.subscribeAll(typeUrl);
  const shared: Shared = { deps, session, health: undefined, status: { connected: false, connects: 0, rejects: 0, lastError: undefined }, backoff: createBackoff({ baseMs: 100, maxMs: 5000 }) };
  const streams = new Set<RelayedStream>();
  const serve = (call: GrpcCall): GrpcReceiver => {
    const stream = new RelayedStream(call, shared, () => void streams.delete(stream));
    streams.add(stream);
    return stream;
  };
  return {
    service: { [DELTA_ADS_PATH]: serve },
    start() {
      for (const typeUrl of own?.typeUrls ?? []) {
        const upserted = held.resources(typeUrl).flatMap((set) => [...set]);
        if (upserted.length === 0) continue;
        const refused = new Set(own?.apply({ typeUrl, upserted, removed: [] }).map((r) => r.name));
        session.restore(typeUrl, upserted.filter((r) => !refused.has(r.name)));
      }
    },
    status: () => ({ ...shared.status }),
    reportHealth(report) {
      shared.health = report;
      for (const stream of streams) stream.tellHealth();
    },
    close() {
      for (const stream of streams) stream.end('the agent ends');
    },
  };
}

interface Shared {
  /** Of the agent's own types. */
  readonly session: DeltaSession;
  readonly deps: XdsRelayDeps;
  health: HealthReport | undefined;
  readonly status: { connected: boolean; connects: number; rejects: number; lastError: string | undefined };
  readonly backoff: ReturnType<typeof createBackoff>;
}

/** One stream of Envoy's. It is passed on, or answered here until the control plane is back; then it is ended, since Envoy
 * opens the next one with all that it holds. */
class RelayedStream implements GrpcReceiver {
  readonly #call: GrpcCall;
  readonly #shared: Shared;
  readonly #ended: () => void;
  /** Until the control plane has answered: what to say again elsewhere. */
  #early: Buffer[] | undefined = [];
  /** By nonce: sent to Envoy and not answered yet. */
  readonly #pending = new Map<string, DeltaResponse>();
  #channel: GrpcChannel | undefined;
  #upstream: GrpcStream | undefined;
  #offline: AdsSession | undefined;
  #timer: Timer | undefined;
  #isOver = false;
  /** The agent has asked for its own on this stream. */
  #hasAsked = false;

  constructor(call: GrpcCall, shared: Shared, ended: () => void) {
    this.#call = call;
    this.#shared = shared;
    this.#ended = ended;
    const { held, patienceMs = 2000, clock } = shared.deps;
    if (!held.isEmpty) this.#timer = clock.after(patienceMs, () => this.#upstreamEnded({ code: GrpcCode.Unavailable, message: `no answer within ${patienceMs} ms` }));
    this.#connect();
  }

  /** @param reason absent: Envoy has ended it */
  end(reason?: string): void {
    if (this.#isOver) return;
    this.#finish();
    this.#call.end(reason === undefined ? undefined : { code: GrpcCode.Unavailable, details: reason });
  }

  /** Once Envoy has said who we are. */
  tellHealth(): void {
    const { health } = this.#shared;
    if (health && this.#hasAsked) this.#upstream?.send(encodeDeltaRequest(healthRequest(health)));
  }

  ended(): void {
    this.end();
  }

  lost(): void {
    this.#finish();
  }

  #finish(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#timer?.cancel();
    this.#offline?.close();
    this.#leaveUpstream();
    this.#ended();
  }

  #leaveUpstream(): void {
    const [upstream, channel] = [this.#upstream, this.#channel];
    this.#upstream = this.#channel = undefined;
    upstream?.cancel();
    channel?.close();
    if (upstream && !this.#early) this.#shared.status.connected = false;
  }

  #connect(): void {
    this.#shared.deps.connect().then(
      ({ channel, headers }) => {
        if (this.#isOver || this.#offline) return channel.close();
        this.#channel = channel;
        this.#upstream = channel.open(DELTA_ADS_PATH, headers, { onMessage: (message) => this.#onMessage(message), onEnd: (status) => this.#upstreamEnded(status) });
        for (const request of this.#early ?? []) this.#sendUp(request);
      },
      (error: unknown) => this.#upstreamEnded({ code: GrpcCode.Unavailable, message: errorText(error) }),
    );
  }

  message(bytes: Buffer): void {
    if (this.#isOver) return;
    const request = fromBinary(DeltaDiscoveryRequestSchema, bytes);
    if (this.#offline) return void this.#offline.receiveDelta(request);
    this.#noteAnswer(request);
    this.#early?.push(bytes);
    this.#sendUp(bytes);
  }

  /** After Envoy's first request, which says who we are. */
  #sendUp(bytes: Uint8Array): void {
    if (!this.#upstream) return;
    this.#upstream.send(bytes);
    if (this.#hasAsked) return;
    this.#hasAsked = true;
    for (const request of this.#shared.session.open()) this.#upstream.send(encodeDeltaRequest(request));
    this.tellHealth();
  }

  #onMessage(bytes: Buffer): void {
    if (this.#isOver || this.#offline) return;
    if (this.#early) this.#isOnline();
    const response = decodeDeltaResponse(bytes);
    if (this.#shared.deps.own?.typeUrls.includes(response.typeUrl)) return this.#takeOwn(response);
    this.#pending.set(response.nonce, response);
    this.#call.send(bytes);
  }

  #takeOwn(response: DeltaResponse): void {
    const { session, deps } = this.#shared;
    const update = session.receive(response);
    const rejected = deps.own?.apply(update) ?? [];
    for (const { name, message } of rejected) deps.log.warn('configuration refused', { type: response.typeUrl, name, message });
    if (rejected.length === 0) deps.held.accept(update);
    this.#upstream?.send(encodeDeltaRequest(session.acknowledge(response, rejected)));
  }

  #isOnline(): void {
    const { status, backoff, deps } = this.#shared;
    this.#early = undefined;
    this.#timer?.cancel();
    backoff.reset();
    status.connected = true;
    status.connects += 1;
    deps.log.info('Envoy is connected to the control plane');
  }

  #noteAnswer({ typeUrl, responseNonce, errorDetail }: DeltaDiscoveryRequest): void {
    const response = this.#pending.get(responseNonce);
    if (!response) return;
    this.#pending.delete(responseNonce);
    if (errorDetail) {
      this.#shared.status.rejects += 1;
      this.#shared.deps.log.warn('Envoy refused configuration', { type: typeUrl, message: errorDetail.message });
    } else {
      this.#shared.deps.held.accept({ typeUrl: response.typeUrl, upserted: response.resources, removed: response.removed });
    }
  }

  #upstreamEnded(end: GrpcStatus): void {
    if (this.#isOver || this.#offline) return;
    const { deps, status } = this.#shared;
    this.#timer?.cancel();
    this.#leaveUpstream();
    status.lastError = end.message;
    const early = this.#early;
    // It was connected: Envoy comes again, and tells what it holds.
    if (!early) {
      deps.log.warn('the control plane is away', { error: end.message });
      return this.end(end.message);
    }
    if (deps.held.isEmpty) {
      deps.log.warn('no configuration from the control plane yet', { error: end.message });
      return this.end(end.message);
    }
    deps.log.warn('the control plane cannot be reached; Envoy goes on with what it has accepted', { error: end.message });
    this.#offline = new AdsSession({ mode: 'delta', source: deps.held, clock: deps.clock, write: (message) => void (this.#isOver || this.#call.sendFramed(message.framed)) });
    for (const bytes of early) this.#offline.receiveDelta(fromBinary(DeltaDiscoveryRequestSchema, bytes));
    this.#early = undefined;
    this.#tryAgain();
  }

  #tryAgain(): void {
    const { backoff, deps } = this.#shared;
    this.#timer = deps.clock.after(backoff.next(), () => {
      deps.connect().then(({ channel }) => channel.connected().finally(() => channel.close())).then(
        () => this.end('the control plane can be reached again'),
        () => {
          if (!this.#isOver) this.#tryAgain();
        },
      );
    });
  }
}
