import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatIdentity, parseIdentity, parseSpiffeId } from './spiffe.ts';
import { splitAltNames } from './certificate.ts';

for (const [uri, want] of [
  ['spiffe://cluster.local/ns/default/sa/web', { trustDomain: 'cluster.local', namespace: 'default', serviceAccount: 'web' }],
  ['spiffe://cluster.local/ns/default/sa/web/x', undefined],
  ['spiffe://cluster.local/ns/../sa/web', undefined],
  ['spiffe://cluster.local/ns//sa/web', undefined],
  ['spiffe://Cluster.local/ns/a/sa/web', undefined],
  ['https://cluster.local/ns/a/sa/web', undefined],
] as const) test(`the workload identity of ${uri} is ${want ? 'read' : 'refused'}`, () => assert.deepEqual(parseIdentity(uri), want));

test('an identity survives formatting and parsing', () => {
  const id = { trustDomain: 'td', namespace: 'a', serviceAccount: 'b' };
  assert.deepEqual(parseIdentity(formatIdentity(id)), id);
});

test('a SPIFFE ID may have any path or none', () => {
  assert.deepEqual(parseSpiffeId('spiffe://td'), { trustDomain: 'td', path: '' });
  assert.deepEqual(parseSpiffeId('spiffe://td/vm/7'), { trustDomain: 'td', path: '/vm/7' });
  assert.equal(parseSpiffeId('spiffe://td/a/'), undefined);
});

test('alternative names with commas inside are kept whole', () => {
  assert.deepEqual(splitAltNames('DNS:a, URI:"spiffe://td/a, URI:b", IP Address:1.2.3.4'), ['DNS:a', 'URI:spiffe://td/a, URI:b', 'IP Address:1.2.3.4']);
});
