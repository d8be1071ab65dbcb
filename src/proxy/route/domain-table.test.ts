import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DomainTable } from './domain-table.ts';

const host = (...domains: string[]) => ({ domains });

test('thousands of names lead to their hosts, and no other name to any', () => {
  const hosts = Array.from({ length: 3000 }, (_, i) => host(`service-${i}`, `service-${i}.default`, `Service-${i}.default.svc`));
  const table = new DomainTable(hosts);
  for (const [i, { domains }] of hosts.entries()) for (const domain of domains) assert.equal(table.claim(domain.toLowerCase(), i), undefined);
  for (let round = 0; round < 2; round++) {
    for (const own of hosts) for (const domain of own.domains) assert.equal(table.get(domain.toLowerCase()), own);
    for (let i = 3000; i < 9000; i++) assert.equal(table.get(`service-${i}`), undefined);
  }
});

test('a name that is taken stays with the host that has it', () => {
  const [first, second] = [host('a', 'b'), host('b')];
  const table = new DomainTable([first, second]);
  table.claim('a', 0);
  table.claim('b', 0);
  assert.equal(table.claim('b', 1), first);
  assert.equal(table.get('b'), first);
});

test('names of the same hash are told apart', () => {
  // FNV-1a of 32 bits is the same for both.
  const [first, second] = [host('costarring'), host('liquid')];
  const table = new DomainTable([first, second]);
  assert.equal(table.claim('costarring', 0), undefined);
  assert.equal(table.get('liquid'), undefined);
  assert.equal(table.claim('liquid', 1), undefined);
  assert.equal(table.get('costarring'), first);
  assert.equal(table.get('liquid'), second);
});
