import assert from 'node:assert/strict';
import { type Duplex, duplexPair } from 'node:stream';
import { test } from 'node:test';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { Headers } from '../../codec/headers.ts';
import type { RequestHead, ResponseSink, UpstreamStream } from '../../codec/stream.ts';
import { makeHost } from '../testkit/hosts.ts';
import { OwnBreakers, type BreakerLimits, DEFAULT_LIMITS } from './breakers.ts';
import type { ConnectListener } from './connect-attempt.ts';
import { HostPool } from './host-pool.ts';
import type { ConnectionLifetime, PoolSettings, PoolWaiter } from './pool-settings.ts';
import type { ConnectTarget, UpstreamTransport } from './transport.ts';

const HEAD: RequestHead = { method: 'GET', path: '/', authority: 'x', scheme: 'http', protocol: 'HTTP/1.1', headers: new Headers(), bodyLength: 0 };
const LIFETIME: ConnectionLifetime = { maxRequests: 0, idleTimeoutMs: 60_000, maxAgeMs: 0, trailers: false, maxConcurrentStreams: 100 };
const TARGET: ConnectTarget = { address: { address: '10.0.0.1', port: 80 }, timeoutMs: 1000 };
const settled = () => new Promise((resolve) => setImmediate(resolve));

/** Servers are the other ends of memory pipes; connecting is up to the test. */
class FakeTransport implements UpstreamTransport {
  readonly secure = false;
  readonly alpn: readonly string[] = [];
  readonly announces = false;
  readonly secretNames: readonly string[] = [];
  readonly dialled: ConnectListener[] = [];
  readonly servers: Duplex[] = [];

  connect(_target: ConnectTarget, listener: ConnectListener) {
    this.dialled.push(listener);
    return { cancel() {} };
  }

  /** Lets the oldest connection under way come to be. */
  accept(): Duplex {
    const [client, server] = duplexPair();
    this.servers.push(server);
    server.on('error', () => {});
    this.dialled.shift()?.onConnected(client, { local: 'here' });
    return server;
  }

  close(): void {}
}

class Request implements PoolWaiter {
  isRepeatable = true;
  stream: UpstreamStream | undefined;
  reused = false;
  status = 0;
  failure: string | undefined;
  isReset = false;
  readonly sink: ResponseSink = {
    onInterim() {},
    onHead: (head) => void (this.status = head.status),
    onData() {},
    onEnd() {},
    onReset: () => void (this.isReset = true),
    onDrain() {},
  };

  onStream(stream: UpstreamStream, _facts: unknown, reused: boolean): void {
    this.stream = stream;
    this.reused = reused;
    stream.sendHead(HEAD, true, false);
  }

  onPoolFailure(reason: string, detail: string | undefined): void {
    this.failure = detail ?? reason;
  }
}

function setUp(options: { lifetime?: Partial<ConnectionLifetime>; limits?: Partial<BreakerLimits>; protocol?: PoolSettings['protocol'] } = {}) {
  const clock = new FakeClock();
  const transport = new FakeTransport();
  const host = makeHost(1);
  host.transport = transport;
  const breakers = new OwnBreakers({ ...DEFAULT_LIMITS, ...options.limits });
  const pool = new HostPool(host, { protocol: options.protocol ?? 'http1', target: TARGET, lifetime: { ...LIFETIME, ...options.lifetime } }, { clock, breakers });
  const ask = () => {
    const request = new Request();
    pool.acquire(request);
    return request;
  };
  const reply = async (server: Duplex | undefined) => {
    server?.write('HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n');
    await settled();
    await settled();
  };
  /** A request from beginning to end, on a new connection when none is free. */
  const exchange = async () => {
    const request = ask();
    if (!request.stream && transport.dialled.length > 0) transport.accept();
    await reply(transport.servers.at(-1));
    assert.equal(request.status, 200);
    return request;
  };
  return { clock, transport, host, breakers, pool, ask, reply, exchange };
}

test('a kept connection is used again', async () => {
  const { exchange, transport } = setUp();
  assert.equal((await exchange()).reused, false);
  assert.equal((await exchange()).reused, true);
  assert.equal(transport.servers.length, 1);
});

test('a request that cannot be repeated does not go out on a connection that the server has just closed', async () => {
  const { exchange, transport, pool, reply } = setUp();
  await exchange();
  transport.servers[0]?.end();
  const request = new Request();
  request.isRepeatable = false;
  pool.acquire(request);
  assert.equal(request.stream, undefined, 'the connection is looked at first');
  await settled();
  await settled();
  await settled();
  const server = transport.accept();
  await reply(server);
  assert.deepEqual([request.status, request.reused, request.isReset, transport.servers.length], [200, false, false, 2]);
});

test('a request that cannot be repeated uses a kept connection that is still there', async () => {
  const { exchange, transport, pool, reply } = setUp();
  await exchange();
  const request = new Request();
  request.isRepeatable = false;
  pool.acquire(request);
  await settled();
  await settled();
  await settled();
  await reply(transport.servers[0]);
  assert.deepEqual([request.status, request.reused, transport.servers.length], [200, true, 1]);
});

test('a connection that is too old takes no request', async () => {
  const { exchange, clock, transport } = setUp({ lifetime: { maxAgeMs: 5000 } });
  await exchange();
  await clock.advance(4000);
  assert.equal((await exchange()).reused, true);
  await clock.advance(1000);
  assert.equal((await exchange()).reused, false);
  assert.equal(transport.servers.length, 2);
});

test('a connection that grows too old during a request finishes it', async () => {
  const { ask, transport, clock, reply, host } = setUp({ lifetime: { maxAgeMs: 5000 } });
  const request = ask();
  const server = transport.accept();
  await clock.advance(6000);
  await reply(server);
  assert.equal(request.status, 200);
  assert.equal(host.activeConnections, 0);
});

test('an idle connection is given up after its time', async () => {
  const { exchange, clock, pool, host } = setUp({ lifetime: { idleTimeoutMs: 3000 } });
  await exchange();
  await clock.advance(2000);
  pool.sweep(clock.monotonic());
  assert.equal(host.activeConnections, 1);
  await clock.advance(1000);
  pool.sweep(clock.monotonic());
  await settled();
  assert.equal(host.activeConnections, 0);
  assert.equal(pool.isEmpty, true);
});

test('a connection takes so many requests and no more', async () => {
  const { exchange, transport } = setUp({ lifetime: { maxRequests: 2 } });
  for (let i = 0; i < 5; i++) await exchange();
  assert.equal(transport.servers.length, 3);
});

test('requests beyond the limit are refused', () => {
  const { ask, transport, breakers } = setUp({ limits: { maxRequests: 1 } });
  ask();
  transport.accept();
  assert.equal(ask().failure, 'overflow');
  assert.equal(breakers.overflows.pending, 1);
});

test('a request that waited is refused when others have taken all that is allowed', () => {
  const { ask, transport } = setUp({ limits: { maxRequests: 1 } });
  const [first, second] = [ask(), ask()];
  transport.accept();
  transport.accept();
  assert.deepEqual([first.stream !== undefined, second.failure], [true, 'overflow']);
});

test('requests beyond those that may wait are refused', () => {
  const { ask, breakers } = setUp({ limits: { maxPending: 1 } });
  ask();
  assert.equal(ask().failure, 'overflow');
  assert.deepEqual([breakers.pending, breakers.overflows.pending], [1, 1]);
});

test('at the limit of connections a request waits for one to come free', async () => {
  const { ask, transport, breakers, reply } = setUp({ limits: { maxConnections: 1 } });
  const [first, second] = [ask(), ask()];
  assert.equal(transport.dialled.length, 1);
  assert.equal(breakers.overflows.connections, 1);
  const server = transport.accept();
  assert.deepEqual([first.stream !== undefined, second.stream !== undefined], [true, false]);
  await reply(server);
  assert.deepEqual([first.status, second.reused], [200, true]);
});

test('a pool without connections always makes one, whatever others have', () => {
  const { ask, transport, breakers } = setUp({ limits: { maxConnections: 1 } });
  breakers.connections = 5;
  ask();
  assert.equal(transport.dialled.length, 1);
});

test('a failed connection fails who waited for it, with the reason', () => {
  const { ask, transport, breakers } = setUp();
  const request = ask();
  transport.dialled[0]?.onFailed('delayed connect error: Connection refused', false);
  assert.equal(request.failure, 'delayed connect error: Connection refused');
  assert.deepEqual([breakers.connections, breakers.pending], [0, 0]);
});

test('a burst makes some connections at once, and the others one burst after the other', async () => {
  const { transport, ask, clock } = setUp();
  const requests = Array.from({ length: 100 }, () => ask());
  assert.equal(transport.dialled.length, 64);
  transport.accept();
  assert.deepEqual([transport.dialled.length, requests.filter(({ stream }) => stream).length], [63, 1]);
  await clock.advance(10);
  assert.equal(transport.dialled.length, 99);
});

test('each connection of a burst that fails takes its share of the requests with it', () => {
  const { transport, ask } = setUp();
  const requests = Array.from({ length: 200 }, () => ask());
  for (let listener = transport.dialled.shift(); listener; listener = transport.dialled.shift()) listener.onFailed('refused', false);
  assert.ok(requests.every(({ failure }) => failure === 'refused'));
});

test('HTTP/2: requests share a connection up to its streams', async () => {
  const { ask, transport } = setUp({ protocol: 'http2', lifetime: { maxConcurrentStreams: 2 } });
  const requests = [ask(), ask(), ask()];
  assert.equal(transport.dialled.length, 2);
  transport.accept();
  await settled();
  assert.deepEqual(requests.map(({ stream }) => stream !== undefined), [true, true, false]);
  transport.accept();
  await settled();
  assert.deepEqual(requests.map(({ stream }) => stream !== undefined), [true, true, true]);
});

test('HTTP/2: a session that is too old takes no stream and ends with its last one', async () => {
  const { ask, transport, clock, host } = setUp({ protocol: 'http2', lifetime: { maxAgeMs: 5000 } });
  const first = ask();
  transport.accept();
  await clock.advance(5000);
  ask();
  assert.equal(transport.dialled.length, 1);
  transport.accept();
  first.stream?.abort();
  await clock.advance(2000);
  await settled();
  assert.equal(host.activeConnections, 1);
});

test('HTTP/2: a peer that answers no PING is left', async () => {
  const { ask, transport, clock, host } = setUp({ protocol: 'http2', lifetime: { ping: { intervalMs: 1000, timeoutMs: 500 } } });
  const request = ask();
  transport.accept();
  await clock.advance(1400);
  assert.equal(request.isReset, false);
  await clock.advance(200);
  await settled();
  assert.deepEqual([request.isReset, host.activeConnections], [true, 0]);
});

test('HTTP/2: a peer that answers its PINGs is kept', async () => {
  const { ask, transport, clock } = setUp({ protocol: 'http2', lifetime: { ping: { intervalMs: 1000, timeoutMs: 500 } } });
  const request = ask();
  const server = transport.accept();
  const PING = 6;
  let pings = 0;
  server.write(Buffer.from([0, 0, 0, 4, 0, 0, 0, 0, 0]));
  server.on('data', (chunk: Buffer) => {
    for (let at = chunk.toString('latin1').startsWith('PRI') ? 24 : 0; at + 9 <= chunk.length; at += 9 + chunk.readUIntBE(at, 3)) {
      if (chunk[at + 3] !== PING) continue;
      pings++;
      const answer = Buffer.from(chunk.subarray(at, at + 17));
      answer[4] = 1;
      server.write(answer);
    }
  });
  await settled();
  for (let i = 0; i < 5; i++) {
    await clock.advance(1000);
    await settled();
  }
  assert.equal(pings, 5);
  assert.equal(request.isReset, false);
});

test('a pool that stops to reuse closes what is idle, and gives each request a connection of its own', async () => {
  const { pool, host, transport, ask, reply, exchange } = setUp();
  await exchange();
  pool.stopReuse();
  await settled();
  assert.equal(host.activeConnections, 0);
  const [first, second] = [ask(), ask()];
  assert.equal(transport.dialled.length, 2);
  await reply(transport.accept());
  assert.deepEqual([first.status, second.stream], [200, undefined], 'the second waits for its own');
  await reply(transport.accept());
  assert.deepEqual([second.status, second.reused], [200, false]);
});
