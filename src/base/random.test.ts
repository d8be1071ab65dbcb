import assert from 'node:assert/strict';
import { test } from 'node:test';
import { randomHex, randomUuid } from './random.ts';

test('ids are UUIDs of version 4, and none comes twice', () => {
  const ids = Array.from({ length: 5000 }, randomUuid);
  for (const id of ids) assert.match(id, /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  assert.equal(new Set(ids).size, ids.length);
});

test('hex has two digits for each byte, across the end of the pool too', () => {
  const texts = Array.from({ length: 2000 }, () => randomHex(16));
  for (const text of texts) assert.match(text, /^[0-9a-f]{32}$/);
  assert.equal(new Set(texts).size, texts.length);
  assert.equal(randomHex(8192).length, 16_384);
});
