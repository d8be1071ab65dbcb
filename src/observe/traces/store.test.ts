import assert from 'node:assert/strict';
import { test } from 'node:test';
import { dependenciesOf } from './dependencies.ts';
import type { Span } from './span.ts';
import { TraceStore } from './store.ts';

const span = (trace: number, id: number, extra: Partial<Span> & { service?: string } = {}): Span => ({
  traceId: String(trace).padStart(32, '0'),
  spanId: String(id).padStart(16, '0'),
  parentId: undefined,
  operation: 'op',
  kind: 'server',
  startUs: trace * 1000,
  durationUs: 10,
  process: { service: extra.service ?? 'a', tags: [] },
  tags: [],
  logs: [],
  links: [],
  ...extra,
});

test('the trace that was touched longest ago leaves first', () => {
  const store = new TraceStore({ maxSpans: 3 });
  store.add([span(1, 1), span(2, 1), span(1, 2)]);
  store.add([span(3, 1)]);
  assert.deepEqual([...store.traces()].map((trace) => Number(trace.traceId)), [1, 3]);
  assert.deepEqual(store.stats().evicted, 1);
});

test('a batch that is sent twice is kept once', () => {
  const store = new TraceStore();
  store.add([span(1, 1)]);
  store.add([span(1, 1)]);
  assert.equal(store.stats().spans, 1);
});

test('what spans have in common is held once', () => {
  const tags = () => [{ key: 'component', type: 'string' as const, value: 'proxy' }];
  const store = new TraceStore();
  store.add([span(1, 1, { tags: tags() }), span(2, 1, { tags: tags() })]);
  const [a, b] = [...store.spans()];
  assert.ok(a && b && a.tags[0] === b.tags[0] && a.process === b.process);
});

test('an endless trace is cut and counted', () => {
  const store = new TraceStore({ maxSpansPerTrace: 2 });
  store.add([span(1, 1), span(1, 2), span(1, 3)]);
  assert.deepEqual([store.stats().spans, store.stats().refused], [2, 1]);
});

test('dependencies count calls between services, not spans inside one', () => {
  const id = (n: number) => String(n).padStart(16, '0');
  const store = new TraceStore();
  store.add([span(1, 1, { service: 'a' }), span(1, 2, { service: 'a', parentId: id(1), kind: 'client' }), span(1, 3, { service: 'b', parentId: id(2) }), span(2, 1, { service: 'a' }), span(2, 2, { service: 'b', parentId: id(1) })]);
  assert.deepEqual(dependenciesOf(store.traces(), { startUs: 0, endUs: 1e9 }), [{ parent: 'a', child: 'b', callCount: 2 }]);
});
