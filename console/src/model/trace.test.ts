import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { JaegerSpan } from '../api/jaeger.ts';
import { traceView } from './trace.ts';

const span = (id: string, parent: string | undefined, start: number, tags: JaegerSpan['tags'] = []): JaegerSpan => ({ traceID: 't', spanID: id, operationName: id, references: parent === undefined ? [] : [{ refType: 'CHILD_OF', traceID: 't', spanID: parent }], startTime: start, duration: 10, tags, logs: [], processID: 'p1' });
const view = (...spans: JaegerSpan[]) => traceView({ traceID: 't', spans, processes: { p1: { serviceName: 'a', tags: [] } } });

test('spans stand under their parents, in the order of their start', () => {
  const { rows } = view(span('c', 'a', 30), span('b', 'a', 20), span('d', 'b', 25), span('a', undefined, 10));
  assert.deepEqual(rows.map((row) => `${row.depth}${row.span.spanID}`), ['0a', '1b', '2d', '1c']);
});

test('a span whose parent never arrived is shown at the top', () => assert.deepEqual(view(span('x', 'gone', 5)).rows.map((row) => row.depth), [0]));

test('spans that are each other’s parents are still shown, once', () => assert.equal(view(span('a', 'b', 1), span('b', 'a', 2)).rows.length, 2));

test('errors are the error tag and 5xx answers', () => {
  assert.equal(view(span('a', undefined, 1, [{ key: 'error', type: 'bool', value: true }]), span('b', 'a', 2, [{ key: 'http.status_code', type: 'string', value: '503' }]), span('c', 'a', 3, [{ key: 'http.status_code', type: 'int64', value: 404 }])).errors, 2);
});
