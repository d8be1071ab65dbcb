import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../testkit/eventually.ts';
import { FakeClock } from '../testkit/fake-clock.ts';
import { ResourceType } from './config/decode.ts';
import { address, hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, tcpProxy, typed } from './testkit/proxy.ts';
import { deadPort, httpUpstream, tcpUpstream } from '../testkit/loopback.ts';

interface Client {
  readonly socket: Socket;
  /** Everything that came. */
  readonly text: () => string;
  readonly closed: Promise<unknown>;
  ask(path?: string): Promise<string>;
}

async function open(t: TestContext, port: number, localAddress = '127.0.0.1'): Promise<Client> {
  const socket = connect({ port, host: '127.0.0.1', localAddress });
  t.after(() => socket.destroy());
  let text = '';
  socket.on('data', (chunk) => (text += chunk.toString()));
  socket.on('error', () => {});
  const closed = new Promise((resolve) => socket.on('close', resolve));
  await new Promise((resolve) => socket.once('connect', resolve));
  return {
    socket, closed,
    text: () => text,
    async ask(path = '/') {
      text = '';
      socket.write(`GET ${path} HTTP/1.1\r\nhost: a\r\n\r\n`);
      return eventually(() => {
        assert.match(text, /\r\n\r\n/);
        return text;
      });
    },
  };
}

const networkRbac = (fields: object) => typed('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'x', ...fields });
const denyAll = { rules: { action: 'DENY', policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } } };
const httpDeny = typed('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', denyAll);

test('a changed chain serves the next request of a connection that stays open; a chain that did not change is the same', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const chain = (name: string, source: string, extra = {}) => ({ name, filter_chain_match: { direct_source_prefix_ranges: [{ address_prefix: source, prefix_len: 32 }] }, filters: [hcm(inlineRoutes([routeTo('up')]), extra)] });
  const build = (extra = {}) => ({ ...listener([]), filter_chains: [chain('stays', '127.0.0.1'), chain('changes', '127.0.0.2', extra)] });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [build()] });
  const port = await proxy.port();
  const stays = await open(t, port);
  const changes = await open(t, port, '127.0.0.2');
  assert.match(await changes.ask(), /server: envoy\r\n/);
  proxy.apply({ listeners: [build({ server_name: 'new' })] });
  assert.match(await changes.ask(), /server: new\r\n/);
  assert.match(await stays.ask(), /server: envoy\r\n/);
  assert.equal(proxy.runtime.snapshot().listeners[0]?.activeConnections, 2);
});

test('a request in progress ends as it began, the next one on its connection follows the new rules', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await httpUpstream(t, (_request, response) => void held.push(() => response.end('late')));
  const build = (filters: object[]) => listener([hcm(inlineRoutes([routeTo('up')]), {}, filters as never)]);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [build([])] });
  const client = await open(t, await proxy.port());
  const first = client.ask();
  await eventually(() => assert.equal(held.length, 1));
  proxy.apply({ listeners: [build([httpDeny])] });
  assert.equal(proxy.runtime.snapshot().activeRequests, 1);
  held[0]?.();
  assert.match(await first, /^HTTP\/1.1 200 OK(?!.*connection: close)/s);
  assert.match(await client.ask(), /^HTTP\/1.1 403/);
  assert.equal(proxy.runtime.snapshot().activeRequests, 0);
});

test('a connection that no chain takes any more ends after the request in progress', async (t) => {
  const held: (() => void)[] = [];
  const upstream = await httpUpstream(t, (_request, response) => void held.push(() => response.end('late')));
  const build = (source: string) => ({ ...listener([]), filter_chains: [{ filter_chain_match: { direct_source_prefix_ranges: [{ address_prefix: source, prefix_len: 32 }] }, filters: [hcm(inlineRoutes([routeTo('up')]))] }] });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [build('127.0.0.1')] });
  const client = await open(t, await proxy.port());
  const first = client.ask();
  await eventually(() => assert.equal(held.length, 1));
  proxy.apply({ listeners: [build('127.0.0.9')] });
  held[0]?.();
  assert.match(await first, /^HTTP\/1.1 200 OK.*connection: close/s);
  await client.closed;
});

test('a TCP stream goes on through pushes, and is cut only when the new policy would refuse it', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.pipe(socket));
  const build = (filters: object[]) => listener([...filters, tcpProxy('up')] as never);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [build([])] });
  const client = await open(t, await proxy.port());
  client.socket.write('one');
  await eventually(() => assert.equal(client.text(), 'one'));
  proxy.apply({ listeners: [build([networkRbac({ rules: { action: 'ALLOW', policies: { all: { permissions: [{ any: true }], principals: [{ any: true }] } } } })])] });
  client.socket.write('two');
  await eventually(() => assert.equal(client.text(), 'onetwo'));
  proxy.apply({ listeners: [build([networkRbac(denyAll)])] });
  await client.closed;
  assert.equal(proxy.tcp[0]?.details, 'connection_revoked');
});

test('a WebSocket stays open through pushes', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => {
    socket.once('data', () => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
      socket.pipe(socket);
    });
  });
  const build = (server: string) => listener([hcm(inlineRoutes([routeTo('up')]), { server_name: server, upgrade_configs: [{ upgrade_type: 'websocket' }] })]);
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [build('a')] });
  const client = await open(t, await proxy.port());
  client.socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await eventually(() => assert.match(client.text(), /101 Switching/));
  for (const name of ['b', 'c', 'd']) {
    proxy.apply({ listeners: [build(name)] });
    client.socket.write(name);
    await eventually(() => assert.ok(client.text().endsWith(name)));
  }
  assert.equal(proxy.http.length, 0);
});

test('a listener whose port somebody has is refused when that is known, and the one before goes on', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const taken = await tcpUpstream(t, () => {});
  const at = (port: number) => listener([hcm(inlineRoutes([routeTo('up')]))], { address: address(port) });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [at(0)] });
  assert.deepEqual(await proxy.runtime.bound(), []);
  const port = await proxy.port();
  assert.deepEqual(proxy.apply({ listeners: [at(taken)] }), []);
  assert.deepEqual(await proxy.runtime.bound(), [{ name: 'test', message: `cannot bind 127.0.0.1:${taken}: address already in use` }]);
  assert.equal(proxy.runtime.bound(), undefined, 'told once');
  const { version, refused } = proxy.runtime.snapshot().resources.get(ResourceType.Listener)?.[0] ?? {};
  assert.deepEqual([version, refused?.version], ['1', '2']);
  assert.ok(proxy.runtime.ready());
  assert.match(await (await open(t, port)).ask(), /^HTTP\/1.1 200/);
});

test('a listener whose port somebody has is asked for again when he is gone, and then takes his place', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const somebody = createServer().listen(0, '127.0.0.1');
  await once(somebody, 'listening');
  const taken = (somebody.address() as AddressInfo).port;
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])] });
  const listeners = [listener([hcm(inlineRoutes([routeTo('up')]))], { address: address(taken) })];
  const free = new Promise<string>((resolve) => proxy.runtime.onPortFree(resolve));
  proxy.apply({ listeners });
  assert.equal((await proxy.runtime.bound())?.length, 1);
  somebody.close();
  assert.equal(await free, 'test');
  const answer = (await open(t, taken)).ask();
  assert.deepEqual(proxy.apply({ listeners }), []);
  assert.deepEqual(await proxy.runtime.bound(), []);
  assert.match(await answer, /^HTTP\/1.1 200/, 'who came before the listener has waited for it');
});

test('of two listeners with one address the second is refused', async (t) => {
  const port = await deadPort();
  const named = (name: string) => ({ ...listener([hcm(inlineRoutes([routeTo('up')]))], { address: address(port) }), name });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [])], listeners: [named('first')] });
  assert.deepEqual(proxy.apply({ listeners: [named('second')] }), [{ name: 'second', message: `has the address 127.0.0.1:${port} of listener first` }]);
  proxy.remove(ResourceType.Listener, 'first');
  assert.deepEqual(proxy.apply({ listeners: [named('second')] }), []);
});

test('a listener moves to another address of its port without being away', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const port = await deadPort();
  const at = (host: string) => listener([hcm(inlineRoutes([routeTo('up')]))], { address: { socket_address: { address: host, port_value: port } } });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [at('127.0.0.1')] }, { clock: new FakeClock() });
  assert.deepEqual(await proxy.runtime.bound(), []);
  for (const host of ['0.0.0.0', '127.0.0.1']) {
    proxy.apply({ listeners: [at(host)] });
    assert.match(await (await open(t, port)).ask(), /^HTTP\/1.1 200/, `while it moves to ${host}`);
    assert.deepEqual(await proxy.runtime.bound(), []);
    assert.match(await (await open(t, port)).ask(), /^HTTP\/1.1 200/, `at ${host}`);
  }
});

test('who connects before the routes are there waits for them', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const free = await deadPort();
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm({ rds: { route_config_name: 'later', config_source: { ads: {} } } })], { address: address(free) })] });
  assert.deepEqual(await proxy.runtime.bound(), []);
  assert.equal(proxy.runtime.ready(), false);
  const client = await open(t, free);
  const answer = client.ask();
  proxy.apply({ routes: [{ name: 'later', virtual_hosts: [{ name: 'all', domains: ['*'], routes: [routeTo('up')] }] }] });
  assert.match(await answer, /^HTTP\/1.1 200/);
});
