/** Aggregated discovery as a gRPC service: the transport around `AdsSession`. Responses are bytes already, and are written as
 * they are. Spec: envoy.service.discovery.v3.AggregatedDiscoveryService. */
import { fromBinary } from '@bufbuild/protobuf';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import type { GrpcCall, GrpcFailure, GrpcPeer, GrpcReceiver, GrpcService } from '../grpc/call.ts';
import { GrpcCode } from '../grpc/errors.ts';
import { decodeDeltaRequest, decodeSotwRequest, type Decoded } from './request-codec.ts';
import { type Node, NodeSchema } from './generated/envoy/config/core/v3/base_pb.js';
import type { DeltaRequest } from './delta.ts';
import type { HealthReport } from './health.ts';
import type { Doubts } from './refusals.ts';
import { AdsSession, type SessionEvents } from './session.ts';
import type { SotwRequest } from './sotw.ts';
import type { ResourceSource, Target } from './target.ts';
import { TypeUrl } from './type-urls.ts';

export interface AdsClient {
  readonly source: ResourceSource;
  readonly events?: SessionEvents;
  /** Shared by clients of the same kind. */
  readonly doubts?: Doubts;
  /** The agent of a machine tells how its application is. */
  health?(report: HealthReport): void;
  /** The stream has ended. */
  closed(): void;
}

export type AdsAdmission = { readonly client: AdsClient } | { readonly refuse: 'Unauthenticated' | 'PermissionDenied' | 'InvalidArgument' | 'FailedPrecondition' | 'Unavailable'; readonly reason: string };

export interface AdsServerDeps {
  /** Decides on the first request of a stream, which carries the node. */
  admit(node: Node, session: AdsSession, peer: GrpcPeer): Promise<AdsAdmission>;
  readonly clock: Clock;
}

/** Paths of the methods: of aggregated discovery, or of one type's own service. */
export interface AdsPaths {
  readonly sotw: string;
  readonly delta: string;
}

const PREFIX = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
/** SDS speaks the same under names of its own. */
const SECRETS = '/envoy.service.secret.v3.SecretDiscoveryService/';
export const SECRET_PATHS: AdsPaths = { sotw: `${SECRETS}StreamSecrets`, delta: `${SECRETS}DeltaSecrets` };
const AGGREGATED: AdsPaths = { sotw: `${PREFIX}StreamAggregatedResources`, delta: `${PREFIX}DeltaAggregatedResources` };

export function createAdsService(deps: AdsServerDeps, paths: AdsPaths = AGGREGATED): GrpcService {
  return {
    [paths.sotw]: (call) => serve<SotwRequest>(call, deps, { mode: 'sotw', decode: decodeSotwRequest, receive: (session, request) => session.receiveSotw(request) }),
    [paths.delta]: (call) => serve<DeltaRequest>(call, deps, { mode: 'delta', decode: decodeDeltaRequest, receive: (session, request) => session.receiveDelta(request) }),
  };
}

interface Protocol<Request> {
  readonly mode: 'sotw' | 'delta';
  decode(bytes: Uint8Array): Decoded<Request>;
  receive(session: AdsSession, request: Request): void;
}

/** The session exists before its client is admitted, so that requests that arrive meanwhile wait in order. */
function serve<Request extends { typeUrl: string; errorDetail?: { message: string } }>(call: GrpcCall, deps: AdsServerDeps, protocol: Protocol<Request>): GrpcReceiver {
  let client: AdsClient | undefined;
  let early: Request[] | undefined;
  let isOver = false;
  const source: ResourceSource = {
    target: () => client?.source.target() ?? NOTHING,
    absent: (typeUrl, name) => client?.source.absent?.(typeUrl, name),
  };
  const session = new AdsSession({
    mode: protocol.mode,
    source,
    clock: deps.clock,
    doubts: () => client?.doubts,
    soon: (run) =>
      queueMicrotask(() => {
        try {
          run();
        } catch (error) {
          broken(error);
        }
      }),
    write: (message) => {
      if (!isOver) call.sendFramed(message.framed);
    },
    events: {
      sent: (typeUrl, facts) => client?.events?.sent?.(typeUrl, facts),
      acked: (typeUrl) => client?.events?.acked?.(typeUrl),
      refused: (typeUrl, message) => client?.events?.refused?.(typeUrl, message),
      stalled: () => client?.events?.stalled?.(),
      settled: () => client?.events?.settled?.(),
    },
  });
  const over = () => {
    if (isOver) return;
    isOver = true;
    session.close();
    client?.closed();
  };
  const fail = (failure: GrpcFailure) => {
    if (isOver) return;
    over();
    call.end(failure);
  };
  const broken = (error: unknown) => fail({ code: GrpcCode.Internal, details: errorText(error) });
  const take = (request: Request) => {
    try {
      if (request.typeUrl === '') return fail({ code: GrpcCode.InvalidArgument, details: 'the request names no resource type' });
      // Not a subscription: the request itself is the news. Istio: agents send it when the health of the application changes.
      if (request.typeUrl === TypeUrl.Health) return client?.health?.({ isHealthy: request.errorDetail === undefined, message: request.errorDetail?.message ?? '' });
      protocol.receive(session, request);
    } catch (error) {
      broken(error);
    }
  };
  const admit = async (node: Node | undefined) => {
    const admission = node ? await deps.admit(node, session, call.peer) : { refuse: 'InvalidArgument' as const, reason: 'the first request of a stream must carry the node' };
    if ('refuse' in admission) return fail({ code: GrpcCode[admission.refuse], details: admission.reason });
    client = admission.client;
    if (isOver) return client.closed();
    const waiting = early ?? [];
    early = undefined;
    for (const held of waiting) take(held);
  };
  return {
    message(bytes) {
      if (isOver) return;
      try {
        const { request, node } = protocol.decode(bytes);
        if (client) return take(request);
        if (early) return void early.push(request);
        early = [request];
        admit(node && fromBinary(NodeSchema, node)).catch(broken);
      } catch (error) {
        fail({ code: GrpcCode.InvalidArgument, details: `the request cannot be read: ${errorText(error)}` });
      }
    },
    ended() {
      over();
      call.end();
    },
    lost: over,
  };
}

const NOTHING: Target = { number: 0, version: '', resources: () => [] };
