/** For tests: a client that speaks delta or state-of-the-world xDS and keeps what it was told. */
import { create, fromBinary, toBinary, type JsonObject } from '@bufbuild/protobuf';
import { Client, credentials, Metadata, type ChannelCredentials, type ClientDuplexStream, type ServiceError } from '@grpc/grpc-js';
import {
  DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, DiscoveryRequestSchema, DiscoveryResponseSchema,
  type DeltaDiscoveryResponse, type DiscoveryResponse,
} from '../../../xds/generated/envoy/service/discovery/v3/discovery_pb.js';

export interface TestNode {
  id: string;
  metadata?: JsonObject;
  extensions?: { name: string }[];
}

interface Options {
  address: string;
  node: TestNode;
  token?: string;
  credentials?: ChannelCredentials;
  /** Default true: every response is acknowledged at once. */
  acks?: boolean;
}

/** Common to both protocols: an ordered list of responses that can be waited for. */
class Inbox<Response extends { typeUrl: string }> {
  readonly all: Response[] = [];
  error: ServiceError | undefined;
  readonly #waiting = new Set<() => void>();

  add(response: Response): void {
    this.all.push(response);
    this.wake();
  }

  wake(): void {
    for (const check of this.#waiting) check();
  }

  /** The first response that fits, now or later. */
  find(fits: (response: Response) => boolean, timeoutMs = 20_000): Promise<Response> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => done(() => reject(new Error(`no such response; got ${this.all.map((r) => r.typeUrl.split('.').at(-1)).join(', ') || 'none'}`))), timeoutMs);
      const done = (finish: () => void) => {
        clearTimeout(timer);
        this.#waiting.delete(check);
        finish();
      };
      const check = () => {
        const found = this.all.find(fits);
        if (found) done(() => resolve(found));
        else if (this.error) done(() => reject(this.error));
      };
      this.#waiting.add(check);
      check();
    });
  }
}

const METHOD = '/envoy.service.discovery.v3.AggregatedDiscoveryService/';

function open<Request, Response extends { typeUrl: string }>(options: Options, codec: { method: string; encode: (r: Request) => Uint8Array; decode: (b: Uint8Array) => Response }) {
  const client = new Client(options.address, options.credentials ?? credentials.createInsecure(), options.credentials ? { 'grpc.ssl_target_name_override': 'istiod.istio-system.svc' } : {});
  const metadata = new Metadata();
  if (options.token !== undefined) metadata.set('authorization', `Bearer ${options.token}`);
  const stream: ClientDuplexStream<Request, Response> = client.makeBidiStreamRequest(METHOD + codec.method, (r: Request) => Buffer.from(codec.encode(r)), (b: Buffer) => codec.decode(b), metadata);
  const inbox = new Inbox<Response>();
  stream.on('error', (error: ServiceError) => {
    inbox.error = error;
    inbox.wake();
  });
  const close = () => {
    stream.cancel();
    client.close();
  };
  return { stream, inbox, close };
}

export interface DeltaClient {
  readonly inbox: Inbox<DeltaDiscoveryResponse>;
  /** Name → encoded message, of one type. */
  held(typeUrl: string): Map<string, Uint8Array>;
  send(request: { typeUrl: string; subscribe?: string[]; unsubscribe?: string[]; nonce?: string; error?: string; versions?: Record<string, string> }): void;
  close(): void;
}

export function openDelta(options: Options): DeltaClient {
  const { stream, inbox, close } = open(options, {
    method: 'DeltaAggregatedResources',
    encode: (r: Parameters<typeof toBinary<typeof DeltaDiscoveryRequestSchema>>[1]) => toBinary(DeltaDiscoveryRequestSchema, r),
    decode: (b) => fromBinary(DeltaDiscoveryResponseSchema, b),
  });
  const held = new Map<string, Map<string, Uint8Array>>();
  let isFirst = true;
  const send: DeltaClient['send'] = (request) => {
    const { typeUrl, subscribe = [], unsubscribe = [], nonce = '', error, versions = {} } = request;
    stream.write(
      create(DeltaDiscoveryRequestSchema, {
        ...(isFirst ? { node: options.node } : {}), typeUrl, resourceNamesSubscribe: subscribe, resourceNamesUnsubscribe: unsubscribe, responseNonce: nonce,
        initialResourceVersions: versions, ...(error === undefined ? {} : { errorDetail: { code: 3, message: error } }),
      }),
    );
    isFirst = false;
  };
  stream.on('data', (response: DeltaDiscoveryResponse) => {
    const mine = held.get(response.typeUrl) ?? new Map<string, Uint8Array>();
    held.set(response.typeUrl, mine);
    for (const { name, resource } of response.resources) if (resource) mine.set(name, resource.value);
    for (const name of response.removedResources) mine.delete(name);
    if (options.acks !== false) send({ typeUrl: response.typeUrl, nonce: response.nonce });
    inbox.add(response);
  });
  return { inbox, held: (typeUrl) => held.get(typeUrl) ?? new Map(), send, close };
}

export interface SotwClient {
  readonly inbox: Inbox<DiscoveryResponse>;
  send(request: { typeUrl: string; names?: string[]; nonce?: string; version?: string; error?: string }): void;
  close(): void;
}

/** Acknowledges nothing by itself. */
export function openSotw(options: Options): SotwClient {
  const { stream, inbox, close } = open(options, {
    method: 'StreamAggregatedResources',
    encode: (r: Parameters<typeof toBinary<typeof DiscoveryRequestSchema>>[1]) => toBinary(DiscoveryRequestSchema, r),
    decode: (b) => fromBinary(DiscoveryResponseSchema, b),
  });
  let isFirst = true;
  stream.on('data', (response: DiscoveryResponse) => inbox.add(response));
  return {
    inbox,
    close,
    send({ typeUrl, names = [], nonce = '', version = '', error }) {
      stream.write(
        create(DiscoveryRequestSchema, {
          ...(isFirst ? { node: options.node } : {}), typeUrl, resourceNames: names, responseNonce: nonce, versionInfo: version,
          ...(error === undefined ? {} : { errorDetail: { code: 3, message: error } }),
        }),
      );
      isFirst = false;
    },
  };
}
