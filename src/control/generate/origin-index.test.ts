import assert from 'node:assert/strict';
import test from 'node:test';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { eventually } from '../../testkit/eventually.ts';
import { EncodedResource } from '../../xds/resource.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { OriginIndex } from './origin-index.ts';

setFlagsFromString('--expose-gc');
// The flag makes it be there.
const collect = runInNewContext('gc') as () => void;

const WEB = 'VirtualService default/web';
const route = (name: string, version: number) => new EncodedResource(TypeUrl.Route, name, Uint8Array.from([version]), { origins: [WEB] });

test('names go with the last resource that bears them', async () => {
  const index = new OriginIndex();
  const held = new Map<string, EncodedResource>();
  const add = (name: string, version: number, isKept = false) => {
    const resource = route(name, version);
    index.add(resource);
    if (isKept) held.set(name, resource);
  };
  add('80', 0, true);
  for (let i = 1; i <= 100; i++) {
    add('80', i);
    add(`${1000 + i}`, i);
  }
  assert.equal(index.get(WEB).get(TypeUrl.Route)?.size, 101);
  await eventually(() => {
    collect();
    assert.deepEqual([...(index.get(WEB).get(TypeUrl.Route) ?? [])], ['80']);
  });
  assert.ok(held.delete('80'));
  await eventually(() => {
    collect();
    assert.equal(index.size, 0);
  });
});
