import assert from 'node:assert/strict';
import test from 'node:test';
import { Refusals } from './refusals.ts';
import { EncodedResource } from './resource.ts';
import { TypeUrl } from './type-urls.ts';

const resource = (name: string, version = 1) => new EncodedResource(TypeUrl.Cluster, name, Uint8Array.from([version]));
const names = (refusals: Refusals) => [...refusals.all].map((r) => `${r.resource.name}: ${r.message}`);

test('a refusal is about the resources that its text names, or about all that were sent', () => {
  const refusals = new Refusals();
  refusals.sent([resource('a-cluster'), resource('b-cluster')]);
  assert.equal(refusals.isAnswered, false);
  refusals.nacked('b-cluster: no');
  assert.deepEqual([refusals.isAnswered, names(refusals)], [true, ['b-cluster: b-cluster: no']]);
  refusals.sent([resource('c-cluster'), resource('d-cluster')]);
  refusals.nacked('no');
  assert.deepEqual(names(refusals), ['b-cluster: b-cluster: no', 'c-cluster: no', 'd-cluster: no']);
});

test('what was refused stays refused until it has been sent anew and taken, or is taken away', () => {
  const refusals = new Refusals();
  refusals.sent([resource('a'), resource('b')]);
  refusals.nacked('no');
  refusals.sent([resource('c')]);
  refusals.acked();
  assert.deepEqual(names(refusals), ['a: no', 'b: no'], 'another resource was taken');
  refusals.sent([resource('a', 2)]);
  refusals.acked();
  assert.deepEqual(names(refusals), ['b: no']);
  refusals.sent([], ['b']);
  assert.deepEqual(names(refusals), []);
});
