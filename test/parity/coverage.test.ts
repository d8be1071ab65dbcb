import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { coveredFields, plainName, readFields } from './coverage.ts';
import { DIFFERENCES } from './differences.ts';
import { GROUP_COVERS } from './group-fields.ts';
import { SCENARIOS } from './scenarios.ts';
import { UNCOVERED } from './uncovered.ts';

const FILE = '../shared/design/FEATURES.md';
const skip = existsSync(FILE) ? false : `${FILE} is not here`;

test('every core and common field of the traffic API has a scenario, a row of group-fields.ts, or a reason why not', { skip }, () => {
  const covered = new Set([...coveredFields(SCENARIOS), ...coveredFields(GROUP_COVERS)].map(plainName));
  const wanted = readFields(FILE).filter(({ mark }) => mark !== 'rare').map(({ name }) => name);
  assert.ok(wanted.length > 200, 'the tables can be read');
  assert.deepEqual(wanted.filter((field) => !covered.has(plainName(field)) && UNCOVERED[field] === undefined), []);
  assert.deepEqual(Object.keys(UNCOVERED).filter((field) => covered.has(plainName(field))), [], 'these are covered now: take them off the list');
  assert.deepEqual(Object.keys(UNCOVERED).filter((field) => !wanted.includes(field)), [], 'these are no fields');
});

test('scenarios cover fields that there are', { skip }, () => {
  const known = new Set(readFields(FILE).map(({ name }) => plainName(name)));
  const wrong = SCENARIOS.flatMap((scenario) => (scenario.covers ?? []).filter((field) => !known.has(plainName(field))).map((field) => `${scenario.name}: ${field}`));
  assert.deepEqual(wrong, []);
});

test('scenarios have names of their own, and differences are of scenarios', () => {
  const names = SCENARIOS.map(({ name }) => name);
  assert.deepEqual(names.filter((name, i) => names.indexOf(name) !== i), []);
  assert.deepEqual(Object.keys(DIFFERENCES).filter((name) => !names.includes(name)), []);
});
