import assert from 'node:assert/strict';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { systemClock } from '../../../src/base/clock.ts';
import { otlpHandler, zipkinHandler } from '../../../src/observe/http/trace-ingest.ts';
import { decodeExposition, decodeSeries, isExpositionError } from '../../../src/observe/metrics/exposition.ts';
import { MetricStore } from '../../../src/observe/metrics/store.ts';
import { QueryEngine } from '../../../src/observe/promql/engine.ts';
import { QueryError } from '../../../src/observe/promql/errors.ts';
import { TraceStore } from '../../../src/observe/traces/store.ts';
import { protobufMessage } from '../shape.ts';
import { allowing, json, text, type Target } from '../target.ts';

const exposition: Target = {
  name: 'prometheus-text',
  words: ['# TYPE a counter\n', '# EOF\n', '{a="b",', '"} 1\n', 'NaN', '+Inf', '\\"', ' # {trace_id="x"} 1 1', '{"a.b"} 1\n'],
  seeds: ['# HELP a b c\n# TYPE a counter\na{x="y",z="\\"q\\\\"} 1.5 1700000000000\na_total 3e4\n', 'h_bucket{le="0.5"} 4 # {id="1"} 0.3 1.0\nh_sum NaN\n# EOF\n', '{"with.dots",a="b"} +Inf\n'].map(text),
  check(input) {
    for (const format of ['text', 'openmetrics'] as const) {
      const result = decodeExposition(input.toString('utf8'), format);
      if (isExpositionError(result)) {
        assert.ok(result.line >= 1 && result.message !== '');
        continue;
      }
      for (const { series } of result.samples) decodeSeries(series);
    }
  },
};

const store = new MetricStore();
for (const line of ['a{x="1"}', 'a{x="2"}', 'b_total{x="1"}', 'h_bucket{le="1"}', 'h_bucket{le="+Inf"}']) {
  const labels = decodeSeries(line);
  assert.ok(labels);
  for (let i = 0; i < 20; i++) store.append(labels, 1_000_000 + i * 15_000, i * 2);
}
const engine = new QueryEngine({ store, clock: systemClock }, { timeoutMs: 200 });

const promql: Target = {
  name: 'promql',
  words: ['rate(', 'sum by (x) (', 'histogram_quantile(', '[5m]', '[1m:10s]', ' offset -1m', '@ 100', '@ end()', '{x=~"', 'label_replace(', ' bool ', ' on(x) group_left ', 'unless', 'topk(', 'without', '1e400', '0x1f', '1h1ms', '__name__', ')', '"', '-', '^'],
  seeds: ['sum by (x) (rate(a{x=~"1|2"}[5m])) / on(x) group_left b_total', 'histogram_quantile(0.9, sum(rate(h_bucket[1m])) by (le))', 'label_replace(a, "y", "$1", "x", "(.*)") > bool 1', 'max_over_time(rate(a[1m])[5m:30s] offset 1m)', 'a @ end() unless absent(b)', '-1 ^ 2 ^ 3 % 4', 'topk(1, a) or quantile_over_time(0.5, a[2m])', 'label_join(a, "z", "-", "x", "x")'].map(text),
  async check(input) {
    const query = input.toString('utf8');
    allowing(QueryError, () => engine.instant(query, 1_290_000));
    await engine.range({ query, startMs: 1_000_000, endMs: 1_290_000, stepMs: 60_000 }).catch((error: unknown) => {
      if (!(error instanceof QueryError)) throw error;
    });
  },
};

const span = { traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331', name: 'get', kind: 2, startTimeUnixNano: '1700000000000000000', endTimeUnixNano: '1700000000500000000', attributes: [{ key: 'a', value: { stringValue: 'b' } }, { key: 'l', value: { arrayValue: { values: [{ intValue: '1' }] } } }], events: [{ timeUnixNano: '1', name: 'e' }], links: [{ traceId: '0af7651916cd43dd8448eb211c80319c', spanId: 'b7ad6b7169203331' }], status: { code: 2, message: 'bad' } };
const request = { resourceSpans: [{ resource: { attributes: [{ key: 'service.name', value: { stringValue: 'web' } }] }, scopeSpans: [{ scope: { name: 's' }, spans: [span] }] }] };

function spanBytes(): Buffer {
  const field = (number: number, bytes: Uint8Array) => new BinaryWriter().tag(number, WireType.LengthDelimited).bytes(bytes).finish();
  const attribute = Buffer.concat([field(1, Buffer.from('service.name')), field(2, field(1, Buffer.from('web')))]);
  const fixed = (number: number) => new BinaryWriter().tag(number, WireType.Bit64).fixed64(1_700_000_000_000_000_000n).finish();
  const bytes = Buffer.concat([field(1, Buffer.alloc(16, 1)), field(2, Buffer.alloc(8, 2)), field(5, Buffer.from('get')), new BinaryWriter().tag(6, WireType.Varint).int32(2).finish(), fixed(7), fixed(8), field(9, attribute), field(11, field(2, Buffer.from('e'))), field(15, field(2, Buffer.from('m')))]);
  return Buffer.concat([field(1, Buffer.concat([field(1, field(1, attribute)), field(2, field(2, bytes))]))]);
}

async function post(handler: ReturnType<typeof otlpHandler>, at: { path: string; type: string }, body: Buffer): Promise<void> {
  const { status } = await handler({ method: 'POST', path: at.path, params: new URLSearchParams(), headers: { 'content-type': at.type }, body });
  assert.ok((status >= 200 && status < 300) || status === 400, `status ${status}`);
}

const otlpProto: Target = {
  name: 'otlp-protobuf',
  shape: protobufMessage,
  seeds: [spanBytes()],
  check: (input) => post(otlpHandler(new TraceStore()), { path: '/v1/traces', type: 'application/x-protobuf' }, input),
};

const otlpJson: Target = {
  name: 'otlp-json',
  words: ['"kvlistValue":', '"arrayValue":{"values":[', ',null', '"attributes":', '"key":'],
  seeds: [json(request)],
  check: (input) => post(otlpHandler(new TraceStore()), { path: '/v1/traces', type: 'application/json' }, input),
};

const zipkin: Target = {
  name: 'zipkin-json',
  words: ['"tags":', '"annotations":', ',null', '"localEndpoint":'],
  seeds: [json([{ traceId: '0af7651916cd43dd', id: 'b7ad6b7169203331', name: 'get', kind: 'SERVER', timestamp: 1, duration: 2, localEndpoint: { serviceName: 'web' }, annotations: [{ timestamp: 1, value: 'x' }], tags: { a: 'b' } }])],
  check: (input) => post(zipkinHandler(new TraceStore()), { path: '/api/v2/spans', type: 'application/json' }, input),
};

export const targets: readonly Target[] = [exposition, promql, otlpProto, otlpJson, zipkin];
