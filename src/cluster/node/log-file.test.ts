import assert from 'node:assert/strict';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { TestContext } from 'node:test';
import { text } from 'node:stream/consumers';
import { FakeClock } from '../../testkit/fake-clock.ts';
import type { LogOptions } from '../apiserver/pod-streams.ts';
import { LogFile } from './log-file.ts';
import { readLog } from './log-reader.ts';

const START = Date.UTC(2026, 0, 1);

function makeLog(t: TestContext) {
  const folder = mkdtempSync(join(tmpdir(), 'lateen-log-'));
  t.after(() => rmSync(folder, { recursive: true }));
  const clock = new FakeClock(START);
  const log = new LogFile(join(folder, '0.log'), clock);
  t.after(() => log.close());
  const read = (options: Partial<LogOptions> = {}, signal = new AbortController().signal) =>
    readLog({ path: log.path, olderPath: log.olderPath, live: log }, { follow: false, previous: false, timestamps: false, ...options }, { signal, nowMs: clock.now() });
  return { log, clock, read };
}

test('lines are kept with time and stream, whole, however they arrive', async (t) => {
  const { log, read } = makeLog(t);
  log.write('stdout', Buffer.from('one\ntw'));
  log.write('stderr', Buffer.from('err\n'));
  log.write('stdout', Buffer.from('o\nrest'));
  log.close();
  assert.equal(readFileSync(log.path, 'utf8').split('\n')[0], '2026-01-01T00:00:00.000000000Z stdout F one');
  assert.equal(await text(read()), 'one\nerr\ntwo\nrest\n');
});

test('a line of 40 KiB is kept in parts and read as one', async (t) => {
  const { log, read } = makeLog(t);
  const line = 'x'.repeat(40 * 1024);
  log.write('stdout', Buffer.from(`${line}\nnext\n`));
  assert.deepEqual(readFileSync(log.path, 'utf8').trim().split('\n').map((l) => l.split(' ')[2]), ['P', 'P', 'F', 'F']);
  assert.equal(await text(read()), `${line}\nnext\n`);
});

for (const [why, options, want] of [
  ['the last lines', { tailLines: 2 }, 'c\nd\n'],
  ['no lines', { tailLines: 0 }, ''],
  ['more lines than there are', { tailLines: 9 }, 'a\nb\nc\nd\n'],
  ['what is younger than two seconds', { sinceSeconds: 2 }, 'c\nd\n'],
  ['what came since a time', { sinceTime: '2026-01-01T00:00:03Z' }, 'd\n'],
  ['the last of what is young', { sinceSeconds: 2, tailLines: 1 }, 'd\n'],
  ['so many bytes', { limitBytes: 3 }, 'a\nb'],
  ['lines with their time', { tailLines: 1, timestamps: true }, '2026-01-01T00:00:03.000000000Z d\n'],
] as const) {
  test(`reading gives ${why}`, async (t) => {
    const { log, clock, read } = makeLog(t);
    for (const line of ['a', 'b', 'c', 'd']) {
      log.write('stdout', Buffer.from(`${line}\n`));
      if (line !== 'd') await clock.advance(1000);
    }
    await clock.advance(1000);
    assert.equal(await text(read(options)), want);
  });
}

test('following goes on until the container ends', async (t) => {
  const { log, read } = makeLog(t);
  log.write('stdout', Buffer.from('first\n'));
  const all = text(read({ follow: true }));
  setImmediate(() => {
    log.write('stdout', Buffer.from('second\n'));
    setImmediate(() => log.close());
  });
  assert.equal(await all, 'first\nsecond\n');
});

test('a log that is too long turns over once and keeps the older part', async (t) => {
  const { log, read } = makeLog(t);
  const line = `${'y'.repeat(1000)}\n`;
  for (let i = 0; i < 11_000; i++) log.write('stdout', Buffer.from(line));
  log.write('stdout', Buffer.from('last\n'));
  assert.equal(log.generation, 1);
  const all = await text(read());
  assert.equal(all.split('\n').length, 11_002);
  assert.ok(all.endsWith('last\n'));
});
