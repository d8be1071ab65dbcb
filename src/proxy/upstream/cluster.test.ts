import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { UpstreamCluster } from './cluster.ts';
import { DEFAULT_LIMITS } from './breakers.ts';
import { type HostConfig, NO_LOCALITY } from './host.ts';
import type { ClusterSettings } from './settings.ts';

const endpoint: HostConfig = { address: { address: '10.0.0.1', port: 80 }, hostname: 'own.example', weight: 1, priority: 0, locality: NO_LOCALITY, localityWeight: 0, health: 'HEALTHY', metadata: {} };
const settings: ClusterSettings = {
  name: 'c', discovery: { kind: 'static' }, endpoints: [endpoint], policy: { kind: 'random' }, panicThreshold: 50, localityWeighted: false, connectTimeoutMs: 1000, limits: DEFAULT_LIMITS, protocol: 'downstream',
  lifetime: { maxRequests: 0, idleTimeoutMs: 1000, maxAgeMs: 0, trailers: false, maxConcurrentStreams: 100 }, transport: {}, transportMatches: [], destination: { cluster: 'c' },
};
const client = (port: number) => ({ remote: { address: '10.9.9.9', port }, originalDestination: { address: '10.96.0.1', port: 80 } });
const http1 = (authority: string) => ({ protocol: 'HTTP/1.1', authority });

function setUp(t: TestContext, override: Partial<ClusterSettings> = {}) {
  const clock = new FakeClock();
  const cluster = new UpstreamCluster({ ...settings, ...override }, { clock, random: () => 0, secrets: { get: () => undefined, onChange: () => () => {} } });
  t.after(() => cluster.destroy());
  const host = cluster.pick({});
  assert.ok(host);
  return { clock, cluster, host };
}

test('requests of one protocol share connections, whoever sends them to whatever name', (t) => {
  const { cluster, host } = setUp(t);
  assert.equal(cluster.pool(host, http1('a'), client(1)), cluster.pool(host, http1('b'), client(2)));
  assert.notEqual(cluster.pool(host, http1('a')), cluster.pool(host, { protocol: 'HTTP/2', authority: 'a' }));
});

function byName(t: TestContext, name: string): UpstreamCluster {
  const discovery = { kind: 'dns', strict: true, refreshMs: 5000, family: 4 } as const;
  const cluster = new UpstreamCluster({ ...settings, discovery, endpoints: [{ ...endpoint, address: { address: name, port: 80 } }] }, { clock: new FakeClock(), random: () => 0, secrets: { get: () => undefined, onChange: () => () => {} } });
  t.after(() => cluster.destroy());
  return cluster;
}

test('who calls while the name is looked up for the first time can wait for it, each of them', async (t) => {
  const cluster = byName(t, 'localhost');
  assert.deepEqual([cluster.isLookedUp, cluster.pick({})], [true, undefined]);
  await Promise.all([0, 1].map(() => new Promise<void>((resolve) => cluster.whenWarm(resolve))));
  assert.deepEqual([cluster.isLookedUp, cluster.pick({})?.key], [false, '127.0.0.1:80']);
});

test('a name that is not found, and a cluster that ends, are waited for no longer', async (t) => {
  const lost = byName(t, 'not a name');
  await new Promise<void>((resolve) => lost.whenWarm(resolve));
  assert.deepEqual([lost.isLookedUp, lost.pick({})], [false, undefined]);
  const gone = byName(t, 'localhost');
  const told = new Promise<void>((resolve) => gone.whenWarm(resolve));
  gone.close();
  await told;
  assert.equal(gone.isLookedUp, false);
});

test('when the server is asked for by the request’s host, each name has its own connections', (t) => {
  const { cluster, host } = setUp(t, { serverName: { verify: true } });
  assert.notEqual(cluster.pool(host, http1('a')), cluster.pool(host, http1('b')));
  assert.equal(cluster.pool(host, http1('a:80')), cluster.pool(host, http1('a:81')));
});

const names: readonly [authority: string, serverName: string | undefined, verifyName: string][] = [
  ['a.example', 'a.example', 'a.example'],
  ['a.example:8443', 'a.example', 'a.example'],
  ['10.0.0.9:443', undefined, '10.0.0.9'],
  ['[2001:db8::1]:443', undefined, '2001:db8::1'],
];
for (const [authority, serverName, verifyName] of names) {
  test(`a request to ${authority} asks for ${serverName ?? 'no name'} and demands ${verifyName}`, (t) => {
    const { cluster, host } = setUp(t, { serverName: { verify: true } });
    const bare = authority.replace(/:\d+$/, '').replace(/^\[(.*)\]$/, '$1');
    const target = cluster.connectTarget(host, bare);
    assert.deepEqual([target.serverName, target.verifyName, target.sni], [serverName, verifyName, 'own.example']);
  });
}

test('a server that is told who calls has connections per client', (t) => {
  const { cluster, host } = setUp(t, { transport: { announce: 'V1' } });
  assert.notEqual(cluster.pool(host, http1('a'), client(1)), cluster.pool(host, http1('a'), client(2)));
  assert.equal(cluster.pool(host, http1('a'), client(1)), cluster.pool(host, http1('b'), client(1)));
});

test('pools without connections are forgotten', async (t) => {
  const { clock, cluster, host } = setUp(t, { serverName: { verify: false } });
  for (let i = 0; i < 100; i++) cluster.pool(host, http1(`host-${i}`));
  assert.equal(host.pools.size, 100);
  await clock.advance(5000);
  assert.equal(host.pools.size, 0);
});
