import assert from 'node:assert/strict';
import test from 'node:test';
import { fieldsNotInEffect } from './not-in-effect.ts';
import { MESH_NOT_IN_EFFECT } from './mesh-config-not-in-effect.ts';
import { MeshConfigSchema } from './mesh-config-schema.ts';
import { ANNOTATIONS_NOT_IN_EFFECT, LABELS_NOT_IN_EFFECT, metadataNotInEffect, podWarnings } from './metadata-not-in-effect.ts';
import type { JsonSchema } from './schema/json-schema.ts';

test('every annotation and label of the tables is told of, on the kinds it is for and on no others', () => {
  for (const [place, table] of [['annotations', ANNOTATIONS_NOT_IN_EFFECT], ['labels', LABELS_NOT_IN_EFFECT]] as const) {
    for (const { key, kinds } of table) {
      for (const kind of kinds) assert.deepEqual(metadataNotInEffect(kind, { [place]: { [key]: 'x' } }).map(({ path }) => path), [`metadata.${place}[${key}]`], `${kind} ${key}`);
      assert.deepEqual(metadataNotInEffect('ConfigMap', { [place]: { [key]: 'x' } }), []);
    }
  }
});

test('a pod is warned of what it says of its proxy in vain, and of words that are none', () => {
  const warnings = podWarnings({ annotations: { 'sidecar.istio.io/bootstrapOverride': 'x', 'proxy.istio.io/config': 'statNameLength: 5\nconcurency: 2\ngatewayTopology: {numTrustedProxies: many}' }, labels: { app: 'a', 'istio.io/use-waypoint': 'w' } });
  assert.deepEqual(warnings.map((line) => line.replace(/: has no effect: .*/, ' -')), [
    'metadata.annotations[sidecar.istio.io/bootstrapOverride] -',
    'metadata.labels[istio.io/use-waypoint] -',
    'metadata.annotations[proxy.istio.io/config].concurency: unknown field "concurency", did you mean concurrency?',
    'metadata.annotations[proxy.istio.io/config].gatewayTopology.numTrustedProxies: must be an integer, not the string "many"',
    'metadata.annotations[proxy.istio.io/config].statNameLength -',
  ]);
  assert.deepEqual(podWarnings({ annotations: { 'proxy.istio.io/config': 'concurrency: 2' } }), []);
  assert.deepEqual(podWarnings({ annotations: { 'proxy.istio.io/config': 'a: b: c' } }), [], 'the injector refuses it');
});

test('every entry for the mesh configuration names a field that it has', () => {
  const has = (schema: JsonSchema | undefined, steps: readonly string[]): boolean => {
    const [step, ...rest] = steps;
    if (step === undefined) return schema !== undefined;
    const child = schema?.properties?.[step.replace('[]', '')];
    return has(step.endsWith('[]') ? child?.items : child, rest) || (child !== undefined && child.properties === undefined && child.items === undefined && !step.endsWith('[]'));
  };
  assert.deepEqual(MESH_NOT_IN_EFFECT.map(({ field }) => field).filter((field) => !has(MeshConfigSchema.json, field.split('.'))), []);
});

test('an object of the mesh says in its status what of its metadata it sets in vain', () => {
  assert.deepEqual(fieldsNotInEffect({ kind: 'ServiceEntry', spec: {} }), []);
});
