import assert from 'node:assert/strict';
import test from 'node:test';
import { decodeNameTable, encodeNameTable, type NameTable } from './name-table.ts';

const TABLE: NameTable = new Map([
  ['reviews.default.svc.cluster.local', { ips: ['10.96.0.7'], registry: 'Kubernetes', shortName: 'reviews', namespace: 'default' }],
  ['api.example.com', { ips: ['240.240.1.2', '2001:2::f0f0:102'], registry: 'External', shortName: '', namespace: 'shop' }],
]);

test('a table is read as it was written', () => assert.deepEqual(decodeNameTable(encodeNameTable(TABLE)), TABLE));

test('the bytes are those of the message that Istio defines', () => {
  const one = encodeNameTable(new Map([['a', { ips: ['1.2.3.4'], registry: 'Kubernetes', shortName: 's', namespace: 'n' }]]));
  const info = [0x0a, 7, ...Buffer.from('1.2.3.4'), 0x12, 10, ...Buffer.from('Kubernetes'), 0x1a, 1, 0x73, 0x22, 1, 0x6e];
  assert.deepEqual([...one], [0x0a, info.length + 5, 0x0a, 1, 0x61, 0x12, info.length, ...info]);
});

test('fields of later versions are skipped', () => {
  const more = Buffer.concat([encodeNameTable(TABLE), Buffer.from([0x10, 5, 0x1a, 2, 0x61, 0x62])]);
  assert.deepEqual(decodeNameTable(more), TABLE);
});

test('half a message is an error', () => {
  const bytes = encodeNameTable(TABLE);
  assert.throws(() => decodeNameTable(bytes.subarray(0, bytes.length - 3)));
});
