import assert from 'node:assert/strict';
import { test } from 'node:test';
import { expand } from './expansion.ts';

const values: Readonly<Record<string, string>> = { A: 'one', B: '$(A)', EMPTY: '' };

for (const [text, want] of [
  ['$(A)', 'one'], ['x$(A)y$(A)', 'xoneyone'], ['$(B)', '$(A)'], ['$(EMPTY)', ''], ['$(NOPE)', '$(NOPE)'], ['$$(A)', '$(A)'], ['$$$(A)', '$one'],
  ['$A', '$A'], ['$', '$'], ['a$', 'a$'], ['$(', '$('], ['$(A', '$(A'], ['$()', '$()'], ['', ''],
] as const) {
  test(`${text || 'nothing'} becomes ${want || 'nothing'}`, () => assert.equal(expand(text, (name) => values[name]), want));
}
