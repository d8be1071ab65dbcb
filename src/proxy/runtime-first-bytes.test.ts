import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { eventually } from '../testkit/eventually.ts';
import { address, hcm, inlineRoutes, routeTo, startProxy, staticCluster, tcpProxy, typed } from './testkit/proxy.ts';
import { deadPort, exchangeBytes, httpUpstream, tcpUpstream } from '../testkit/loopback.ts';

const inspectors = [{ name: 'envoy.filters.listener.tls_inspector' }, { name: 'envoy.filters.listener.http_inspector' }];

/** A port of undeclared protocol, as the control plane describes it: HTTP by content, else bytes. */
const detecting = (extra: object = {}, tcpFilters: object[] = []) => ({
  name: 'test', address: address(0), listener_filters: inspectors, listener_filters_timeout: '0s', continue_on_listener_filters_timeout: true,
  filter_chains: [{ name: 'http', filter_chain_match: { transport_protocol: 'raw_buffer', application_protocols: ['http/1.1', 'h2c'] }, filters: [hcm(inlineRoutes([routeTo('up')]))] }],
  default_filter_chain: { name: 'tcp', filters: [...tcpFilters, tcpProxy('up')] },
  ...extra,
});

function firstBytes(socket: Socket): Promise<string> {
  return new Promise((resolve) => socket.once('data', (chunk) => resolve(chunk.toString())));
}

test('a server that speaks first is heard on a port of undeclared protocol', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => {
    socket.write('220 ready\r\n');
    socket.on('data', (chunk) => socket.write(`ok ${chunk.toString()}`));
    socket.on('end', () => socket.end());
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [detecting()] });
  for (let i = 0; i < 2; i++) {
    const socket = connect(await proxy.port(), '127.0.0.1');
    assert.equal(await firstBytes(socket), '220 ready\r\n');
    socket.write('EHLO a\r\n');
    assert.equal(await firstBytes(socket), 'ok EHLO a\r\n');
    socket.destroy();
  }
  await eventually(() => assert.deepEqual(proxy.tcp.map((o) => [o.listener, o.receivedBytes]), [['tcp', 8], ['tcp', 8]]));
  assert.equal(proxy.runtime.snapshot().clusters[0]?.open.connections, 0);
});

test('HTTP on such a port is HTTP, and a connection made too early leaves no trace', async (t) => {
  const upstream = await httpUpstream(t, (_request, response) => response.end('ok'));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [detecting()] });
  const socket = connect(await proxy.port(), '127.0.0.1');
  // The client is silent until the connection for the server's word has been made.
  await eventually(() => assert.equal(proxy.runtime.snapshot().clusters[0]?.open.connections, 1));
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.match(await firstBytes(socket), /^HTTP\/1.1 200 OK/);
  socket.destroy();
  await eventually(() => assert.equal(proxy.http.length, 1));
  assert.deepEqual([proxy.http[0]?.listener, proxy.tcp], ['http', []]);
  assert.equal(proxy.runtime.snapshot().clusters[0]?.open.connections, 1, 'only the one that is kept for HTTP');
});

test('a few bytes and the end of the client’s side arrive, and are answered', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => {
    let seen = '';
    socket.on('data', (chunk) => (seen += chunk.toString()));
    socket.on('end', () => socket.end(`got ${seen}`));
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [detecting()] });
  const socket = connect({ port: await proxy.port(), host: '127.0.0.1', allowHalfOpen: true });
  const answer = firstBytes(socket);
  socket.end('hi');
  assert.equal(await answer, 'got hi');
  socket.destroy();
});

test('a client that waits for a server that is not there is told when connecting has had its time', async (t) => {
  const dead = await deadPort();
  const proxy = startProxy(t, { clusters: [staticCluster('up', [dead], { connect_timeout: '0.2s' })], listeners: [detecting()] });
  assert.equal(await exchangeBytes(await proxy.port(), ''), '');
  assert.deepEqual(proxy.tcp.map((o) => [o.flags, o.details]), [[['UF', 'URX'], '']]);
});

test('an HTTP client of a service that is down is answered 503, however late it speaks', async (t) => {
  const dead = await deadPort();
  const proxy = startProxy(t, { clusters: [staticCluster('up', [dead])], listeners: [detecting()] });
  const socket = connect(await proxy.port(), '127.0.0.1');
  await eventually(() => assert.equal(proxy.runtime.snapshot().clusters[0]?.hosts[0]?.counters.connectFail, 1));
  socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.match(await firstBytes(socket), /^HTTP\/1.1 503/);
  socket.destroy();
});

test('nothing is connected for a client whom the policy for plain bytes refuses', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.write('220 ready\r\n'));
  const rbac = typed('envoy.filters.network.rbac', 'envoy.extensions.filters.network.rbac.v3.RBAC', { stat_prefix: 'x', rules: { action: 'ALLOW' } });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [detecting({}, [rbac])] });
  assert.equal(await exchangeBytes(await proxy.port(), 'hello, server\n'), '');
  assert.deepEqual([proxy.tcp[0]?.details, proxy.runtime.snapshot().clusters[0]?.hosts[0]?.counters.connections], ['rbac_access_denied_matched_policy[none]', 0]);
});

test('where callers usually speak first, a server is heard too, and its silence costs it no connections', async (t) => {
  let connections = 0;
  const upstream = await tcpUpstream(t, (socket) => {
    connections++;
    socket.once('data', () => socket.end('bye'));
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [detecting({ traffic_direction: 'INBOUND' })] });
  const port = await proxy.port();
  for (let i = 0; i < 3; i++) assert.equal(await exchangeBytes(port, 'hello, server\n'), 'bye');
  assert.equal(connections, 3);
  const greeting = await tcpUpstream(t, (socket) => socket.write('220 ready\r\n'));
  proxy.apply({ clusters: [staticCluster('up', [greeting])] });
  const socket = connect(port, '127.0.0.1');
  assert.equal(await firstBytes(socket), '220 ready\r\n');
  socket.destroy();
});
