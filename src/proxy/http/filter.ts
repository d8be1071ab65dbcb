/** The contract between HTTP filters and the exchange they run in. */
import type { Clock } from '../../base/clock.ts';
import type { Headers } from '../../codec/headers.ts';
import type { PeerMetadata } from '../outcome.ts';
import type { FactSource } from '../route/format.ts';
import type { Route, WeightedDestination } from '../route/route.ts';
import type { BodyPlan, BodyStage } from './body-pipe.ts';
import type { DownstreamConnection } from './connection.ts';
import type { RequestHead, ResponseHead } from '../../codec/stream.ts';

/** An answer made here instead of by an upstream. */
export interface LocalReply {
  readonly status: number;
  readonly body?: string | Buffer;
  readonly contentType?: string;
  readonly headers?: readonly (readonly [name: string, value: string])[];
  /** Envoy's response flag. */
  readonly flag?: string;
  readonly details: string;
  /** For gRPC requests; default: derived from the HTTP status. */
  readonly grpcStatus?: number;
  /** The client does not deserve another request on this connection. */
  readonly close?: boolean;
}

/** `stop`: the filter will call `resume` or `reply` later. `done`: it has replied. */
export type FilterStep = 'continue' | 'stop' | 'done';

export interface FilterContext extends FactSource {
  readonly request: RequestHead;
  readonly connection: DownstreamConnection;
  readonly route: Route | undefined;
  readonly destination: WeightedDestination | undefined;
  /** Address of the client seen through trusted proxies. */
  readonly clientAddress: string;
  readonly clock: Clock;
  readonly random: () => number;
  /** This filter's compiled configuration for the route, or undefined. */
  perRoute(filter: string): unknown;
  /** Dynamic metadata by filter namespace. */
  readonly metadata: Map<string, Readonly<Record<string, unknown>>>;
  reply(reply: LocalReply): void;
  /** What was found out may lead to another route. */
  routeAnew(): void;
  /** Keeps the body until there are so many bytes of it, or all. Called once; the body stays in front of the upstream.
   * @param done `isWhole`: there is no more of it */
  gatherBody(limitBytes: number, done: (body: Buffer, isWhole: boolean) => void): void;
  /** From now on bodies pass through this. For a filter before any that stops requests. */
  translateBody(translation: BodyTranslation): void;
  /** From now on the body passes through these, behind all filters that look at the heads.
   * @returns what lets go on what a stage has let wait */
  passBody(stages: { readonly request?: BodyStage; readonly response?: BodyStage }): Pick<BodyPlan, 'request' | 'response'>;
  /** Goes on with the next filter after `stop`. */
  resume(): void;
  addFlag(flag: string): void;
  /** Runs once when the exchange has ended, also by abort. */
  atEnd(run: () => void): void;
  /** Name and metadata of the client, found by a filter. */
  setPeer(peer: PeerMetadata | undefined): void;
  setUpstreamPeer(peer: PeerMetadata | undefined): void;
  /** Headers to add to each try's request just before it leaves, when its endpoint is in the mesh. */
  meshRequestHeaders: readonly (readonly [name: string, value: string])[];
  /** The client told its metadata and is told ours. */
  answerPeer: boolean;
}

/** What the client sends and gets, in another form than the upstream's. */
export interface BodyTranslation {
  /** @returns undefined when the request has been answered because of it */
  request(chunk: Buffer, end: boolean): Buffer | undefined | void;
  response(chunk: Buffer): Buffer;
  /** What follows the last of the body instead of trailers. */
  end(trailers: Headers | undefined): Buffer;
}

export interface HttpFilter {
  readonly name: string;
  onRequest?(context: FilterContext): FilterStep;
  /** May change the headers. In reverse order of the chain. */
  onResponse?(context: FilterContext, head: ResponseHead): void;
  close?(): void;
}

export type { Headers };
