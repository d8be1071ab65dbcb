import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import * as fc from 'fast-check';
import { type OtlpTraces, spansOfOtlp } from './otlp.ts';
import { decodeOtlpProto } from './otlp-proto.ts';
import { spansOfZipkin } from './zipkin.ts';

const EXAMPLE = join(import.meta.dirname, '../../../../shared/data/suites/otlp/trace.json');

test("OpenTelemetry's example request becomes a span", { skip: existsSync(EXAMPLE) ? false : 'the OTLP examples are not on this machine' }, () => {
  const { spans, rejected } = spansOfOtlp(JSON.parse(readFileSync(EXAMPLE, 'utf8')) as OtlpTraces);
  assert.equal(rejected, 0);
  const [span] = spans;
  assert.deepEqual(
    { id: span?.traceId, parent: span?.parentId, service: span?.process.service, kind: span?.kind, start: span?.startUs, duration: span?.durationUs },
    { id: '5b8efff798038103d269b633813fc60c', parent: 'eee19b7ec3c1b173', service: 'my.service', kind: 'server', start: 1544712660000000, duration: 1_000_000 },
  );
  assert.deepEqual(span?.tags.map((tag) => tag.key), ['my.scope.attribute', 'otel.scope.name', 'otel.scope.version', 'my.span.attr', 'span.kind']);
});

/** A message from fields: numbers are varints, strings and bytes are length-delimited. */
function message(...fields: (readonly [number, Uint8Array | string | number | { fixed64: bigint } | { double: number }])[]): Uint8Array {
  const writer = new BinaryWriter();
  for (const [number, value] of fields) {
    if (typeof value === 'number') writer.tag(number, WireType.Varint).int64(value);
    else if (typeof value === 'string') writer.tag(number, WireType.LengthDelimited).string(value);
    else if (value instanceof Uint8Array) writer.tag(number, WireType.LengthDelimited).bytes(value);
    else if ('double' in value) writer.tag(number, WireType.Bit64).double(value.double);
    else writer.tag(number, WireType.Bit64).fixed64(value.fixed64);
  }
  return writer.finish();
}

const attribute = (key: string, value: Uint8Array) => message([1, key], [2, value]);

test('protobuf and JSON give the same span', () => {
  const span = message(
    [1, Buffer.from('5b8efff798038103d269b633813fc60c', 'hex')],
    [2, Buffer.from('eee19b7ec3c1b174', 'hex')],
    [4, Buffer.from('eee19b7ec3c1b173', 'hex')],
    [5, 'reviews:9080/*'],
    [6, 3],
    [7, { fixed64: 1544712660000000000n }],
    [8, { fixed64: 1544712660250000000n }],
    [9, attribute('http.status_code', message([3, 503]))],
    [9, attribute('share', message([4, { double: 0.9 }]))],
    [9, attribute('list', message([5, message([1, message([1, 'a'])], [1, message([2, 1])])]))],
    [11, message([1, { fixed64: 1544712660100000000n }], [2, 'retry'])],
    [13, message([1, Buffer.from('5b8efff798038103d269b633813fc60d', 'hex')], [2, Buffer.from('eee19b7ec3c1b175', 'hex')])],
    [15, message([2, 'upstream reset'], [3, 2])],
    [99, 'a field from the future'],
  );
  const request = message([1, message([1, message([1, attribute('service.name', message([1, 'productpage.default']))])], [2, message([2, span])])]);
  const asJson: OtlpTraces = {
    resourceSpans: [
      {
        resource: { attributes: [{ key: 'service.name', value: { stringValue: 'productpage.default' } }] },
        scopeSpans: [
          {
            spans: [
              {
                traceId: '5B8EFFF798038103D269B633813FC60C',
                spanId: 'EEE19B7EC3C1B174',
                parentSpanId: 'EEE19B7EC3C1B173',
                name: 'reviews:9080/*',
                kind: 'SPAN_KIND_CLIENT',
                startTimeUnixNano: '1544712660000000000',
                endTimeUnixNano: '1544712660250000000',
                attributes: [
                  { key: 'http.status_code', value: { intValue: '503' } },
                  { key: 'share', value: { doubleValue: 0.9 } },
                  { key: 'list', value: { arrayValue: { values: [{ stringValue: 'a' }, { boolValue: true }] } } },
                ],
                events: [{ timeUnixNano: '1544712660100000000', name: 'retry' }],
                links: [{ traceId: '5B8EFFF798038103D269B633813FC60D', spanId: 'EEE19B7EC3C1B175' }],
                status: { code: 'STATUS_CODE_ERROR', message: 'upstream reset' },
              },
            ],
          },
        ],
      },
    ],
  };
  const fromProto = spansOfOtlp(decodeOtlpProto(request)).spans;
  assert.deepEqual(fromProto, spansOfOtlp(asJson).spans);
  assert.deepEqual(fromProto[0]?.tags.find((tag) => tag.key === 'error'), { key: 'error', type: 'bool', value: true });
  assert.equal(fromProto[0]?.durationUs, 250_000);
});

test('spans without usable ids are counted, not stored', () => {
  assert.deepEqual(spansOfOtlp({ resourceSpans: [{ scopeSpans: [{ spans: [{ traceId: '00', spanId: 'zz' }] }] }] }), { spans: [], rejected: 1 });
});

test('any bytes either decode or throw, and decoded messages never break the converter', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      let decoded: OtlpTraces;
      try {
        decoded = decodeOtlpProto(bytes);
      } catch {
        return;
      }
      spansOfOtlp(decoded);
    }),
    { numRuns: 500 },
  );
});

test('Zipkin spans carry their endpoint, kind and annotations', () => {
  const decoded = spansOfZipkin([{ traceId: '463ac35c9f6413ad', id: 'a2fb4a1d1a96d312', name: 'get', kind: 'CLIENT', timestamp: 1472470996199000, duration: 207000, localEndpoint: { serviceName: 'frontend', ipv4: '127.0.0.1' }, annotations: [{ timestamp: 1472470996238000, value: 'ws' }], tags: { 'http.path': '/api' } }]);
  const span = decoded?.spans[0];
  assert.deepEqual([span?.traceId, span?.process.service, span?.kind, span?.logs.length], ['0000000000000000463ac35c9f6413ad', 'frontend', 'client', 1]);
});
