import assert from 'node:assert/strict';
import { test } from 'node:test';
import { silentLog } from '../../base/log.ts';
import { createSandboxPool } from './sandboxes.ts';

test('networks are made ahead, each is given out once, and the pool fills up again', async () => {
  const scripts: string[] = [];
  const pool = createSandboxPool({ log: silentLog, spare: 4, run: async (_argv, input = '') => (scripts.push(input), '') });
  await pool.start();
  const made = scripts.length;
  const taken = await Promise.all([pool.take(), pool.take(), pool.take(), pool.take(), pool.take()]);
  assert.equal(new Set(taken.map((s) => s.ip)).size, 5);
  assert.ok(scripts.length > made);
  await pool.close();
});

test('what cannot be made is said to who asked, and its address is free again', async () => {
  let broken = true;
  const pool = createSandboxPool({
    log: silentLog, spare: 0,
    run: async (_argv, input = '') => {
      if (broken && input.includes('netns add')) throw new Error('no more namespaces');
      return '';
    },
  });
  await assert.rejects(pool.take(), /no more namespaces/);
  broken = false;
  assert.equal((await pool.take()).netPath.startsWith('/run/netns/pod'), true);
});

test('a network that was let go is removed', async () => {
  const scripts: string[] = [];
  const pool = createSandboxPool({ log: silentLog, spare: 0, run: async (_argv, input = '') => (scripts.push(input), '') });
  const sandbox = await pool.take();
  await pool.release(sandbox);
  assert.match(scripts.at(-1) ?? '', new RegExp(`netns del pod${sandbox.number}`));
});
