import assert from 'node:assert/strict';
import test from 'node:test';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { VirtualHostSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import { RouteStore } from './route-store.ts';

type HostInit = MessageInitShape<typeof VirtualHostSchema>;

const host = (name: string, ...domains: string[]): HostInit => ({ name, domains, routes: [{ match: { pathSpecifier: { case: 'prefix', value: '/' } }, action: { case: 'directResponse', value: { status: 200 } } }] });
const hostBytes = (name: string, ...domains: string[]) => toBinary(VirtualHostSchema, create(VirtualHostSchema, host(name, ...domains)));
const apart = toBinary(RouteConfigurationSchema, create(RouteConfigurationSchema, { name: '80', vhds: { configSource: { configSourceSpecifier: { case: 'ads', value: {} } } }, virtualHosts: [host('rest', '*')] }));

const start = () => new RouteStore({ perFilter: () => undefined, random: () => 0 });
const found = (store: RouteStore, authority: string) => store.get('80')?.find(authority)?.name;

test('routes whose hosts come one by one are there when the hosts have been heard of', () => {
  const store = start();
  store.set('80', apart);
  assert.equal(store.get('80'), undefined, 'without its hosts it would lead to the wrong place');
  store.setHost('80/a', hostBytes('a', 'a.example'));
  store.hasHosts = true;
  assert.deepEqual([found(store, 'a.example'), found(store, 'b.example')], ['a', 'rest']);
  store.setHost('80/b', hostBytes('b', 'b.example'));
  assert.equal(found(store, 'b.example'), 'b');
  store.removeHost('80/b');
  assert.equal(found(store, 'b.example'), 'rest');
});

test('hosts may come before their routes, and belong to them alone', () => {
  const store = start();
  store.hasHosts = true;
  store.setHost('80/a', hostBytes('a', 'a.example'));
  store.setHost('81/c', hostBytes('c', 'c.example'));
  store.set('80', apart);
  assert.deepEqual([found(store, 'a.example'), found(store, 'c.example')], ['a', 'rest']);
});

test('a name that changes hands may be claimed twice for a moment', () => {
  const store = start();
  store.hasHosts = true;
  store.set('80', apart);
  store.setHost('80/a', hostBytes('a', 'x.example'));
  store.setHost('80/b', hostBytes('b', 'x.example'));
  assert.equal(found(store, 'x.example'), 'a');
  store.setHost('80/a', hostBytes('a', 'y.example'));
  assert.deepEqual([found(store, 'x.example'), found(store, 'y.example')], ['b', 'a']);
});

test('a host that cannot be used is refused, and the one before stays', () => {
  const store = start();
  store.hasHosts = true;
  store.set('80', apart);
  store.setHost('80/a', hostBytes('a', 'a.example'));
  assert.throws(() => store.setHost('80/a', new Uint8Array([255])));
  assert.equal(found(store, 'a.example'), 'a');
});
