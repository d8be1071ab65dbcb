/** What becomes of requests whose host or cluster leaves, or whose connection the server is about to close. */
import assert from 'node:assert/strict';
import type { ServerResponse } from 'node:http';
import { connect, type Socket } from 'node:net';
import { test } from 'node:test';
import { FakeClock } from '../testkit/fake-clock.ts';
import { eventually } from '../testkit/eventually.ts';
import { ResourceType } from './config/decode.ts';
import { assignment, hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, tcpProxy } from './testkit/proxy.ts';
import { call, httpUpstream, tcpUpstream } from '../testkit/loopback.ts';

const edsCluster = (name: string, extra: object = {}) => ({ name, type: 'EDS', connect_timeout: '1s', eds_cluster_config: { eds_config: { ads: {} } }, ...extra });
const oneConnection = { circuit_breakers: { thresholds: [{ max_connections: 1 }] } };

for (const [what, leave] of [
  ['host leaves its cluster', (proxy) => proxy.apply({ endpoints: [assignment('up', [])] })],
  ['cluster is removed', (proxy) => proxy.remove(ResourceType.Cluster, 'up')],
  ['cluster is replaced', (proxy) => proxy.apply({ clusters: [edsCluster('up', { connect_timeout: '2s', ...oneConnection })] })],
] as readonly (readonly [string, (proxy: ReturnType<typeof startProxy>) => unknown])[]) {
  test(`requests that wait for a connection are served although their ${what}`, async (t) => {
    const open: ServerResponse[] = [];
    const upstream = await httpUpstream(t, (_request, response) => void open.push(response));
    const proxy = startProxy(t, { clusters: [edsCluster('up', oneConnection)], endpoints: [assignment('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
    const port = await proxy.port();
    const answers = Array.from({ length: 3 }, () => call(port, { agent: false }));
    await eventually(() => assert.deepEqual([open.length, proxy.runtime.snapshot().clusters[0]?.open.pending], [1, 2]));
    leave(proxy);
    for (let i = 0; i < 3; i++) {
      await eventually(() => assert.equal(open.length, i + 1));
      open[i]?.end('late');
    }
    assert.deepEqual((await Promise.all(answers)).map(({ status, body }) => `${status} ${body}`), ['200 late', '200 late', '200 late']);
  });
}

test('a connection is not used again when the server may be about to close it', async (t) => {
  let connections = 0;
  const upstream = await tcpUpstream(t, (socket) => {
    connections++;
    socket.on('data', () => socket.write('HTTP/1.1 200 OK\r\nKeep-Alive: timeout=2\r\nContent-Length: 2\r\n\r\nok'));
  });
  const clock = new FakeClock();
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] }, { clock });
  const port = await proxy.port();
  const ask = async () => assert.equal((await call(port, { agent: false })).body, 'ok');
  await ask();
  await clock.advance(1500);
  await ask();
  assert.equal(connections, 1);
  await clock.advance(1700);
  await ask();
  assert.equal(connections, 2);
});

test('a TCP connection beyond the limit of its cluster is closed, and room is made when another ends', async (t) => {
  const upstream = await tcpUpstream(t, (socket) => socket.on('data', (chunk) => socket.write(chunk)).on('end', () => socket.end()));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream], oneConnection)], listeners: [listener([tcpProxy('up')])] });
  const port = await proxy.port();
  const dial = () => {
    const socket = connect(port, '127.0.0.1');
    t.after(() => socket.destroy());
    return socket.on('error', () => {});
  };
  const echoed = (socket: Socket) => new Promise<string>((resolve) => {
    socket.once('data', (chunk) => resolve(chunk.toString())).once('close', () => resolve('closed'));
    socket.write('hello');
  });
  const first = dial();
  assert.equal(await echoed(first), 'hello');
  assert.equal(await echoed(dial()), 'closed');
  await eventually(() => assert.deepEqual(proxy.tcp.flatMap(({ flags }) => flags), ['UO']));
  first.end();
  await eventually(() => assert.equal(proxy.runtime.snapshot().clusters[0]?.open.connections, 0));
  assert.equal(await echoed(dial()), 'hello');
});
