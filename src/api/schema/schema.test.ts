import assert from 'node:assert/strict';
import { test } from 'node:test';
import { issueText } from '../issue.ts';
import { checkValue, nearest } from './check.ts';
import { boolean, int32, integer, list, map, nullable, object, oneOfWords, required, rule, string, type Infer } from './schema.ts';

const Colour = object(
  {
    name: required(string({ minLength: 1, maxLength: 5 })),
    shade: oneOfWords('DARK', 'LIGHT'),
    parts: object({ red: integer(0, 255), green: integer(0, 255) }),
    aliases: list(string(), { maxItems: 2 }),
    owners: list(object({ id: required(int32()) }), { key: 'id' }),
    labels: map(string({ pattern: '^[a-z]+$' }), { maxProperties: 2 }),
    flag: nullable(boolean()),
    hex: string(),
  },
  { oneOf: [['parts', 'hex']], rules: [rule('true', 'never')], docs: { hex: 'Six digits.' } },
);
type Colour = Infer<typeof Colour>;

test('the static type has required, optional and nullable fields', () => {
  const least: Colour = { name: 'red' };
  const most: Colour = { name: 'red', shade: 'DARK', parts: { red: 1 }, aliases: ['a'], owners: [{ id: 1 }], labels: { a: 'b' }, flag: null };
  // @ts-expect-error a word outside the set is no value of the type
  const wrong: Colour = { name: 'red', shade: 'PINK' };
  assert.deepEqual([least, most].map((value) => checkValue(Colour.json, value)), [[], []]);
  assert.equal(checkValue(Colour.json, wrong).length, 1);
});

test('the OpenAPI form carries requirements, documentation, rules and the exclusive group', () => {
  assert.deepEqual(Colour.json.required, ['name']);
  assert.equal(Colour.json.properties?.['hex']?.description, 'Six digits.');
  assert.deepEqual(Colour.json['x-kubernetes-validations'], [{ rule: 'true', message: 'never' }]);
  assert.deepEqual(Colour.json.oneOf, [{ not: { anyOf: [{ required: ['parts'] }, { required: ['hex'] }] } }, { required: ['parts'] }, { required: ['hex'] }]);
  assert.equal(Colour.json.properties?.['owners']?.['x-kubernetes-list-type'], 'map');
});

test('a schema that is used in two places is not changed by the documentation of one', () => {
  const shared = string();
  object({ field: shared }, { docs: { field: 'first' } });
  assert.deepEqual(shared.json, { type: 'string' });
});

const CASES: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['a missing field', {}, ['name: is required']],
  ['a required field without value', { name: null }, ['name: is required']],
  ['an optional field without value', { name: 'a', hex: null }, []],
  ['the wrong type', { name: 3 }, ['name: must be a string, not the number 3']],
  ['a list for an object', { name: 'a', parts: [] }, ['parts: must be an object, not a list']],
  ['a fraction for an integer', { name: 'a', parts: { red: 1.5 } }, ['parts.red: must be an integer, not the number 1.5']],
  ['a number below its minimum', { name: 'a', parts: { red: -1 } }, ['parts.red: must be 0 or more']],
  ['a number above its maximum', { name: 'a', parts: { red: 256 } }, ['parts.red: must be 255 or less']],
  ['an empty text', { name: '' }, ['name: must not be empty']],
  ['a text that is too long', { name: 'abcdef' }, ['name: must be at most 5 characters long']],
  ['a word outside the set', { name: 'a', shade: 'PINK' }, ['shade: must be one of DARK, LIGHT, not "PINK"']],
  ['too many items', { name: 'a', aliases: ['a', 'b', 'c'] }, ['aliases: must have at most 2 items']],
  ['a wrong item', { name: 'a', aliases: [1] }, ['aliases[0]: must be a string, not the number 1']],
  ['an item that repeats its key', { name: 'a', owners: [{ id: 1 }, { id: 1 }] }, ['owners[1].id: Duplicate value: 1 is there already']],
  ['a value of a map that does not match', { name: 'a', labels: { 'a.b': 'X' } }, ['labels[a.b]: must match ^[a-z]+$']],
  ['two fields of an exclusive group', { name: 'a', parts: {}, hex: 'f' }, ['set only one of parts, hex']],
  ['an unknown field that is a slip', { name: 'a', shad: 'DARK' }, ['shad: unknown field "shad", did you mean shade?']],
  ['an unknown field that is one level too high', { name: 'a', red: 3 }, ['red: unknown field "red", it belongs under parts']],
  ['an unknown field', { name: 'a', zebra: 1 }, ['zebra: unknown field "zebra"']],
  ['a key with the name of a method of every object', { name: 'a', constructor: 1 }, ['constructor: unknown field "constructor"']],
];
for (const [name, value, want] of CASES) test(`${name} is told with its path`, () => assert.deepEqual(checkValue(Colour.json, value).map(issueText), want));

test('the nearest word is found for slips only', () => {
  assert.equal(nearest('hsot', ['host', 'port']), undefined);
  assert.equal(nearest('hots', ['host']), undefined);
  assert.equal(nearest('trafficPolcy', ['trafficPolicy', 'host']), 'trafficPolicy');
  assert.equal(nearest('HOST', ['host']), 'host');
});
