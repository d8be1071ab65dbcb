import assert from 'node:assert/strict';
import { test } from 'node:test';
import { normalizePath, type PathRules } from './path.ts';

const base: PathRules = { normalize: true, mergeSlashes: false, escapedSlashes: 'keep' };
const merge: PathRules = { ...base, mergeSlashes: true };
const off: PathRules = { normalize: false, mergeSlashes: false, escapedSlashes: 'keep' };

for (const [target, rules, want] of [
  ['/a/b', base, '/a/b'],
  ['/a/../b', base, '/b'],
  ['/a/./b/', base, '/a/b/'],
  ['/a/b/..', base, '/a/'],
  ['/a/%2e%2e/b', base, '/b'],
  ['/a/%2E/b?x=/../y', base, '/a/b?x=/../y'],
  ['/%61dmin', base, '/admin'],
  ['/a%2fb', base, '/a%2Fb'],
  ['/a\\b', base, '/a/b'],
  ['/a//b', base, '/a//b'],
  ['/a//b///c', merge, '/a/b/c'],
  ['/a/..//b', merge, '/b'],
  ['/a/../b', off, '/a/../b'],
  ['*', base, '*'],
  ['/a.b/c.d', base, '/a.b/c.d'],
  ['/.hidden', base, '/.hidden'],
  ['/...', base, '/...'],
  ['/a%2fb', { ...base, escapedSlashes: 'forward' }, '/a/b'],
  ['/a%5c..%2fb', { ...base, escapedSlashes: 'forward' }, '/b'],
] as const) {
  test(`${target} becomes ${want} (${JSON.stringify(rules)})`, () => assert.deepEqual(normalizePath(target, rules), { path: want }));
}

for (const target of ['/../a', '/a/../../b', '/%00', '/a%zz', '/%']) test(`${target} is refused`, () => assert.ok('refused' in normalizePath(target, base)));

test('an escaped slash can be refused or redirected', () => {
  assert.ok('refused' in normalizePath('/a%2Fb', { ...base, escapedSlashes: 'reject' }));
  assert.deepEqual(normalizePath('/a%2Fb?q', { ...base, escapedSlashes: 'redirect' }), { redirect: '/a/b?q' });
});
