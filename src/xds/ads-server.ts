/** Aggregated discovery over grpc-js: the transport around `AdsSession`. Responses are bytes already, and are written as
 * they are. Spec: envoy.service.discovery.v3.AggregatedDiscoveryService. */
import { fromBinary } from '@bufbuild/protobuf';
import { status as Code, type Metadata, type ServerDuplexStream, type ServiceDefinition, type UntypedServiceImplementation } from '@grpc/grpc-js';
import type { Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema, type DeltaDiscoveryRequest, type DiscoveryRequest } from './generated/envoy/service/discovery/v3/discovery_pb.js';
import type { Node } from './generated/envoy/config/core/v3/base_pb.js';
import type { Doubts } from './refusals.ts';
import { AdsSession, type SessionEvents } from './session.ts';
import type { Decision } from './subscription.ts';
import type { ResourceSource, Target } from './target.ts';

/** Who is at the other end, as far as the transport tells. */
export interface AdsPeer {
  readonly address: string;
  readonly metadata: Metadata;
  /** Of a client certificate, DER; it has not been verified. */
  readonly certificate?: Buffer;
}

export interface AdsClient {
  readonly source: ResourceSource;
  readonly events?: SessionEvents;
  /** Shared by clients of the same kind. */
  readonly doubts?: Doubts;
  /** The stream has ended. */
  closed(): void;
}

export type AdsAdmission = { readonly client: AdsClient } | { readonly refuse: 'UNAUTHENTICATED' | 'PERMISSION_DENIED' | 'INVALID_ARGUMENT' | 'UNAVAILABLE'; readonly reason: string };

export interface AdsServerDeps {
  /** Decides on the first request of a stream, which carries the node. */
  admit(node: Node, session: AdsSession, peer: AdsPeer): Promise<AdsAdmission>;
  readonly clock: Clock;
}

type Stream<Request> = ServerDuplexStream<Request, Uint8Array>;

const PREFIX = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';
const bytes = (value: Uint8Array): Buffer => Buffer.from(value.buffer, value.byteOffset, value.byteLength);

export interface AdsService {
  readonly definition: ServiceDefinition;
  readonly implementation: UntypedServiceImplementation;
}

/** `definition` and `implementation` go to `Server.addService`. */
export function createAdsService(deps: AdsServerDeps): AdsService {
  return {
    definition: {
      StreamAggregatedResources: method<DiscoveryRequest>('StreamAggregatedResources', (buffer) => fromBinary(DiscoveryRequestSchema, buffer)),
      DeltaAggregatedResources: method<DeltaDiscoveryRequest>('DeltaAggregatedResources', (buffer) => fromBinary(DeltaDiscoveryRequestSchema, buffer)),
    },
    implementation: {
      StreamAggregatedResources: (call: Stream<DiscoveryRequest>) => serve(call, deps, { mode: 'sotw', receive: (session, request) => session.receiveSotw(request) }),
      DeltaAggregatedResources: (call: Stream<DeltaDiscoveryRequest>) => serve(call, deps, { mode: 'delta', receive: (session, request) => session.receiveDelta(request) }),
    },
  };
}

function method<Request>(name: string, decode: (buffer: Buffer) => Request): ServiceDefinition[string] {
  return {
    path: PREFIX + name,
    requestStream: true,
    responseStream: true,
    requestSerialize: () => Buffer.alloc(0),
    requestDeserialize: decode,
    responseSerialize: bytes,
    responseDeserialize: (buffer: Buffer) => buffer,
  };
}

interface Protocol<Request> {
  readonly mode: 'sotw' | 'delta';
  receive(session: AdsSession, request: Request): Decision;
}

/** The session exists before its client is admitted, so that requests that arrive meanwhile wait in order. */
function serve<Request extends { node?: Node; typeUrl: string }>(call: Stream<Request>, deps: AdsServerDeps, protocol: Protocol<Request>): void {
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
    write: (message) => {
      if (!isOver) call.write(message.bytes);
    },
    events: {
      sent: (typeUrl, facts) => client?.events?.sent?.(typeUrl, facts),
      acked: (typeUrl) => client?.events?.acked?.(typeUrl),
      refused: (typeUrl, message) => client?.events?.refused?.(typeUrl, message),
      stalled: () => client?.events?.stalled?.(),
      settled: () => client?.events?.settled?.(),
    },
  });
  const fail = (code: Code, details: string) => {
    if (isOver) return;
    over();
    call.emit('error', { code, details });
  };
  const over = () => {
    if (isOver) return;
    isOver = true;
    session.close();
    client?.closed();
  };
  const take = (request: Request) => {
    try {
      if (request.typeUrl === '') return fail(Code.INVALID_ARGUMENT, 'the request names no resource type');
      protocol.receive(session, request);
    } catch (error) {
      fail(Code.INTERNAL, errorText(error));
    }
  };
  const admit = async (request: Request) => {
    const admission = request.node ? await deps.admit(request.node, session, peerOf(call)) : { refuse: 'INVALID_ARGUMENT' as const, reason: 'the first request of a stream must carry the node' };
    if ('refuse' in admission) return fail(Code[admission.refuse], admission.reason);
    client = admission.client;
    if (isOver) return client.closed();
    const waiting = early ?? [];
    early = undefined;
    for (const held of [request, ...waiting]) take(held);
  };
  call.on('data', (request: Request) => {
    if (client) return take(request);
    if (early) return void early.push(request);
    early = [];
    admit(request).catch((error: unknown) => fail(Code.INTERNAL, errorText(error)));
  });
  call.on('end', () => {
    over();
    call.end();
  });
  call.on('cancelled', over);
  call.on('error', over);
}

const NOTHING: Target = { number: 0, version: '', resources: () => [] };

function peerOf<Request>(call: Stream<Request>): AdsPeer {
  return { address: call.getPeer(), metadata: call.metadata, certificate: call.getAuthContext().sslPeerCertificate?.raw };
}
