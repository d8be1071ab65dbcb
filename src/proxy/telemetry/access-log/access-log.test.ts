import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, toBinary } from '@bufbuild/protobuf';
import type { JsonObject, MessageInitShape } from '@bufbuild/protobuf';
import { silentLog } from '../../../base/log.ts';
import { FakeClock } from '../../../testkit/fake-clock.ts';
import { AccessLogFilterSchema, ComparisonFilter_Op } from '../../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { FileAccessLogSchema } from '../../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import type { AccessLogSettings, Outcome } from '../../outcome.ts';
import { headers, inboundOutcome, outboundOutcome, tcpOutcome } from '../outcome.fixture.ts';
import { AccessLog } from './access-log.ts';
import { compileFilter } from './filter.ts';
import { compileJson, compileText } from './format.ts';
import { createLineWriter } from './line-writer.ts';

const ISTIO_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %RESPONSE_CODE_DETAILS% %CONNECTION_TERMINATION_DETAILS% ' +
  '"%UPSTREAM_TRANSPORT_FAILURE_REASON%" %BYTES_RECEIVED% %BYTES_SENT% %DURATION% %RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" ' +
  '"%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%" %UPSTREAM_CLUSTER_RAW% %UPSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_LOCAL_ADDRESS% %DOWNSTREAM_REMOTE_ADDRESS% %REQUESTED_SERVER_NAME% %ROUTE_NAME%\n';

test('Istio’s default line', () => {
  assert.equal(
    compileText(ISTIO_FORMAT).line(outboundOutcome()),
    '[2026-01-02T03:04:05.678Z] "GET /reviews/0?x=1 HTTP/1.1" 200 - via_upstream - "-" 0 295 12 11 "-" "curl/8" "2a3b4c5d-0000-4000-8000-000000000001" "reviews:9080" "10.244.0.9:9080" ' +
      'outbound|9080|v2|reviews.default.svc.cluster.local 10.244.0.7:50000 10.96.1.2:9080 10.244.0.7:40000 - default\n',
  );
  assert.match(compileText(ISTIO_FORMAT).line(tcpOutcome()), /^\[2023-11-14T22:13:20\.000Z\] "- - -" 0 - - - "-" 100 900 5000 - "-" .* outbound\|3306\|\|mysql/);
});

for (const [format, outcome, want] of [
  ['%REQ(X-A?X-B)%', outboundOutcome({ requestHeaders: headers({ 'x-b': 'second' }) }), 'second'],
  ['%REQ(USER-AGENT):3%', outboundOutcome(), 'cur'],
  ['%REQ_WITHOUT_QUERY(:PATH)%', outboundOutcome(), '/reviews/0'],
  ['%RESPONSE_FLAGS% %RESPONSE_FLAGS_LONG%', outboundOutcome({ flags: ['URX', 'UF'] }), 'URX,UF UpstreamRetryLimitExceeded,UpstreamConnectionFailure'],
  ['%RESPONSE_CODE_DETAILS%', outboundOutcome({ details: 'upstream_reset_before_response_started{connection refused}' }), 'upstream_reset_before_response_started{connection_refused}'],
  ['%START_TIME(%Y/%m/%dT%H:%M:%S.%3f %s)%', outboundOutcome(), '2026/01/02T03:04:05.678 1767323045'],
  ['%DOWNSTREAM_PEER_URI_SAN% %DOWNSTREAM_TLS_VERSION%', inboundOutcome(), 'spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account TLSv1.3'],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT% %UPSTREAM_REMOTE_PORT%', outboundOutcome(), '10.244.0.7 9080'],
  ['%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(16)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(99)% %DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT(x)%', outboundOutcome(), '10.244.0.0/16 10.244.0.7/32 10.244.0.7'],
  ['%PATH% %PATH(NQ)% %PATH(WQ:ORIG)% %PATH(NQ:PATH)% %PATH(NQ):4%', outboundOutcome({ rewrittenPath: '/g/x?a=1', requestHeaders: headers({}) }), '/g/x?a=1 /g/x - /g/x /g/x'],
  ['%PATH% %PATH(NQ)% %PATH(WQ:ORIG)% %PATH(NQ:PATH)% %QUERY_PARAM(a)%', outboundOutcome({ rewrittenPath: '/g?a=z', requestHeaders: headers({ 'x-envoy-original-path': '/orig?a=9' }) }), '/orig?a=9 /orig /orig?a=9 /g z'],
  ['%QUERY_PARAM(a)%|%QUERY_PARAM(e)%|%QUERY_PARAM(n)%|%QUERY_PARAMS%|%QUERY_PARAMS(DECODED)%', outboundOutcome({ rewrittenPath: '/g?a=1&a=2&e=%20b&x=' }), '1| b|-|a=1&a=2&e=%20b&x=|a=1&a=2&e=%20b&x='],
  ['%GRPC_STATUS% %GRPC_STATUS(SNAKE_STRING)% %GRPC_STATUS(NUMBER)% %GRPC_STATUS(CAMEL_STRING)%', outboundOutcome({ grpcStatus: 4 }), 'DeadlineExceeded DEADLINE_EXCEEDED 4 DeadlineExceeded'],
  ['%REQUESTED_SERVER_NAME(SNI_FIRST)% %REQUESTED_SERVER_NAME(HOST_FIRST)% %REQUESTED_SERVER_NAME(HOST_FIRST:ORIG)% %REQUESTED_SERVER_NAME(SNI_ONLY)%', outboundOutcome({ authority: 'h.test:81' }), 'h.test:81 h.test:81 - -'],
  ['%RESPONSE_CODE_DETAILS(ALLOW_WHITESPACES)%|%RESPONSE_CODE_DETAILS(X)%|%REQUEST_HEADER(X-A)%|%RESPONSE_HEADER(X-R)%', outboundOutcome({ details: 'a b', requestHeaders: headers({ 'x-a': 'hdr' }), responseHeaders: headers({ 'x-r': 'rr' }) }), 'a b|a_b|hdr|rr'],
  ['%PATH% %GRPC_STATUS(NUMBER)% %QUERY_PARAMS%', tcpOutcome(), '- - -'],
  ['100%% %PROTOCOL%%', outboundOutcome(), '100% HTTP/1.1%'],
  ['%REQ(X-EVIL)%', outboundOutcome({ requestHeaders: headers({ 'x-evil': 'a\nb\u001b[31m' }) }), 'a\\x0ab\\x1b[31m'],
  ['%DYNAMIC_METADATA(x:y)% %TRAILER(a)%', outboundOutcome(), '- -'],
  ['%METADATA(ROUTE:istio:config)% %METADATA(VIRTUAL_HOST:istio:config)% %METADATA(ROUTE:istio:config):4%', outboundOutcome({ routeMetadata: { istio: { config: '/a/route' } }, virtualHostMetadata: { istio: { config: '/a/host' } } }), '/a/route /a/host /a/r'],
  ['%METADATA(ROUTE:a:b:c)% %METADATA(ROUTE:a:b)% %METADATA(ROUTE:a:x)% %METADATA(ROUTE:x:y)%', outboundOutcome({ routeMetadata: { a: { b: { c: 1 } } } }), '1 {"c":1} - -'],
  ['%METADATA(ROUTE:istio:config)% %METADATA(CLUSTER:istio:config)% %METADATA(LISTENER:istio:config)%', tcpOutcome(), '- - -'],
] as const satisfies readonly (readonly [string, Outcome, string])[]) {
  test(`format ${format}`, () => assert.equal(compileText(format).line(outcome), want));
}

test('operators that do not exist are named and print a dash', () => {
  const { line, unknown } = compileText('%NONSENSE% %REQ(A)%');
  assert.deepEqual([unknown, line(outboundOutcome())], [['NONSENSE'], '- -']);
});

test('JSON keeps numbers, nests, and prints null for what is missing', () => {
  const format: JsonObject = { code: '%RESPONSE_CODE%', duration: '%DURATION%', flags: '%RESPONSE_FLAGS%', both: '%REQ(:METHOD)% %RESPONSE_CODE%', nested: { agent: '%REQ(USER-AGENT)%' }, constant: true };
  assert.deepEqual(JSON.parse(compileJson(format).line(outboundOutcome())), { code: 200, duration: 12, flags: '-', both: 'GET 200', nested: { agent: 'curl/8' }, constant: true });
  assert.deepEqual(JSON.parse(compileJson(format, { omitEmpty: true }).line(outboundOutcome())), { code: 200, duration: 12, flags: '-', both: 'GET 200', nested: { agent: 'curl/8' }, constant: true });
});

const settings = (init: MessageInitShape<typeof FileAccessLogSchema>, filter?: Uint8Array): AccessLogSettings => ({
  name: 'envoy.access_loggers.file', typeUrl: 'type.googleapis.com/envoy.extensions.access_loggers.file.v3.FileAccessLog', value: toBinary(FileAccessLogSchema, create(FileAccessLogSchema, init)), filter,
});

test('lines go to the path of the settings in batches', async () => {
  const clock = new FakeClock();
  const written: [string, string][] = [];
  const log = new AccessLog({ clock, log: silentLog, open: (path) => (batch, done) => { written.push([path, batch]); done(); } });
  const accessLogs = [settings({ path: '/dev/stdout', accessLogFormat: { case: 'logFormat', value: { format: { case: 'textFormatSource', value: { specifier: { case: 'inlineString', value: '%RESPONSE_CODE%\n' } } } } } })];
  log.record(outboundOutcome({ accessLogs }));
  log.record(outboundOutcome({ accessLogs, responseCode: 503 }));
  log.record(outboundOutcome());
  assert.deepEqual(written, []);
  await clock.advance(60);
  assert.deepEqual(written, [['/dev/stdout', '200\n503\n']]);
  log.record(outboundOutcome({ accessLogs }));
  await log.close();
  assert.equal(written.length, 2);
});

test('a kind of logger that is not there costs its lines only', () => {
  const log = new AccessLog({ clock: new FakeClock(), log: silentLog });
  log.record(outboundOutcome({ accessLogs: [{ name: 'grpc', typeUrl: 'type.googleapis.com/x.y', value: new Uint8Array() }] }));
});

const filter = (init: MessageInitShape<typeof AccessLogFilterSchema>) => compileFilter(toBinary(AccessLogFilterSchema, create(AccessLogFilterSchema, init)), () => 0.3);
const atLeast = (code: number) => ({ filterSpecifier: { case: 'statusCodeFilter', value: { comparison: { op: ComparisonFilter_Op.GE, value: { defaultValue: code } } } } }) as const;

for (const [name, init, passes] of [
  ['status at least 400', atLeast(400), [false, true]],
  ['any flag', { filterSpecifier: { case: 'responseFlagFilter', value: {} } }, [false, true]],
  ['another flag', { filterSpecifier: { case: 'responseFlagFilter', value: { flags: ['NR'] } } }, [false, false]],
  ['both', { filterSpecifier: { case: 'andFilter', value: { filters: [atLeast(200), atLeast(500)] } } }, [false, true]],
  ['either', { filterSpecifier: { case: 'orFilter', value: { filters: [atLeast(200), atLeast(500)] } } }, [true, true]],
  ['a sample of 20 %', { filterSpecifier: { case: 'runtimeFilter', value: { percentSampled: { numerator: 20 } } } }, [false, false]],
  ['a sample of 40 %', { filterSpecifier: { case: 'runtimeFilter', value: { percentSampled: { numerator: 40 } } } }, [true, true]],
] as const satisfies readonly (readonly [string, MessageInitShape<typeof AccessLogFilterSchema>, readonly boolean[]])[]) {
  test(`filter: ${name}`, () => {
    const { matches } = filter(init);
    assert.deepEqual([matches(outboundOutcome()), matches(outboundOutcome({ responseCode: 503, flags: ['UH'] }))], passes);
  });
}

test('a slow reader costs lines, which are counted, and memory stays bounded', async () => {
  const clock = new FakeClock();
  let release = (): void => {};
  const batches: string[] = [];
  const writer = createLineWriter((batch, done) => { batches.push(batch); release = done; }, { clock, batchBytes: 10, maxBytes: 20 });
  for (let i = 0; i < 10; i++) writer.write('12345\n');
  assert.deepEqual([batches.length, batches[0]?.length, writer.dropped], [1, 12, 5]);
  const closed = writer.close();
  release();
  release();
  await closed;
  assert.equal(batches.join('').length, 30);
});
