import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Schema } from '../../../kube/schema/schema.ts';
import { CelRules } from './cel.ts';
import { applyDefaults, decodeCustom } from './structural.ts';
import { validateSchema } from './validate.ts';
import { fieldErrorText } from '../status.ts';

for (const [name, value, schema, want] of [
  ['a wrong type', { spec: { n: 'x' } }, { properties: { spec: { type: 'object', properties: { n: { type: 'integer' } } } } }, ['spec.n: Invalid value: "string": spec.n in body must be of type integer: "string"']],
  ['a missing field', {}, { required: ['spec'] }, ['spec: Required value']],
  ['a value outside an enum', { a: 'z' }, { properties: { a: { type: 'string', enum: ['x', 'y'] } } }, ['a: Unsupported value: "z": supported values: "x", "y"']],
  ['a pattern', { a: 'z' }, { properties: { a: { type: 'string', pattern: '^x+$' } } }, [`a: Invalid value: "z": a in body should match '^x+$'`]],
  ['a minimum', { a: 0 }, { properties: { a: { type: 'integer', minimum: 1 } } }, ['a: Invalid value: 0: a in body should be greater than or equal to 1']],
  ['too many items', { a: [1, 2] }, { properties: { a: { type: 'array', maxItems: 1, items: { type: 'integer' } } } }, ['a: Too many: 2: must have at most 1 items']],
  ['a duplicate in a set', { a: ['x', 'x'] }, { properties: { a: { type: 'array', 'x-kubernetes-list-type': 'set', items: { type: 'string' } } } }, ['a[1]: Duplicate value: "x"']],
  ['two alternatives at once', { a: 1, b: 1 }, { oneOf: [{ required: ['a'] }, { required: ['b'] }] }, ['<nil>: Invalid value: "": "" must validate one and only one schema (oneOf). Found 2 valid alternatives']],
  ['an int or string that is neither', { a: true }, { properties: { a: { 'x-kubernetes-int-or-string': true } } }, ['a: Invalid value: "boolean": a in body must be of type integer,string: "boolean"']],
  ['nothing, when all is well', { a: 1, b: null }, { properties: { a: { type: 'integer' }, b: { type: 'string', nullable: true } } }, []],
] as const) {
  test(`schema validation reports ${name}`, () => assert.deepEqual(validateSchema(value, { type: 'object', ...schema } as unknown as Schema).map(fieldErrorText), want));
}

const PRUNED: Schema = {
  type: 'object',
  properties: { spec: { type: 'object', properties: {
    known: { type: 'string', default: 'd' }, open: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true, properties: { inner: { type: 'object', properties: { a: { type: 'string' } } } } },
    map: { type: 'object', additionalProperties: { type: 'object', properties: { x: { type: 'integer', default: 7 } } } },
  } } },
};

test('fields that the schema does not name are pruned, except where it says so', () => {
  const { value, unknown } = decodeCustom({ apiVersion: 'e/v1', kind: 'K', metadata: { name: 'n', foo: 1 }, spec: { bad: 1, open: { any: 1, inner: { a: 'x', b: 1 } }, map: { k: { y: 1 } } } }, PRUNED);
  assert.deepEqual(value['spec'], { open: { any: 1, inner: { a: 'x' } }, map: { k: {} } });
  assert.deepEqual(unknown, ['spec.bad', 'spec.open.inner.b', 'spec.map.k.y', 'metadata.foo']);
});

test('defaults fill what is absent or null, inside maps too', () => {
  const value = { spec: { known: null, map: { k: {} } } };
  applyDefaults(value, PRUNED);
  assert.deepEqual(value, { spec: { known: 'd', map: { k: { x: 7 } } } });
});

const ruled = (rule: string, more: object = {}, properties: Record<string, Schema> = {}): Schema => ({ type: 'object', properties, 'x-kubernetes-validations': [{ rule, ...more }] });
const check = (value: unknown, schema: Schema, old?: unknown) => new CelRules().validate(value, schema, { path: 'spec', old }).map(fieldErrorText);

for (const [name, errors, want] of [
  ['a rule that holds says nothing', check({ a: 1 }, ruled('self.a == 1', {}, { a: { type: 'integer' } })), []],
  ['a rule that fails gives its message', check({ a: 2 }, ruled('self.a == 1', { message: 'must be one' }, { a: { type: 'integer' } })), ['spec: Invalid value: "object": must be one']],
  ['without a message the rule is named', check({}, ruled('has(self.a)')), ['spec: Invalid value: "object": failed rule: has(self.a)']],
  ['a message can be computed', check({ a: 2 }, ruled('self.a < 2', { messageExpression: "'a is ' + string(self.a)" }, { a: { type: 'integer' } })), ['spec: Invalid value: "object": a is 2']],
  ['reserved names are escaped', check({ namespace: 'x', 'a-b': 1 }, ruled("self.__namespace__ == 'x' && self.a__dash__b == 1", {}, { namespace: { type: 'string' }, 'a-b': { type: 'integer' } })), []],
  ['a rule about a change waits for one', check({ a: 2 }, ruled('self.a == oldSelf.a', {}, { a: { type: 'integer' } })), []],
  ['a rule about a change sees the old value', check({ a: 2 }, ruled('self.a == oldSelf.a', { fieldPath: '.a' }, { a: { type: 'integer' } }), { a: 1 }), ['spec.a: Invalid value: "object": failed rule: self.a == oldSelf.a']],
  ['durations compare', check({ t: '5s' }, ruled("duration(self.t) >= duration('1ms')", {}, { t: { type: 'string' } })), []],
  ['addresses of URLs can be read', check({ u: 'https://h:1/p' }, ruled("isURL(self.u) && url(self.u).getScheme() == 'https' && url(self.u).getPort() == '1'", {}, { u: { type: 'string' } })), []],
  ['quantities compare', check({ q: '1Gi' }, ruled("quantity(self.q).isGreaterThan(quantity('512Mi'))", {}, { q: { type: 'string' } })), []],
  ['rules of items name the item', check([{ n: 1 }, { n: 9 }], { type: 'array', items: ruled('self.n < 5', { message: 'big' }, { n: { type: 'integer' } }) }), ['spec[1]: Invalid value: "object": big']],
] as const) {
  test(`CEL: ${name}`, () => assert.deepEqual(errors, want));
}

test('a rule that cannot be understood is found', () => {
  assert.deepEqual(new CelRules().problems(ruled('self.(')).map((p) => p.rule), ['self.(']);
});
