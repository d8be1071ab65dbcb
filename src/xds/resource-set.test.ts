import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { DeltaDiscoveryResponseSchema } from './generated/envoy/service/discovery/v3/discovery_pb.js';
import type { Piece } from './piece.ts';
import { ResourceSet } from './resource-set.ts';
import { EncodedResource } from './resource.ts';
import { TypeUrl } from './type-urls.ts';

const resource = (name: string, content: number, origins: string[] = []) => new EncodedResource(TypeUrl.Route, name, new Uint8Array([content]), { origins });
const contents = (set: ResourceSet) => new Map([...set].map((r) => [r.name, r.version]).sort() as [string, string][]);

/** What a client that held `before` has when it was sent the difference. */
function after(before: Map<string, string>, difference: Piece): Map<string, string> {
  const response = fromBinary(DeltaDiscoveryResponseSchema, difference.message({ typeUrl: TypeUrl.Route, version: '' }, '').bytes);
  const held = new Map(before);
  for (const { name, version } of response.resources) held.set(name, version);
  for (const name of response.removedResources) held.delete(name);
  return new Map([...held].sort());
}

test('a difference leads from any set to any later one, however far apart, and says nothing that is known', () => {
  const name = fc.integer({ min: 0, max: 30 }).map((n) => `r${n}`);
  const step = fc.record({ upserts: fc.array(fc.tuple(name, fc.integer({ min: 0, max: 2 })), { maxLength: 6 }), removed: fc.array(name, { maxLength: 4 }) });
  fc.assert(fc.property(fc.array(step, { maxLength: 40 }), (steps) => {
    const sets = [ResourceSet.empty];
    const model = new Map<string, number>();
    for (const { upserts, removed } of steps) {
      for (const gone of removed) model.delete(gone);
      for (const [key, value] of upserts) model.set(key, value);
      sets.push((sets.at(-1) ?? ResourceSet.empty).with(new Map(upserts.map(([key, value]) => [key, resource(key, value)])).values(), removed));
    }
    const last = sets.at(-1) ?? ResourceSet.empty;
    assert.deepEqual(contents(last), new Map([...model].sort().map(([key, value]) => [key, resource(key, value).version])));
    assert.equal(last.size, model.size);
    for (const set of sets) {
      const difference = last.since(set);
      assert.deepEqual(after(contents(set), difference), contents(last));
      for (const { name: key, version } of difference.upserts) assert.notEqual(set.get(key)?.version, version);
    }
  }));
});

test('a set of which nothing changes stays the same object', () => {
  const set = ResourceSet.of([resource('a', 1), resource('b', 1)]);
  assert.equal(set.with([], ['c']), set);
  assert.equal(set.become([...set]), set);
  assert.notEqual(set.become([resource('a', 2)]), set);
});

test('equal content that is made from other objects takes its place, and need not be sent', () => {
  const before = ResourceSet.of([resource('a', 1, ['VirtualService x/y'])]);
  const set = before.become([resource('a', 1, ['VirtualService x/z'])]);
  assert.deepEqual([...(set.get('a')?.origins ?? [])], ['VirtualService x/z']);
  assert.ok(set.since(before).isEmpty);
});

test('sets without common history differ by their content', () => {
  const one = ResourceSet.of([resource('a', 1), resource('b', 1)]);
  const other = ResourceSet.of([resource('b', 2), resource('c', 1)]);
  const { upserts, removed } = other.since(one);
  assert.deepEqual([upserts.map((r) => r.name), removed], [['b', 'c'], ['a']]);
});

test('two changes of one set do not mix', () => {
  const set = ResourceSet.of([resource('a', 1)]);
  const left = set.with([resource('b', 1)], []);
  const right = set.with([resource('c', 1)], []);
  assert.deepEqual(right.since(left).upserts.map((r) => r.name), ['c']);
  assert.deepEqual(right.since(left).removed, ['b']);
});
