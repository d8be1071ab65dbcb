import assert from 'node:assert/strict';
import test from 'node:test';
import { KINDS } from './kinds.ts';
import { fieldsNotInEffect, NOT_IN_EFFECT } from './not-in-effect.ts';
import type { JsonSchema } from './schema/json-schema.ts';

/** The schema of `http[].match[].port`, or undefined. */
function schemaAt(schema: JsonSchema | undefined, steps: readonly string[]): JsonSchema | undefined {
  const [step, ...rest] = steps;
  if (step === undefined || schema === undefined) return schema;
  const child = schema.properties?.[step.replace(/(\[\]|\{\})$/, '')];
  if (step.endsWith('[]')) return schemaAt(child?.items, rest);
  if (step.endsWith('{}')) return schemaAt(child?.additionalProperties, rest);
  return schemaAt(child, rest);
}

test('every entry of the table names a field that its kind has', () => {
  const wrong = Object.entries(NOT_IN_EFFECT).flatMap(([name, entries]) => {
    const kind = KINDS.find((k) => k.kind === name);
    return entries.filter(({ field }) => schemaAt(kind?.spec.json, field === '' ? [] : field.split('.')) === undefined).map(({ field }) => `${name} ${field}`);
  });
  assert.deepEqual(wrong, []);
});

test('a kind that is not applied says so of its whole spec, and an object of another kind says nothing', () => {
  assert.deepEqual(fieldsNotInEffect({ kind: 'TrafficExtension', spec: { wasm: { url: 'x' } } }).map((f) => f.path), ['spec']);
  assert.deepEqual(fieldsNotInEffect({ kind: 'Service', spec: {} }), []);
  assert.deepEqual(fieldsNotInEffect({ kind: 'TrafficExtension' }), []);
});
