import assert from 'node:assert/strict';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { systemClock } from '../../../src/base/clock.ts';
import { silentLog } from '../../../src/base/log.ts';
import { compileCluster, compileEndpoints } from '../../../src/proxy/config/clusters.ts';
import { decode, ResourceType } from '../../../src/proxy/config/decode.ts';
import { SCHEMAS } from '../../../src/proxy/config/schema/roots.ts';
import { ConfigError } from '../../../src/proxy/errors.ts';
import { createRuntime } from '../../../src/proxy/runtime.ts';
import { createPeerCodec } from '../../../src/proxy/telemetry/peer-codec.ts';
import { assignment, encode, hcm, inlineRoutes, listener, routeTo, staticCluster, typed } from '../../../src/proxy/testkit/proxy.ts';
import { decodeDeltaResponse, encodeResources } from '../../../src/xds/client/delta-codec.ts';
import { encodeFrame, FrameReader } from '../../../src/grpc/frames.ts';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema, DiscoveryRequestSchema } from '../../../src/xds/generated/envoy/service/discovery/v3/discovery_pb.js';
import { decodeDeltaRequest, decodeSotwRequest } from '../../../src/xds/request-codec.ts';
import { protobufMessage } from '../shape.ts';
import { allowing, pieces, singles, text, type Target } from '../target.ts';

const ROUTES = {
  name: '9080',
  virtual_hosts: [{
    name: 'reviews', domains: ['reviews', 'reviews.default:9080', '*.local'],
    routes: [
      { match: { safe_regex: { regex: '^/a(b|c)+$' }, headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] }, route: { weighted_clusters: { clusters: [{ name: 'a', weight: 90 }, { name: 'b', weight: 10 }] }, timeout: '3s', retry_policy: { retry_on: '5xx', num_retries: 2 } } },
      { match: { prefix: '/r' }, redirect: { path_redirect: '/x', response_code: 'FOUND' } },
      routeTo('a', { prefix_rewrite: '/', hash_policy: [{ header: { header_name: 'x' } }] }),
    ],
  }],
};

const CLUSTERS = [
  staticCluster('outbound|80||a.b', [80], { lb_policy: 'RING_HASH', outlier_detection: { consecutive_5xx: 3, interval: '1s' }, circuit_breakers: { thresholds: [{ max_connections: 5 }] } }),
  { name: 'eds', type: 'EDS', eds_cluster_config: { eds_config: { ads: {} } }, connect_timeout: '1s', lb_subset_config: { fallback_policy: 'ANY_ENDPOINT', subset_selectors: [{ keys: ['version'] }] } },
];

const clusters: Target = {
  name: 'xds-clusters',
  shape: protobufMessage,
  seeds: CLUSTERS.map((cluster) => Buffer.from(encode(ResourceType.Cluster, cluster))),
  check: (input) => void allowing(ConfigError, () => compileCluster(decode('cluster', input))),
};

const endpoints: Target = {
  name: 'xds-endpoints',
  shape: protobufMessage,
  seeds: [Buffer.from(encode(ResourceType.Endpoints, assignment('eds', [80, 81])))],
  check: (input) => void allowing(ConfigError, () => compileEndpoints(decode('endpoints', input))),
};

/** Listeners are bound to a free port of loopback, whatever they ask for. */
const runtime = createRuntime({
  outcomes: { record() {}, opened() {} },
  secrets: { get: () => undefined, onChange: () => () => {} },
  peer: { ownId: 'self', ownValue: '', decode: () => undefined },
  clock: systemClock, log: silentLog, node: { id: 'sidecar~127.0.0.1~a.b~c', cluster: 'test' },
  bind: { locate: () => ({ address: '127.0.0.1', port: 0 }) },
});

/** Resources that are good come into force; the others are refused, and nothing is thrown. */
function applied(typeUrl: string, good: Buffer): Target['check'] {
  return async (input) => {
    runtime.apply({ typeUrl, upserted: [{ name: 'good', version: '1', value: good }], removed: [] });
    const rejected = runtime.apply({ typeUrl, upserted: [{ name: 'x', version: '1', value: input }], removed: [] });
    for (const { name, message } of rejected) {
      assert.equal(name, 'x');
      assert.doesNotMatch(message, /Cannot read|is not a function|is not iterable|undefined \(reading/, `refused by accident: ${message}`);
    }
    const held = runtime.snapshot().resources.get(typeUrl)?.find(({ name }) => name === 'good');
    assert.equal(held?.version, '1', 'the good one is still in force');
    runtime.apply({ typeUrl, upserted: [], removed: ['x'] });
    // What was begun may end before the next one.
    await new Promise((resolve) => setImmediate(resolve));
  };
}

const GOOD_ROUTES = Buffer.from(encode(ResourceType.Route, ROUTES));
const routes: Target = { name: 'xds-routes', shape: protobufMessage, seeds: [GOOD_ROUTES], check: applied(ResourceType.Route, GOOD_ROUTES) };

const GOOD_LISTENER = Buffer.from(encode(ResourceType.Listener, listener([hcm(inlineRoutes([routeTo('a')]), {}, [typed('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault', { abort: { http_status: 500, percentage: { numerator: 10 } } })])])));
const listeners: Target = { name: 'xds-listeners', shape: protobufMessage, seeds: [GOOD_LISTENER], check: applied(ResourceType.Listener, GOOD_LISTENER), close: () => runtime.close() };

/** Whatever is a message, as the library writes it, is one to our own reader. (What is none may be refused by one of them only: they
 * differ in whether they look into fields that are not used.) */
const decoder: Target = {
  name: 'xds-decoder',
  shape: protobufMessage,
  seeds: [GOOD_ROUTES, ...clusters.seeds, ...endpoints.seeds],
  check(input) {
    for (const name of ['routes', 'cluster', 'endpoints'] as const) {
      allowing(ConfigError, () => decode(name, input));
      const theirs = allowing(Error, () => toBinary(SCHEMAS[name], fromBinary(SCHEMAS[name], input), { writeUnknownFields: false }));
      if (theirs) decode(name, theirs);
    }
  },
};

const TYPE = ResourceType.Cluster;
const responses: Target = {
  name: 'xds-responses',
  shape: protobufMessage,
  seeds: [Buffer.from(encodeResources(TYPE, [{ name: 'a', version: '1', value: clusters.seeds[0] ?? Buffer.alloc(0) }, { name: 'b', version: '2', value: Buffer.from('x') }]))],
  check(input) {
    allowing(Error, () => decodeDeltaResponse(input));
    const theirs = allowing(Error, () => fromBinary(DeltaDiscoveryResponseSchema, input));
    if (!theirs) return;
    const ours = decodeDeltaResponse(toBinary(DeltaDiscoveryResponseSchema, theirs));
    assert.deepEqual([ours.typeUrl, ours.nonce, ours.removed, ours.resources.map((r) => [r.name, r.version])], [theirs.typeUrl, theirs.nonce, theirs.removedResources, theirs.resources.map((r) => [r.name, r.version])]);
  },
};

const requests: Target = {
  name: 'xds-requests',
  shape: protobufMessage,
  seeds: [
    Buffer.from(toBinary(DeltaDiscoveryRequestSchema, create(DeltaDiscoveryRequestSchema, { node: { id: 'n' }, typeUrl: TYPE, resourceNamesSubscribe: ['a', 'b'], resourceNamesUnsubscribe: ['c'], initialResourceVersions: { a: '1' }, responseNonce: '7', errorDetail: { code: 3, message: 'no' } }))),
    Buffer.from(toBinary(DiscoveryRequestSchema, create(DiscoveryRequestSchema, { node: { id: 'n' }, typeUrl: TYPE, resourceNames: ['a', 'b'], versionInfo: '1', responseNonce: '7', errorDetail: { code: 3, message: 'no' } }))),
  ],
  check(input) {
    allowing(Error, () => decodeDeltaRequest(input));
    allowing(Error, () => decodeSotwRequest(input));
    const delta = allowing(Error, () => fromBinary(DeltaDiscoveryRequestSchema, input));
    if (delta) {
      const { request, node } = decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, delta));
      assert.deepEqual(
        [request.typeUrl, request.resourceNamesSubscribe, request.resourceNamesUnsubscribe, Object.entries(request.initialResourceVersions).sort(), request.responseNonce, request.errorDetail?.message, node !== undefined],
        [delta.typeUrl, delta.resourceNamesSubscribe, delta.resourceNamesUnsubscribe, Object.entries(delta.initialResourceVersions).sort(), delta.responseNonce, delta.errorDetail?.message, delta.node !== undefined],
      );
    }
    const sotw = allowing(Error, () => fromBinary(DiscoveryRequestSchema, input));
    if (sotw) {
      const { request, node } = decodeSotwRequest(toBinary(DiscoveryRequestSchema, sotw));
      assert.deepEqual([request.typeUrl, request.resourceNames, request.responseNonce, request.errorDetail?.message, node !== undefined], [sotw.typeUrl, sotw.resourceNames, sotw.responseNonce, sotw.errorDetail?.message, sotw.node !== undefined]);
    }
  },
};

const MAX_FRAME = 10_000;
const frames: Target = {
  name: 'grpc-frames',
  seeds: [Buffer.concat([encodeFrame(text('one')), encodeFrame(Buffer.alloc(0)), encodeFrame(Buffer.alloc(300, 7))]), encodeFrame(text('x'))],
  check(input, random) {
    const read = (parts: readonly Buffer[]): string[] => {
      const reader = new FrameReader(MAX_FRAME);
      const out: string[] = [];
      for (const part of parts) {
        const messages = reader.push(part);
        if (typeof messages === 'string') return [...out, 'refused'];
        out.push(...messages.map((message) => message.toString('base64')));
      }
      return [...out, reader.isPartial ? 'more' : 'end'];
    };
    const bySingles = read(singles(input));
    assert.deepEqual(read(pieces(input, random)).at(-1), bySingles.at(-1));
    // A refusal ends the stream, so only then may messages before it in the same piece be lost.
    if (bySingles.at(-1) !== 'refused') assert.deepEqual(read(pieces(input, random)), bySingles);
    const own = read([encodeFrame(input.subarray(0, MAX_FRAME))]);
    assert.deepEqual(own, [input.subarray(0, MAX_FRAME).toString('base64'), 'end'], 'what is framed is read again');
  },
};

const codec = createPeerCodec({ name: 'web-1', namespace: 'default', workload: 'web', clusterId: 'Kubernetes', canonicalName: 'web', canonicalRevision: 'v1', labels: new Map([['app', 'web'], ['version', 'v1']]) } as unknown as Parameters<typeof createPeerCodec>[0], 'node');
assert.equal(codec.decode(codec.ownValue, 'node')?.workload, 'web');

const peers: Target = {
  name: 'peer-metadata',
  shape: protobufMessage,
  seeds: [Buffer.from(codec.ownValue, 'base64')],
  check(input, random) {
    const value = random(4) === 0 ? input.toString('latin1') : input.toString('base64');
    for (const field of Object.values(codec.decode(value, undefined) ?? {})) assert.ok(field === undefined || typeof field === 'string');
  },
};

export const targets: readonly Target[] = [decoder, clusters, endpoints, routes, listeners, responses, requests, frames, peers];
