import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nextTime, parseSchedule } from './schedule.ts';

for (const [text, after, zone, want] of [
  ['*/5 * * * *', '2026-01-01T00:02:30Z', 'UTC', '2026-01-01T00:05:00Z'],
  ['0 9-17/4 * * MON-FRI', '2026-01-02T17:30:00Z', 'UTC', '2026-01-05T09:00:00Z'],
  ['30 6 1,15 * *', '2026-01-02T00:00:00Z', 'UTC', '2026-01-15T06:30:00Z'],
  ['0 0 13 * FRI', '2026-02-01T00:00:00Z', 'UTC', '2026-02-06T00:00:00Z'],
  ['@monthly', '2026-01-31T23:59:59Z', 'UTC', '2026-02-01T00:00:00Z'],
  ['0 0 29 FEB *', '2026-01-01T00:00:00Z', 'UTC', '2028-02-29T00:00:00Z'],
  ['0 8 * * 7', '2026-01-01T00:00:00Z', 'UTC', '2026-01-04T08:00:00Z'],
  ['0 9 * * *', '2026-07-01T00:00:00Z', 'Europe/Berlin', '2026-07-01T07:00:00Z'],
] as const) {
  test(`${text} after ${after} in ${zone} is ${want}`, () => {
    const schedule = parseSchedule(text);
    assert.ok(schedule);
    const next = nextTime(schedule, Date.parse(after), zone);
    assert.equal(next && new Date(next).toISOString(), new Date(want).toISOString());
  });
}

for (const text of ['', '* * * *', '60 * * * *', '* 24 * * *', '5-1 * * * *', '*/0 * * * *', '@never', 'a b c d e']) {
  test(`"${text}" is no schedule`, () => assert.equal(parseSchedule(text), undefined));
}

test('a day that never comes has no next time', () => {
  const schedule = parseSchedule('0 0 30 2 *');
  assert.ok(schedule);
  assert.equal(nextTime(schedule, 0), undefined);
});
