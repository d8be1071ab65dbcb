/** How the data path ends: nobody is cut off, and nobody is answered by silence. */
import assert from 'node:assert/strict';
import { Agent, type ServerResponse } from 'node:http';
import { connect as connectHttp2 } from 'node:http2';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';
import { test, type TestContext } from 'node:test';
import { eventually } from '../testkit/eventually.ts';
import { FakeClock } from '../testkit/fake-clock.ts';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster } from './testkit/proxy.ts';
import { call, httpUpstream } from '../testkit/loopback.ts';

async function held(t: TestContext, clock?: FakeClock) {
  const open: ServerResponse[] = [];
  const upstream = await httpUpstream(t, (request, response) => {
    if (request.url === '/held') open.push(response);
    else response.end('now');
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), { upgrade_configs: [{ upgrade_type: 'websocket' }] })])] }, clock && { clock });
  return { proxy, port: await proxy.port(), open };
}

const keepAlive = (t: TestContext): Agent => {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  t.after(() => agent.destroy());
  return agent;
};

/** Resolves when it has ended. @returns whether it had, as of now */
function watch(promise: Promise<unknown>): () => boolean {
  let isOver = false;
  void promise.then(() => (isOver = true));
  return () => isOver;
}

test('a request in flight is answered, and its connection ends with it', async (t) => {
  const clock = new FakeClock();
  const { proxy, port, open } = await held(t, clock);
  const answer = call(port, { path: '/held', agent: keepAlive(t) });
  await eventually(() => assert.equal(open.length, 1));
  const isOver = watch(proxy.runtime.drain());
  // Within the time of its route.
  await clock.advance(14_000);
  assert.equal(isOver(), false, 'a request has all the time that the pod has');
  open[0]?.end('late');
  const { status, body, headers } = await answer;
  assert.deepEqual([status, body, headers.connection], [200, 'late', 'close']);
  while (!isOver()) await clock.advance(100);
});

test('a request on its way on an idle connection is still answered, and told to go', async (t) => {
  const { proxy, port } = await held(t);
  const agent = keepAlive(t);
  assert.equal((await call(port, { agent })).headers.connection, undefined);
  const drained = proxy.runtime.drain();
  const { status, headers } = await call(port, { agent });
  assert.deepEqual([status, headers.connection], [200, 'close']);
  await drained;
});

test('who comes late is answered and told to go', async (t) => {
  const clock = new FakeClock();
  const { proxy, port } = await held(t, clock);
  const isOver = watch(proxy.runtime.drain(500));
  await clock.advance(499);
  const { status, headers } = await call(port, { agent: false });
  assert.deepEqual([status, headers.connection], [200, 'close']);
  while (!isOver()) await clock.advance(100);
});

test('an idle connection is left to its client for a while, and then ended', async (t) => {
  const clock = new FakeClock();
  const { proxy, port } = await held(t, clock);
  const idle: Socket = connect(port, '127.0.0.1');
  const closed = watch(new Promise((resolve) => idle.on('close', resolve)));
  idle.resume();
  idle.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  await new Promise((resolve) => idle.once('data', resolve));
  const isOver = watch(proxy.runtime.drain());
  await clock.advance(600);
  assert.deepEqual([isOver(), closed(), proxy.runtime.snapshot().listeners[0]?.activeConnections], [false, false, 1]);
  while (!isOver()) await clock.advance(100);
  await eventually(() => assert.equal(closed(), true));
});

test('an HTTP/2 client is told by GOAWAY; its open stream is answered', async (t) => {
  const { proxy, port, open } = await held(t);
  const session = connectHttp2(`http://127.0.0.1:${port}`);
  t.after(() => session.destroy());
  let goAways = 0;
  session.on('goaway', () => goAways++);
  const stream = session.request({ ':path': '/held' });
  let text = '';
  stream.setEncoding('utf8').on('data', (part: string) => (text += part));
  const ended = new Promise((resolve) => stream.once('close', resolve));
  await eventually(() => assert.equal(open.length, 1));
  const drained = proxy.runtime.drain();
  await eventually(() => assert.ok(goAways > 0));
  open[0]?.end('late');
  await ended;
  assert.equal(text, 'late');
  await drained;
});

test('an open tunnel has all the time that the pod has', async (t) => {
  const clock = new FakeClock();
  const { proxy, port } = await held(t, clock);
  const upgraded = connect(port, '127.0.0.1');
  t.after(() => upgraded.destroy());
  upgraded.write('GET /held HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await eventually(() => assert.equal(proxy.runtime.snapshot().activeRequests, 1));
  const isOver = watch(proxy.runtime.drain());
  await clock.advance(600_000);
  assert.equal(isOver(), false);
});

test('a proxy that nobody uses ends at once', async (t) => {
  const { proxy } = await held(t, new FakeClock());
  // While its clock stands still.
  await proxy.runtime.drain();
});

test('an announced end changes nothing but the words', async (t) => {
  const { proxy, port } = await held(t);
  proxy.runtime.announceEnd();
  for (let i = 0; i < 3; i++) {
    const { status, headers } = await call(port, { agent: keepAlive(t) });
    assert.deepEqual([status, headers.connection], [200, 'close']);
  }
});

test('an application that is about to close its idle connections gets each request on a new one', async (t) => {
  const sockets: unknown[] = [];
  const upstream = await httpUpstream(t, (request, response) => {
    sockets.push(request.socket);
    response.end();
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))], { traffic_direction: 'INBOUND' })] });
  const port = await proxy.port();
  for (let i = 0; i < 2; i++) await call(port, { method: 'POST', body: 'x' });
  assert.equal(new Set(sockets).size, 1);
  proxy.runtime.announceEnd();
  for (let i = 0; i < 2; i++) await call(port, { method: 'POST', body: 'x' });
  assert.equal(new Set(sockets).size, 3);
});

test('a workload is quiet when every request has its answer and nobody has come for a while, or when the time is up', async (t) => {
  const open: ServerResponse[] = [];
  const upstream = await httpUpstream(t, (_request, response) => open.push(response));
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))], { traffic_direction: 'INBOUND' })] });
  const answer = call(await proxy.port());
  await eventually(() => assert.equal(open.length, 1));
  await proxy.runtime.silence(100);
  const quiet = proxy.runtime.silence(60_000);
  const isOver = watch(quiet);
  await new Promise((resolve) => setTimeout(resolve, 700));
  assert.equal(isOver(), false, 'a request waits for its answer');
  const answeredMs = performance.now();
  open[0]?.end();
  await Promise.all([answer, quiet]);
  assert.ok(performance.now() - answeredMs > 400, 'another one might have come');
});

test('what the workload itself asks of others does not count, nor do open WebSockets', async (t) => {
  const upstream = await httpUpstream(t, () => {});
  const server = await wsUpstream(t);
  const proxy = startProxy(t, {
    clusters: [staticCluster('up', [upstream]), staticCluster('ws', [server])],
    listeners: [
      { ...listener([hcm(inlineRoutes([routeTo('up')]))], { traffic_direction: 'OUTBOUND' }), name: 'out' },
      listener([hcm(inlineRoutes([routeTo('ws')]), { upgrade_configs: [{ upgrade_type: 'websocket' }] })], { traffic_direction: 'INBOUND' }),
    ],
  });
  const pending = call(await proxy.port('out')).catch(() => {});
  const socket = connect(await proxy.port(), '127.0.0.1');
  t.after(() => socket.destroy());
  socket.write('GET / HTTP/1.1\r\nhost: a\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n');
  await new Promise((resolve) => socket.once('data', resolve));
  const started = performance.now();
  await proxy.runtime.silence(10_000);
  assert.ok(performance.now() - started < 5000);
  await proxy.runtime.close();
  await pending;
});

/** Agrees to another protocol, and says nothing more. */
async function wsUpstream(t: TestContext): Promise<number> {
  const server = createServer((socket) => socket.on('error', () => {}).once('data', () => socket.write('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: websocket\r\n\r\n')));
  t.after(() => server.close());
  return new Promise((resolve) => server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port)));
}
