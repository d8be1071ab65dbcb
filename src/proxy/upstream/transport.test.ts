import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import type { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { tcpUpstream } from '../../testkit/loopback.ts';
import { type ConnectTarget, createRawTransport, type TcpKeepalive, type UpstreamTransport } from './transport.ts';

// oxlint-disable-next-line max-params
type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number;
const koffi = createRequire(import.meta.url)('koffi') as { load(path: null): { func(definition: string): Getsockopt } };
const getsockopt = koffi.load(null).func('int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint8_t *length)');
const SOL_SOCKET = 1;
const SOL_TCP = 6;
const SO_KEEPALIVE = 9;
const [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT] = [4, 5, 6];

function option(socket: Socket, level: number, name: number): number {
  // The descriptor is not part of the public face.
  const { fd } = (socket as unknown as { _handle: { fd: number } })._handle;
  const value = Buffer.alloc(4);
  const length = Buffer.from([4, 0, 0, 0]);
  assert.equal(getsockopt(fd, level, name, value, length), 0);
  return value.readInt32LE();
}

function connect(t: TestContext, transport: UpstreamTransport, target: Partial<ConnectTarget> & { address: ConnectTarget['address'] }): Promise<Socket | { reason: string | undefined; timedOut: boolean }> {
  return new Promise((resolve) => {
    transport.connect({ timeoutMs: 2000, ...target }, {
      onConnected(socket: Duplex) {
        t.after(() => socket.destroy());
        // Transports give TCP sockets.
        resolve(socket as Socket);
      },
      onFailed: (reason, timedOut) => resolve({ reason, timedOut }),
    });
  });
}

const keepalives: readonly [name: string, settings: TcpKeepalive | undefined, want: number[]][] = [
  ['as told', { probes: 3, timeS: 60, intervalS: 7 }, [1, 60, 7, 3]],
  ['with the kernel’s settings for the rest', { timeS: 20 }, [1, 20, 75, 9]],
  ['not at all', undefined, [0]],
];
for (const [name, keepalive, want] of keepalives) {
  test(`silent connections are probed ${name}`, async (t) => {
    const socket = await connect(t, createRawTransport(systemClock), { address: { address: '127.0.0.1', port: await tcpUpstream(t, () => {}) }, keepalive });
    assert.ok('setKeepAlive' in socket);
    const found = [option(socket, SOL_SOCKET, SO_KEEPALIVE), ...(keepalive ? [TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT].map((each) => option(socket, SOL_TCP, each ?? 0)) : [])];
    assert.deepEqual(found, want);
  });
}

test('a refused connection is told in Envoy’s words', async (t) => {
  const failed = await connect(t, createRawTransport(systemClock), { address: { address: '127.0.0.1', port: 9 } });
  assert.deepEqual(failed, { reason: 'delayed connect error: Connection refused', timedOut: false });
});

test('a connection that does not come in time has no reason', async (t) => {
  const clock = new FakeClock();
  // A documentation address: nobody answers (RFC 5737), or the machine knows no way to it.
  const failing = connect(t, createRawTransport(clock), { address: { address: '203.0.113.1', port: 80 }, timeoutMs: 500 });
  await clock.advance(500);
  const failed = await failing;
  assert.ok('timedOut' in failed);
  assert.ok(failed.timedOut ? failed.reason === undefined : failed.reason?.startsWith('immediate connect error'));
});

test('a cancelled attempt says nothing', async (t) => {
  const port = await tcpUpstream(t, () => {});
  let calls = 0;
  createRawTransport(systemClock).connect({ address: { address: '127.0.0.1', port }, timeoutMs: 1000 }, { onConnected: () => void calls++, onFailed: () => void calls++ }).cancel();
  await connect(t, createRawTransport(systemClock), { address: { address: '127.0.0.1', port } });
  assert.equal(calls, 0);
});

test('a server is told whose connection it is, before anything else', async (t) => {
  const heard = Promise.withResolvers<string>();
  const port = await tcpUpstream(t, (socket) => socket.once('data', (chunk: Buffer) => heard.resolve(chunk.toString('latin1'))));
  const transport = createRawTransport(systemClock, 'V1');
  assert.equal(transport.announces, true);
  await connect(t, transport, { address: { address: '127.0.0.1', port }, client: { source: { address: '10.0.0.7', port: 5000 }, destination: { address: '10.96.0.1', port: 80 } } });
  assert.equal(await heard.promise, 'PROXY TCP4 10.0.0.7 10.96.0.1 5000 80\r\n');
});
