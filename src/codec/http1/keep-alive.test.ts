import assert from 'node:assert/strict';
import test from 'node:test';
import { keepAliveMs } from './keep-alive.ts';

for (const [field, want] of [
  ['timeout=5', 5000], ['timeout=5, max=100', 5000], ['max=100,timeout=20', 20_000], ['Timeout=3', 3000], ['timeout=0', Infinity], ['max=5', Infinity], ['mytimeout=5', Infinity], ['', Infinity], [undefined, Infinity],
] as const) test(`Keep-Alive ${JSON.stringify(field)} allows ${want} ms`, () => assert.equal(keepAliveMs(field), want));
