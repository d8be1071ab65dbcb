import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { create, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { Cluster_DiscoveryType, ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { ClusterStore } from './cluster-store.ts';

const assignment = (...addresses: string[]): MessageInitShape<typeof ClusterLoadAssignmentSchema> => ({
  clusterName: 'shop',
  endpoints: [{ lbEndpoints: addresses.map((address) => ({ hostIdentifier: { case: 'endpoint', value: { address: { address: { case: 'socketAddress', value: { address, portSpecifier: { case: 'portValue', value: 80 } } } } } } })) }],
});
const endpoints = (...addresses: string[]) => toBinary(ClusterLoadAssignmentSchema, create(ClusterLoadAssignmentSchema, assignment(...addresses)));
const shop = (connectSeconds = 1) => toBinary(ClusterSchema, create(ClusterSchema, { name: 'shop', connectTimeout: { seconds: BigInt(connectSeconds) }, clusterDiscoveryType: { case: 'type', value: Cluster_DiscoveryType.EDS } }));

function setUp(t: TestContext): ClusterStore {
  const store = new ClusterStore({ clock: new FakeClock(), random: () => 0, secrets: { get: () => undefined, onChange: () => () => {} } }, () => {});
  t.after(() => store.close());
  return store;
}

const addresses = (store: ClusterStore) => store.states()[0]?.hosts.map(({ address }) => address.address);

test('a cluster is made by its first call, with the endpoints that were told last', (t) => {
  const store = setUp(t);
  store.setCluster('shop', shop());
  assert.deepEqual([store.warm('shop'), store.counts], [false, { total: 1, warming: 1 }]);
  store.setEndpoints('shop', endpoints('10.0.0.1'));
  store.setEndpoints('shop', endpoints('10.0.0.2'));
  assert.deepEqual([store.warm('shop'), store.allWarm, store.calledStates()], [true, true, []]);
  assert.equal(store.get('shop')?.pick({})?.config.address.address, '10.0.0.2');
  assert.equal(store.calledStates().length, 1);
  store.setEndpoints('shop', endpoints('10.0.0.3'));
  assert.equal(store.get('shop')?.pick({})?.config.address.address, '10.0.0.3');
});

test('what nobody has called is shown as if it were at work', (t) => {
  const store = setUp(t);
  store.setCluster('shop', shop());
  store.setEndpoints('shop', endpoints('10.0.0.1'));
  assert.deepEqual(addresses(store), ['10.0.0.1']);
  assert.deepEqual(store.calledStates(), [], 'to be looked at is not to be called');
});

test('a call before the endpoints are known finds no host, and the first endpoints make the cluster warm', (t) => {
  const store = setUp(t);
  store.setCluster('shop', shop());
  assert.equal(store.get('shop')?.pick({}), undefined);
  assert.equal(store.allWarm, false);
  store.setEndpoints('shop', endpoints('10.0.0.1'));
  assert.deepEqual([store.allWarm, store.get('shop')?.pick({})?.config.address.address], [true, '10.0.0.1']);
});

test('a changed cluster takes over with the endpoints that are known, called or not', (t) => {
  for (const isCalled of [false, true]) {
    const store = setUp(t);
    store.setCluster('shop', shop(1));
    store.setEndpoints('shop', endpoints('10.0.0.1'));
    if (isCalled) store.get('shop');
    store.setCluster('shop', shop(7));
    assert.deepEqual([store.get('shop')?.settings.connectTimeoutMs, store.get('shop')?.pick({})?.config.address.address], [7000, '10.0.0.1']);
  }
});

test('a changed cluster that waits for its endpoints leaves the one before in force', (t) => {
  const store = setUp(t);
  store.setCluster('shop', shop(1));
  store.setEndpoints('shop', endpoints('10.0.0.1'));
  store.removeEndpoints('shop');
  store.setCluster('shop', shop(7));
  assert.deepEqual([store.warm('shop'), store.get('shop')?.settings.connectTimeoutMs, addresses(store)], [false, 1000, ['10.0.0.1']]);
  store.setEndpoints('shop', endpoints('10.0.0.2'));
  assert.deepEqual([store.warm('shop'), store.get('shop')?.settings.connectTimeoutMs, addresses(store)], [true, 7000, ['10.0.0.2']]);
});

test('what cannot be used is refused when it is told, and what was there stays', (t) => {
  const store = setUp(t);
  store.setCluster('shop', shop());
  store.setEndpoints('shop', endpoints('10.0.0.1'));
  assert.throws(() => store.setCluster('shop', new Uint8Array([255])));
  assert.throws(() => store.setEndpoints('shop', new Uint8Array([255])));
  assert.deepEqual(addresses(store), ['10.0.0.1']);
});
