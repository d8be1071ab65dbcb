import assert from 'node:assert/strict';
import test from 'node:test';
import { mostClients } from './descriptor-share.ts';

const limits = (soft: string): string => `Limit                     Soft Limit           Hard Limit           Units     \nMax processes             95000                95000                processes \nMax open files            ${soft.padEnd(20)} 1048576              files     \n`;

for (const [name, text, most] of [
  ['three quarters of the descriptors', limits('20000'), 15_000],
  ['no limit', limits('unlimited'), Infinity],
  ['not known', '', Infinity],
] as const) {
  test(`clients at once: ${name}`, () => assert.equal(mostClients(text), most));
}

test('of this process the limit is known', () => assert.ok(mostClients() > 0));
