import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { decodeExposition, decodeSeries, type Exposition, isExpositionError } from './exposition.ts';

function read(text: string, format?: 'text' | 'openmetrics'): Exposition {
  const result = decodeExposition(text, format);
  assert.ok(!isExpositionError(result), JSON.stringify(result));
  return result;
}

for (const [name, line, want] of [
  ['a bare metric', 'up 1', { series: 'up', value: 1, timeMs: undefined }],
  ['labels', 'a{b="c",d="e"} 2.5', { series: 'a{b="c",d="e"}', value: 2.5, timeMs: undefined }],
  ['a brace inside a value', 'a{b="}"} 3', { series: 'a{b="}"}', value: 3, timeMs: undefined }],
  ['a quote inside a value', 'a{b="x\\"y"} 3', { series: 'a{b="x\\"y"}', value: 3, timeMs: undefined }],
  ['a timestamp in milliseconds', 'a 1 1395066363000', { series: 'a', value: 1, timeMs: 1395066363000 }],
  ['blanks around', '  a {b="c"}   4e3  ', { series: 'a {b="c"}', value: 4000, timeMs: undefined }],
  ['infinity', 'a +Inf', { series: 'a', value: Infinity, timeMs: undefined }],
] as const) {
  test(`reads ${name}`, () => assert.deepEqual(read(`${line}\n`).samples, [want]));
}

test('reads NaN', () => assert.ok(Number.isNaN(read('a NaN').samples[0]?.value)));

test('OpenMetrics: seconds, exemplars and the end mark', () => {
  const text = '# TYPE a counter\n# UNIT a seconds\na_total{b="c"} 1 1.5 # {trace_id="x"} 0.5\n# EOF\nignored 1\n';
  assert.deepEqual(read(text, 'openmetrics').samples, [{ series: 'a_total{b="c"}', value: 1, timeMs: 1500 }]);
});

test('metadata keeps types and unescaped help', () => {
  assert.deepEqual(read('# HELP a one\\ntwo\n# TYPE a histogram\n# a comment\n').metadata, [
    { metric: 'a', field: 'help', text: 'one\ntwo' },
    { metric: 'a', field: 'type', text: 'histogram' },
  ]);
});

for (const [name, text, line] of [
  ['a missing value', 'a{b="c"}\n', 1],
  ['a word for a value', 'ok 1\na one\n', 2],
  ['an open brace', 'a{b="c" 1\n', 1],
] as const) {
  test(`refuses ${name} and says in which line`, () => {
    const result = decodeExposition(text);
    assert.ok(isExpositionError(result));
    assert.equal(result.line, line);
  });
}

for (const [name, text, want] of [
  ['plain labels', 'a{b="c"}', { __name__: 'a', b: 'c' }],
  ['escapes', 'a{b="x\\"\\\\\\n"}', { __name__: 'a', b: 'x"\\\n' }],
  ['a trailing comma', 'a{b="c",}', { __name__: 'a', b: 'c' }],
  ['a quoted name', '{"a.b","c d"="e"}', { __name__: 'a.b', 'c d': 'e' }],
  ['no labels', 'a{}', { __name__: 'a' }],
] as const) {
  test(`decodes a series with ${name}`, () => assert.deepEqual(decodeSeries(text)?.toObject(), want));
}

test('bytes from outside never throw', () => {
  const fragment = fc.constantFrom('a', '{', '}', '"', '\\', ',', '=', ' ', '\n', '#', 'TYPE', '1', 'NaN', '\u0000', '😀');
  fc.assert(
    fc.property(fc.array(fragment, { maxLength: 60 }), (parts) => {
      const result = decodeExposition(parts.join(''));
      if (!isExpositionError(result)) for (const sample of result.samples) decodeSeries(sample.series);
    }),
    { numRuns: 500 },
  );
});
