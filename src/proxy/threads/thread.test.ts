import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { createSlotMemory } from './shared-state.ts';
import { Thread } from './thread.ts';
import type { ThreadBeginning } from './thread-contract.ts';

/** A program that is no proxy. */
function program(t: TestContext, text: string): string {
  const dir = mkdtempSync(join(tmpdir(), 'thread-'));
  t.after(() => rmSync(dir, { recursive: true }));
  const path = join(dir, 'main.mjs');
  writeFileSync(path, text);
  return path;
}

// What the programs of these tests do not look at.
const BEGINNING = { slotMemory: createSlotMemory() } as ThreadBeginning;

const begin = (entry: string) => {
  const died = Promise.withResolvers<Error>();
  return { thread: new Thread({ entry, beginning: BEGINNING, onNews() {}, onDied: (error) => died.resolve(error) }), died: died.promise };
};

test('a thread that throws is told of, and calls to it fail', async (t) => {
  const { thread, died } = begin(program(t, `import { parentPort } from 'node:worker_threads'; parentPort.once('message', () => { throw new Error('a bug'); });`));
  await assert.rejects(thread.call('presence'), /a bug/);
  assert.match((await died).message, /a bug/);
  await assert.rejects(thread.call('presence'), /has ended/);
  await thread.close();
});

test('a thread that ends by itself is told of', async (t) => {
  const { died } = begin(program(t, 'process.exit(3);'));
  assert.match((await died).message, /ended with code 3/);
});

test('a thread that is asked to end is nobody’s failure', async (t) => {
  const { thread, died } = begin(program(t, `import { parentPort } from 'node:worker_threads'; parentPort.on('message', ({ id }) => parentPort.postMessage({ kind: 'answer', id, value: undefined }));`));
  await thread.close();
  assert.equal(await Promise.race([died, new Promise((resolve) => setImmediate(() => resolve('nobody was told')))]), 'nobody was told');
});
