import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeQuery, encodeAnswer, RecordType, ResponseCode } from './message.ts';
import type { Query } from './message.ts';

/** A query as a resolver sends it. */
function queryBytes(name: string, type: number, opt = false): Buffer {
  const labels = name.split('.').flatMap((label) => [label.length, ...Buffer.from(label)]);
  const head = [0x12, 0x34, 0x01, 0x00, 0, 1, 0, 0, 0, 0, 0, opt ? 1 : 0];
  return Buffer.from([...head, ...labels, 0, type >> 8, type & 255, 0, 1, ...(opt ? [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0] : [])]);
}

test('a query is read with its name, type, id and the size its client can take', () => {
  const query = decodeQuery(queryBytes('web.default.svc.cluster.local', RecordType.A, true));
  assert.deepEqual(query, {
    id: 0x1234, opcode: 0, recursionDesired: true, udpSize: 4096, hasOpt: true,
    question: { name: 'web.default.svc.cluster.local', type: 1, class: 1 },
  });
});

for (const [why, bytes] of [
  ['it is empty', Buffer.alloc(0)],
  ['it is shorter than a header', Buffer.alloc(11)],
  ['it is an answer', Buffer.from([0, 1, 0x80, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 1])],
  ['its name runs past the end', Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 63, 97])],
  ['its name is a pointer', Buffer.from([0, 1, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0xc0, 0x0c, 0, 1, 0, 1])],
  ['it has no question', Buffer.from([0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0])],
] as const) {
  test(`bytes are no query when ${why}`, () => assert.equal(decodeQuery(bytes), undefined));
}

const query = (name: string, type: number = RecordType.A): Query => decodeQuery(queryBytes(name, type)) as Query;

test('an answer repeats the question and points back to its name', () => {
  const bytes = encodeAnswer(query('a.b'), { code: ResponseCode.NoError, answers: [{ name: 'a.b', ttl: 5, data: { type: 'A', address: Uint8Array.of(10, 96, 0, 1) } }], authority: [], additional: [] }, 512);
  assert.equal(bytes.toString('hex'), ['1234', '8580', '0001', '0001', '0000', '0000', '0161', '0162', '00', '0001', '0001', 'c00c', '0001', '0001', '00000005', '0004', '0a600001'].join(''));
});

test('an SRV answer names its target in full, never by a pointer', () => {
  const bytes = encodeAnswer(query('_h._tcp.w.x', RecordType.SRV), { code: ResponseCode.NoError, answers: [{ name: '_h._tcp.w.x', ttl: 5, data: { type: 'SRV', priority: 0, weight: 100, port: 80, target: 'w.x' } }], authority: [], additional: [] }, 512);
  assert.ok(bytes.toString('hex').endsWith('0000006400500177017800'));
});

test('an answer that is too long for UDP is sent empty with the truncation bit', () => {
  const answers = Array.from({ length: 60 }, (_, i) => ({ name: 'a.b', ttl: 5, data: { type: 'A' as const, address: Uint8Array.of(10, 0, 0, i) } }));
  const bytes = encodeAnswer(query('a.b'), { code: ResponseCode.NoError, answers, authority: [], additional: [] }, 512);
  assert.equal(bytes.readUInt16BE(2) & 0x0200, 0x0200);
  assert.equal(bytes.readUInt16BE(6), 0);
  assert.equal(encodeAnswer(query('a.b'), { code: ResponseCode.NoError, answers, authority: [], additional: [] }, 65_535).readUInt16BE(6), 60);
});

test('a label with a dot in it is not taken for two', () => {
  const bytes = queryBytes('axb.c', RecordType.A);
  assert.ok(decodeQuery(bytes));
  bytes[bytes.indexOf('x')] = 0x2e;
  assert.equal(decodeQuery(bytes), undefined);
});
