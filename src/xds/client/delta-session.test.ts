import assert from 'node:assert/strict';
import { test } from 'node:test';
import { DeltaSession } from './delta-session.ts';
import type { DeltaResponse } from './delta-session.ts';

const CDS = 'cluster';
const EDS = 'endpoints';
const value = new Uint8Array();
const response = (typeUrl: string, resources: Record<string, string>, more: { removed?: string[]; nonce?: string } = {}): DeltaResponse => ({
  typeUrl,
  nonce: more.nonce ?? 'n1',
  resources: Object.entries(resources).map(([name, version]) => ({ name, version, value })),
  removed: more.removed ?? [],
});

test('a stream opens with a wildcard for whole types and names for the others', () => {
  const session = new DeltaSession();
  session.subscribeAll(CDS);
  session.setNames(EDS, new Set(['a', 'b']));
  const base = { unsubscribe: [], initialVersions: {}, nonce: '' };
  assert.deepEqual(session.open(), [{ ...base, typeUrl: CDS, subscribe: ['*'] }, { ...base, typeUrl: EDS, subscribe: ['a', 'b'] }]);
});

test('a type without names is not asked for, since an empty list would be a wildcard', () => {
  const session = new DeltaSession();
  session.setNames(EDS, new Set());
  assert.deepEqual(session.open(), []);
  assert.equal(session.setNames(EDS, new Set()), undefined);
  assert.deepEqual(session.setNames(EDS, new Set(['a']))?.subscribe, ['a']);
});

test('only the difference of names is sent, and nothing when there is none', () => {
  const session = new DeltaSession();
  session.setNames(EDS, new Set(['a', 'b']));
  session.open();
  assert.deepEqual(session.setNames(EDS, new Set(['b', 'c'])), { typeUrl: EDS, subscribe: ['c'], unsubscribe: ['a'], initialVersions: {}, nonce: '' });
  assert.equal(session.setNames(EDS, new Set(['b', 'c'])), undefined);
  assert.deepEqual(session.setNames(EDS, new Set()), { typeUrl: EDS, subscribe: [], unsubscribe: ['b', 'c'], initialVersions: {}, nonce: '' });
});

test('a refused resource is a NACK with its name and keeps the version in force', () => {
  const session = new DeltaSession();
  session.subscribeAll(CDS);
  session.open();
  assert.equal(session.acknowledge(response(CDS, { a: '1', b: '1' }), []).error, undefined);
  const nack = session.acknowledge(response(CDS, { a: '2', b: '2' }, { nonce: 'n2' }), [{ name: 'b', message: 'bad port' }]);
  assert.deepEqual([nack.nonce, nack.error], ['n2', 'b: bad port']);
  assert.deepEqual([session.version(CDS, 'a'), session.version(CDS, 'b')], ['2', '1']);
});

test('a new stream tells the versions held, so that only changes are sent again', () => {
  const session = new DeltaSession();
  session.subscribeAll(CDS);
  session.open();
  session.acknowledge(response(CDS, { a: '1', b: '7' }), []);
  session.acknowledge(response(CDS, {}, { removed: ['a'] }), []);
  session.closed();
  assert.deepEqual(session.open()[0]?.initialVersions, { b: '7' });
});

test('interest that changes while disconnected is part of the next opening', () => {
  const session = new DeltaSession();
  session.setNames(EDS, new Set(['a']));
  session.open();
  session.acknowledge(response(EDS, { a: '1' }), []);
  session.closed();
  assert.equal(session.setNames(EDS, new Set(['b'])), undefined);
  assert.deepEqual(session.open(), [{ typeUrl: EDS, subscribe: ['b'], unsubscribe: [], initialVersions: {}, nonce: '' }]);
});

test('a resource that was unsubscribed while it was under way is not applied and not remembered, yet acknowledged', () => {
  const session = new DeltaSession();
  session.setNames(EDS, new Set(['a']));
  session.open();
  session.setNames(EDS, new Set());
  const late = response(EDS, { a: '1' });
  assert.deepEqual(session.receive(late).upserted, []);
  assert.equal(session.acknowledge(late, []).nonce, 'n1');
  assert.equal(session.version(EDS, 'a'), undefined);
});

test('a name that was removed and wanted again is asked for without a version', () => {
  const session = new DeltaSession();
  session.setNames(EDS, new Set(['a']));
  session.open();
  session.acknowledge(response(EDS, { a: '1' }), []);
  session.setNames(EDS, new Set());
  session.setNames(EDS, new Set(['a']));
  session.closed();
  assert.deepEqual(session.open()[0]?.initialVersions, {});
});

test('one resource of a type that the stream knows can be asked for again', () => {
  const session = new DeltaSession();
  session.subscribeAll(CDS);
  assert.equal(session.askAgain(CDS, 'a'), undefined, 'a new stream brings it anyway');
  session.open();
  assert.deepEqual(session.askAgain(CDS, 'a'), { typeUrl: CDS, subscribe: ['a'], unsubscribe: [], initialVersions: {}, nonce: '' });
  assert.equal(session.askAgain(EDS, 'a'), undefined);
});
