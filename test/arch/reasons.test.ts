/** docs/access-log.md is where people look a reason up: it has every one that our proxy gives, and no other of its own. */
import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import test from 'node:test';

const sources = globSync('src/{codec,proxy}/**/*.ts', { exclude: (name) => name.includes('testkit') || name.includes('generated') }).filter((file) => !/test|fixture/.test(file)).map((file) => readFileSync(file, 'utf8'));
/** Lines that say why something was refused; comments are none. */
const saying = sources.flatMap((text) => text.split('\n')).filter((line) => /details|bad\(|refused:|replyLate|#refuse\(/.test(line) && !/^\s*(?:\/?\*|\/\/)/.test(line));
const given = new Set(saying.flatMap((line) => [...line.matchAll(/(['`])([a-z][a-z0-9]*[_.][a-z0-9_.]+)/g)].map(([, , reason]) => reason ?? '')));
const told = new Set([...readFileSync('docs/access-log.md', 'utf8').matchAll(/`([a-z][a-z0-9]*[_.][a-z0-9_.]+)[^`]*`/g)].map(([, reason]) => reason ?? ''));
/** What stands in backquotes there and is no reason. */
const FIELDS = ['route_object', 'host_object', 'cluster_object'];

test('every reason that the proxy gives stands in the table', () => {
  assert.ok(given.size > 30, [...given].join());
  assert.deepEqual([...given].filter((reason) => !told.has(reason)), []);
});

test('every reason of the table is given', () => {
  assert.deepEqual([...told].filter((reason) => !FIELDS.includes(reason) && !sources.some((text) => text.includes(reason))), []);
});
