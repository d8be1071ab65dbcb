import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
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

test('they need no descriptor: a process that has none left goes on', () => {
  const program = `
    const { openSync } = await import('node:fs');
    const { randomHex, randomUuid } = await import(${JSON.stringify(join(import.meta.dirname, 'random.ts'))});
    let fault = '';
    while (fault === '') try { openSync('/dev/null'); } catch ({ code }) { fault = code; }
    console.log(fault, randomHex(16).length, randomUuid().length);`;
  const said = execFileSync('/bin/sh', ['-c', 'ulimit -n 100; exec "$0" "$@"', process.execPath, '--no-warnings', '--input-type=module', '-e', program], { encoding: 'utf8' });
  assert.equal(said, 'EMFILE 32 36\n');
});
