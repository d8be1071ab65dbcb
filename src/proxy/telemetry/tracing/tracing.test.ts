import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { Server, ServerCredentials } from '@grpc/grpc-js';
import type { ServerUnaryCall, sendUnaryData } from '@grpc/grpc-js';
import { silentLog } from '../../../base/log.ts';
import { FakeClock } from '../../../testkit/fake-clock.ts';
import { OpenTelemetryConfigSchema } from '../../../xds/generated/envoy/config/trace/v3/opentelemetry_pb.js';
import { ZipkinConfigSchema } from '../../../xds/generated/envoy/config/trace/v3/zipkin_pb.js';
import type { HeaderWriter, TracingSettings } from '../../tracing.ts';
import { OWN, headers, inboundOutcome, outboundOutcome } from '../outcome.fixture.ts';
import { createSpanExporter } from './exporter.ts';
import { SpanSink } from './span-sink.ts';
import { spanOf } from './span.ts';
import { createTracer } from './tracer.ts';
import type { FinishedSpan } from './span.ts';
import { createSpanTransport } from './transport.ts';
import type { SpanTarget, SpanTransport } from './transport.ts';
import { encodeSpans } from './otlp.ts';
import { encodeZipkinSpans } from './zipkin.ts';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const SPAN = 'b7ad6b7169203331';
const UUID = '00000000-0000-4000-8000-000000000000';
const all: TracingSettings = { clientSampling: 100, randomSampling: 100, overallSampling: 100, customTags: [], maxPathTagLength: 256, server: false };
const none = { ...all, randomSampling: 0 };
const tracer = createTracer({ random: () => 0.5 });

function writer(values: Record<string, string>): HeaderWriter & { values: Record<string, string> } {
  return { values, get: (name) => values[name], set: (name, value) => void (values[name] = value), remove: (name) => void delete values[name] };
}

for (const [name, incoming, settings, want] of [
  ['a new trace is sampled at 100 %', {}, all, { sampled: true }],
  ['a new trace is not sampled at 0 %', {}, none, { sampled: false }],
  ['W3C context is continued with its decision', { traceparent: `00-${TRACE}-${SPAN}-01` }, none, { traceId: TRACE, parentSpanId: SPAN, sampled: true }],
  ['W3C context that is not sampled stays so', { traceparent: `00-${TRACE}-${SPAN}-00` }, all, { traceId: TRACE, sampled: false }],
  ['a later W3C version with more fields is read', { traceparent: `01-${TRACE}-${SPAN}-01-extra` }, none, { traceId: TRACE }],
  ['B3 in one header is continued', { b3: `${TRACE}-${SPAN}-1` }, none, { traceId: TRACE, parentSpanId: SPAN, sampled: true }],
  ['B3 in several headers, with a short trace id', { 'x-b3-traceid': SPAN, 'x-b3-spanid': SPAN, 'x-b3-sampled': '0' }, all, { traceId: `${'0'.repeat(16)}${SPAN}`, sampled: false }],
  ['B3 debug means sampled', { 'x-b3-traceid': TRACE, 'x-b3-spanid': SPAN, 'x-b3-flags': '1' }, none, { sampled: true }],
  ['a lone B3 decision without ids is heard', { b3: '0' }, all, { sampled: false }],
  ['W3C wins over B3', { traceparent: `00-${TRACE}-${SPAN}-01`, b3: `${'1'.repeat(32)}-${SPAN}-0` }, none, { traceId: TRACE, sampled: true }],
  ['an id of zeros is no context', { traceparent: `00-${'0'.repeat(32)}-${SPAN}-01` }, none, { parentSpanId: undefined, sampled: false }],
  ['rubbish is no context', { traceparent: 'rubbish', b3: 'x' }, none, { parentSpanId: undefined }],
  ['a forced trace is sampled', { 'x-envoy-force-trace': 'true' }, none, { sampled: true }],
  ['a client’s trace id asks for a trace', { 'x-client-trace-id': 'abc' }, none, { sampled: true }],
  ['the decision in the request id stands', { 'x-request-id': '00000000-0000-9000-8000-000000000000' }, none, { sampled: true }],
  ['the share is derived from the request id', { 'x-request-id': UUID.replace(/^0{8}/, '00000063') }, { ...all, randomSampling: 1 }, { sampled: true }],
  ['… and is the same on every hop', { 'x-request-id': UUID.replace(/^0{8}/, '00000064') }, { ...all, randomSampling: 1 }, { sampled: false }],
] as const) {
  test(name, () => {
    const span = tracer.start(headers(incoming), settings);
    const got = span as unknown as Record<string, unknown>;
    assert.match(span?.traceId ?? '', /^[0-9a-f]{32}$/);
    assert.match(span?.spanId ?? '', /^[0-9a-f]{16}$/);
    for (const [key, value] of Object.entries(want)) assert.equal(got[key], value, key);
  });
}

test('what goes on names our span, in both families, and marks the request id', () => {
  const out = writer({ 'x-request-id': UUID, 'x-b3-parentspanid': 'old' });
  const span = tracer.start(headers({ 'x-request-id': UUID }), all);
  assert.ok(span);
  tracer.inject(span, out);
  assert.deepEqual(out.values, {
    'x-request-id': '00000000-0000-9000-8000-000000000000', 'traceparent': `00-${span.traceId}-${span.spanId}-01`,
    'x-b3-traceid': span.traceId, 'x-b3-spanid': span.spanId, 'x-b3-sampled': '1',
  });
});

const into = (send: SpanTransport['send']): SpanTransport => ({ send, close() {} });

const PROVIDER = (uri: string, cluster: string) => ({
  name: 'envoy.tracers.opentelemetry', typeUrl: 'type.googleapis.com/envoy.config.trace.v3.OpenTelemetryConfig',
  value: toBinary(OpenTelemetryConfigSchema, create(OpenTelemetryConfigSchema, { httpService: { httpUri: { uri, httpUpstreamType: { case: 'cluster', value: cluster } } } })),
});
const span = { traceId: TRACE, spanId: SPAN, sampled: true };
const owner = { nodeId: 'node', zone: 'z', workload: OWN, env: { STAGE: 'test' } };

test('a span has Envoy’s and Istio’s tags', () => {
  const tracing: TracingSettings = { ...all, maxPathTagLength: 8, customTags: [{ tag: 'stage', from: 'environment', name: 'STAGE', defaultValue: '' }, { tag: 'user', from: 'header', name: 'end-user', defaultValue: 'nobody' }, { tag: 'node_id', from: 'literal', value: 'set twice' }] };
  const made = spanOf(outboundOutcome({ span, tracing, operation: 'reviews.default.svc.cluster.local:9080/*', responseCode: 503, flags: ['UH'] }), owner);
  assert.ok(made);
  const tags = Object.fromEntries(made.tags);
  assert.equal(made.tags.length, new Set(made.tags.map(([key]) => key)).size);
  assert.deepEqual([made.kind, made.name, made.isError], ['client', 'reviews.default.svc.cluster.local:9080/*', true]);
  const want = {
    'component': 'proxy', 'http.method': 'GET', 'http.url': 'http://reviews:9080/reviews', 'http.protocol': 'HTTP/1.1', 'http.status_code': '503', 'upstream_cluster': 'outbound|9080|v2|reviews.default.svc.cluster.local',
    'response_flags': 'UH', 'peer.address': '10.244.0.9', 'node_id': 'set twice', 'istio.canonical_service': 'productpage', 'istio.namespace': 'default', 'stage': 'test', 'user': 'nobody',
  };
  assert.deepEqual(Object.fromEntries(Object.keys(want).map((key) => [key, tags[key]])), want);
  assert.equal(spanOf(inboundOutcome({ span, tracing: { ...all, server: true } }), owner)?.name, 'ingress productpage:9080');
  assert.equal(spanOf(outboundOutcome({ span: { ...span, sampled: false }, tracing: all }), owner), undefined);
});

test('spans of listeners with the same collector go out together, as OTLP JSON', async () => {
  const clock = new FakeClock();
  const sent: [SpanTarget, readonly FinishedSpan[]][] = [];
  const sink = new SpanSink({ owner, service: 'productpage.default', clock, log: silentLog, transport: into(async (target, spans) => void sent.push([target, spans])) });
  const cluster = 'outbound|4318||jaeger-collector.istio-system.svc.cluster.local';
  for (const uri of ['/v1/traces', 'jaeger-collector.istio-system.svc.cluster.local/v1/traces']) sink.record(outboundOutcome({ span, tracing: { ...all, provider: PROVIDER(uri, cluster) } }));
  await clock.advance(1100);
  assert.equal(sent.length, 1);
  const [target, spans] = sent[0] ?? assert.fail();
  const body = encodeSpans(target.service, spans);
  assert.deepEqual([target.host, target.port, target.path, target.service], ['jaeger-collector.istio-system.svc.cluster.local', 4318, '/v1/traces', 'productpage.default']);
  const [resource] = JSON.parse(body).resourceSpans;
  assert.deepEqual(resource.resource.attributes, [{ key: 'service.name', value: { stringValue: 'productpage.default' } }]);
  assert.equal(resource.scopeSpans[0].spans.length, 2);
  const [first] = resource.scopeSpans[0].spans;
  assert.deepEqual([first.traceId, first.spanId, first.kind, first.startTimeUnixNano, first.endTimeUnixNano.slice(0, 14), first.status], [TRACE, SPAN, 3, '1767323045678000000', '17673230456903', {}]);
  assert.equal(sink.sent, 2);
});

test('over HTTP and over gRPC a collector reads the same spans', async (t) => {
  const one = spanOf(outboundOutcome({ span: { ...span, parentSpanId: 'b7ad6b7169203332' }, tracing: all, responseCode: 500 }), owner) ?? assert.fail();
  const posts: string[] = [];
  const http = createServer((request, response) => {
    request.on('data', (chunk) => posts.push(`${request.url} ${request.headers['content-type']} ${String(chunk)}`));
    request.on('end', () => response.end('{}'));
  });
  const calls: Buffer[] = [];
  const grpc = new Server();
  const path = '/opentelemetry.proto.collector.trace.v1.TraceService/Export';
  const raw = { requestSerialize: (b: Buffer) => b, requestDeserialize: (b: Buffer) => b, responseSerialize: (b: Buffer) => b, responseDeserialize: (b: Buffer) => b };
  grpc.addService({ Export: { path, requestStream: false, responseStream: false, ...raw } }, {
    Export(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
      calls.push(call.request);
      reply(null, Buffer.alloc(0));
    },
  });
  const [httpPort, grpcPort] = await Promise.all([
    new Promise<number>((resolve) => http.listen(0, '127.0.0.1', () => resolve((http.address() as AddressInfo).port))),
    new Promise<number>((resolve, reject) => grpc.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => (error ? reject(error) : resolve(port)))),
  ]);
  const transport = createSpanTransport();
  t.after(() => { transport.close(); http.close(); grpc.forceShutdown(); });
  const base = { host: '127.0.0.1', headers: {}, service: 'svc' };
  await transport.send({ ...base, format: 'otlp-http', port: httpPort, path: '/v1/traces' }, [one]);
  await transport.send({ ...base, format: 'otlp-grpc', port: grpcPort, path }, [one]);
  assert.match(posts[0] ?? '', /^\/v1\/traces application\/json \{"resourceSpans"/);
  // resource_spans { resource { attributes { key … : the names and ids are in there as bytes.
  const bytes = calls[0] ?? assert.fail();
  for (const part of [Buffer.from('service.name'), Buffer.from(TRACE, 'hex'), Buffer.from(SPAN, 'hex'), Buffer.from('upstream_cluster'), Buffer.from('egress reviews:9080')]) assert.ok(bytes.includes(part));
  const reader = new BinaryReader(bytes);
  assert.deepEqual(reader.tag(), [1, WireType.LengthDelimited]);
  assert.equal(reader.uint32(), bytes.length - reader.pos);
});

test('a zipkin provider gets Zipkin JSON', async () => {
  const clock = new FakeClock();
  const sent: [SpanTarget, readonly FinishedSpan[]][] = [];
  const sink = new SpanSink({ owner, service: 'productpage.default', clock, log: silentLog, transport: into(async (target, spans) => void sent.push([target, spans])) });
  const value = toBinary(ZipkinConfigSchema, create(ZipkinConfigSchema, { collectorCluster: 'outbound|9411||zipkin.istio-system.svc.cluster.local', collectorEndpoint: '/api/v2/spans' }));
  sink.record(outboundOutcome({ span, responseCode: 503, tracing: { ...all, provider: { name: 'envoy.tracers.zipkin', typeUrl: 'type.googleapis.com/envoy.config.trace.v3.ZipkinConfig', value } } }));
  await clock.advance(1100);
  const [target, spans] = sent[0] ?? assert.fail();
  const body = encodeZipkinSpans(target.service, spans);
  assert.deepEqual([target.host, target.port, target.path], ['zipkin.istio-system.svc.cluster.local', 9411, '/api/v2/spans']);
  const [first] = JSON.parse(body);
  assert.deepEqual([first.traceId, first.id, first.kind, first.timestamp, first.duration, first.localEndpoint.serviceName, first.tags.error], [TRACE, SPAN, 'CLIENT', 1767323045678000, 12400, 'productpage.default', 'true']);
});

test('a provider that cannot be served costs its spans only', () => {
  const sink = new SpanSink({ owner, service: 's', clock: new FakeClock(), log: silentLog, transport: into(async () => assert.fail('nothing to send')) });
  sink.record(outboundOutcome({ span, tracing: { ...all, provider: { name: 'envoy.tracers.datadog', typeUrl: 'type.googleapis.com/envoy.config.trace.v3.DatadogConfig', value: new Uint8Array() } } }));
  assert.equal(sink.dropped, 0);
});

test('a collector that is away or slow costs spans, which are counted', async () => {
  const clock = new FakeClock();
  const target: SpanTarget = { format: 'otlp-http', host: 'c', port: 1, path: '/', headers: {}, service: 's' };
  let isAway = true;
  const exporter = createSpanExporter({ target, clock, log: silentLog, batchSize: 2, queueSize: 3, transport: into(async () => { if (isAway) throw new Error('away'); }) });
  const one = spanOf(outboundOutcome({ span, tracing: all }), owner) ?? assert.fail();
  for (let i = 0; i < 7; i++) exporter.add(one);
  assert.equal(exporter.dropped, 2, 'two are under way, three wait');
  await clock.advance(3000);
  assert.equal(exporter.dropped, 7);
  isAway = false;
  exporter.add(one);
  await exporter.close();
  assert.equal(exporter.sent, 1);
});
