import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import type { KubeObject } from '../object.ts';
import { builtinSchemas, refTo } from '../schema/builtin.ts';
import { difference, formatFields, intersection, parseFields, pathTexts, sameSet, union } from './field-set.ts';
import { FieldManagers, type Manager } from './managers.ts';
import { TypedView } from './typed.ts';

const managers = new FieldManagers(new TypedView(builtinSchemas), refTo('io.k8s.api.apps.v1.Deployment'));
const by = (manager: string, operation: 'Apply' | 'Update' = 'Apply'): Manager => ({ manager, operation, apiVersion: 'apps/v1', time: '2026-01-01T00:00:00Z' });
const deployment = (spec: object, managedFields?: unknown): KubeObject => ({ apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'd', ...(managedFields ? { managedFields } : {}) }, spec }) as KubeObject;
const spec = (object: KubeObject) => (object as { spec?: Record<string, unknown> }).spec;

function apply(live: KubeObject | undefined, config: object, manager: string, force = false) {
  return managers.apply(deployment(config), { live, by: by(manager) }, force);
}

function applied(live: KubeObject | undefined, config: object, manager: string, force = false): KubeObject {
  const result = apply(live, config, manager, force);
  assert.ok('object' in result, JSON.stringify(result));
  return { ...result.object, metadata: { ...result.object.metadata, managedFields: result.managedFields } };
}

const container = (name: string, more: object = {}) => ({ template: { spec: { containers: [{ name, ...more }] } } });

test('two appliers own what they named, and both parts stay', () => {
  const first = applied(undefined, { replicas: 1 }, 'a');
  const second = applied(first, { paused: true }, 'b');
  assert.deepEqual(spec(second), { replicas: 1, paused: true });
  assert.deepEqual(second.metadata?.managedFields?.map((m) => m.manager), ['a', 'b']);
});

test('another value for a field of somebody else is a conflict that names both', () => {
  const result = apply(applied(undefined, { replicas: 1 }, 'a'), { replicas: 2 }, 'b');
  assert.ok('conflicts' in result);
  assert.deepEqual(result.conflicts.map((c) => [c.manager.manager, c.paths]), [['a', ['.spec.replicas']]]);
});

test('the same value is shared, and force takes it', () => {
  const live = applied(undefined, { replicas: 1 }, 'a');
  assert.equal(applied(live, { replicas: 1 }, 'b').metadata?.managedFields?.length, 2);
  const forced = applied(live, { replicas: 2 }, 'b', true);
  assert.deepEqual(forced.metadata?.managedFields?.map((m) => m.manager), ['b']);
  assert.deepEqual(spec(forced), { replicas: 2 });
});

test('what an applier leaves out goes when nobody else owns it', () => {
  const live = applied(applied(undefined, { replicas: 1, paused: true, minReadySeconds: 5 }, 'a'), { paused: true }, 'b');
  assert.deepEqual(spec(applied(live, { replicas: 1 }, 'a')), { replicas: 1, paused: true });
});

test('list items belong together by their key, and go with their owner', () => {
  const first = applied(undefined, container('app', { image: 'x' }), 'a');
  const both = applied(first, container('sidecar', { image: 'y' }), 'b');
  const names = (object: KubeObject) => ((spec(object)?.['template'] as { spec: { containers: { name: string }[] } } | undefined)?.spec.containers ?? []).map((c) => c.name);
  assert.deepEqual(names(both), ['app', 'sidecar']);
  assert.deepEqual(names(applied(both, container('other', { image: 'z' }), 'b')).sort(), ['app', 'other']);
});

test('ports with the same number and another protocol are two items, and the default protocol counts', () => {
  const set = new TypedView(builtinSchemas).fieldsOf({ ports: [{ containerPort: 53 }, { containerPort: 53, protocol: 'UDP' }] }, refTo('io.k8s.api.core.v1.Container'));
  assert.deepEqual(pathTexts(set).filter((text) => text.endsWith(']')), ['.ports[containerPort=53,protocol="TCP"]', '.ports[containerPort=53,protocol="UDP"]']);
});

test('an update takes over the fields that it changes', () => {
  const live = applied(undefined, { replicas: 1, paused: true }, 'a');
  const fields = managers.afterUpdate({ live, object: { ...live, spec: { replicas: 3, paused: true } } as KubeObject, by: by('scaler', 'Update') });
  assert.deepEqual(fields?.map((m) => [m.manager, m.fieldsV1]), [['a', { 'f:spec': { 'f:paused': {} } }], ['scaler', { 'f:spec': { 'f:replicas': {} } }]]);
});

test('a selector is one value: it is replaced as a whole', () => {
  const live = applied(undefined, { selector: { matchLabels: { a: '1' } } }, 'a');
  assert.deepEqual(spec(applied(live, { selector: { matchLabels: { b: '2' } } }, 'a')), { selector: { matchLabels: { b: '2' } } });
});

const fieldsV1 = fc.letrec((tie) => ({
  node: fc.dictionary(fc.constantFrom('f:a', 'f:b', 'f:c', 'v:"x"', 'k:{"name":"n"}', '.'), tie('leafOrNode'), { maxKeys: 4 }),
  leafOrNode: fc.oneof({ depthSize: 'small' }, fc.constant({}), tie('node')),
})).node as fc.Arbitrary<object>;

test('sets of fields obey the laws of sets', () => {
  fc.assert(fc.property(fieldsV1, fieldsV1, (x, y) => {
    const [a, b] = [parseFields({ 'f:root': x }), parseFields({ 'f:root': y })];
    assert.ok(sameSet(union(difference(a, b), intersection(a, b)), a));
    assert.ok(sameSet(union(a, b), union(b, a)));
    assert.ok(sameSet(parseFields(formatFields(union(a, b))), union(a, b)));
  }));
});
