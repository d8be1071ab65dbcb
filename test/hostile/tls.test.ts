/** Who means harm inside TLS or on the way into it: handshakes that are cut, that never end or begin again, and inside a session what is
 * known from plain connections. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { connect as connectHttp2, type ClientHttp2Session } from 'node:http2';
import { connect as connectTcp, type AddressInfo, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { connect as connectTls, createServer as createTlsServer, type ConnectionOptions, type TLSSocket } from 'node:tls';
import { createAuthority } from '../../src/pki/authority.ts';
import type { RuntimeDeps } from '../../src/proxy/runtime.ts';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, typed, type TestProxy } from '../../src/proxy/testkit/proxy.ts';
import { eventually } from '../../src/testkit/eventually.ts';

const authority = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
const pair = authority.issue({ sans: { dns: ['a.example'] }, lifetimeMs: 3_600_000, usages: ['server'] });
const LARGE_BYTES = 64 * 1024 * 1024;
/** What may be on its way of a body that nobody reads: windows, kernel buffers on four sockets. */
const MOST_UNDER_WAY = 24 * 1024 * 1024;

/** Of handshakes, where one is to be given up; those who mean well must have had theirs by then, too. */
const SOON = '0.6s';

interface Lab {
  readonly proxy: TestProxy;
  readonly port: number;
  /** Bytes of the large body that the upstream was allowed to send. */
  readonly sent: () => number;
  open(options?: ConnectionOptions): Promise<TLSSocket>;
  raw(): Socket;
}

async function setUp(t: TestContext, manager: Readonly<Record<string, unknown>> = {}, deps: Partial<RuntimeDeps> = {}, timeout = '10s'): Promise<Lab> {
  let sent = 0;
  const upstream = createServer((request, response) => {
    if (request.url !== '/large') return void response.end('ok');
    const piece = Buffer.alloc(64 * 1024);
    const more = (): void => {
      while (sent < LARGE_BYTES && !response.destroyed) {
        sent += piece.length;
        if (!response.write(piece)) return void response.once('drain', more);
      }
      response.end();
    };
    more();
  });
  await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve));
  const tls = typed('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', {
    common_tls_context: { alpn_protocols: ['h2', 'http/1.1'], tls_certificates: [{ certificate_chain: { inline_string: pair.certificatePem }, private_key: { inline_string: pair.keyPem } }] },
  });
  const proxy = startProxy(t, {
    // A TCP server's address is never a path.
    clusters: [staticCluster('up', [(upstream.address() as AddressInfo).port])],
    listeners: [{ ...listener([]), listener_filters: [{ name: 'envoy.filters.listener.tls_inspector' }], listener_filters_timeout: timeout, filter_chains: [{ transport_socket: tls, transport_socket_connect_timeout: timeout, filters: [hcm(inlineRoutes([routeTo('up', { timeout: '0s' })]), manager)] }] }],
  }, deps);
  const port = await proxy.port();
  const sockets: Socket[] = [];
  t.after(() => {
    for (const socket of sockets) socket.destroy();
    upstream.close();
    upstream.closeAllConnections();
  });
  return {
    proxy,
    port,
    sent: () => sent,
    open: (options = {}) => new Promise((resolve, reject) => {
      const socket = connectTls({ port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false, ...options }, () => resolve(socket));
      socket.on('error', reject);
      sockets.push(socket);
    }),
    raw() {
      const socket = connectTcp(port, '127.0.0.1');
      socket.on('error', () => {});
      sockets.push(socket);
      return socket;
    },
  };
}

const GET = 'GET / HTTP/1.1\r\nHost: a.example\r\n\r\n';

/** @returns all that came until the other side ended */
function untilEnd(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
    socket.on('error', () => {});
    socket.once('close', () => resolve(text));
    socket.once('end', () => socket.end());
  });
}

async function othersAreServed(lab: Lab): Promise<void> {
  const socket = await lab.open({ ALPNProtocols: ['http/1.1'] });
  socket.write(GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  assert.match(await untilEnd(socket), /^HTTP\/1\.1 200 OK/);
}

const nothingIsLeft = ({ proxy }: Lab): Promise<void> => eventually(() => assert.equal(proxy.runtime.snapshot().listeners[0]?.activeConnections, 0), { timeoutMs: 5000 });

/** The first flight of a client, as it stands on the wire. */
async function clientHello(options: ConnectionOptions = {}): Promise<Buffer> {
  const { createServer: createTcp } = await import('node:net');
  return new Promise((resolve) => {
    const server = createTcp((socket) => {
      socket.on('error', () => {});
      socket.once('data', (first: Buffer) => {
        socket.destroy();
        server.close(() => resolve(first));
      });
    });
    server.listen(0, '127.0.0.1', () => {
      connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', servername: 'a.example', rejectUnauthorized: false, ...options }).on('error', () => {});
    });
  });
}

test('TLS: a session is not negotiated anew', async (t) => {
  const lab = await setUp(t);
  const socket = await lab.open({ maxVersion: 'TLSv1.2', ALPNProtocols: ['http/1.1'] });
  const outcome = await new Promise<string>((resolve) => {
    socket.removeAllListeners('error');
    socket.on('error', (error) => resolve(error.message));
    socket.on('close', () => resolve('closed'));
    socket.renegotiate({ rejectUnauthorized: false }, (error) => resolve(error ? error.message : 'negotiated anew'));
  });
  assert.match(outcome, /no renegotiation|closed/i);
  await othersAreServed(lab);
});

test('TLS: nor does a server get a session with us negotiated anew', async (t) => {
  const asked = Promise.withResolvers<string>();
  const server = createTlsServer({ cert: pair.certificatePem, key: pair.keyPem, maxVersion: 'TLSv1.2' }, (socket) => {
    socket.on('error', (error) => asked.resolve(error.message));
    socket.on('close', () => asked.resolve('closed'));
    socket.once('data', () => {
      socket.renegotiate({ requestCert: true, rejectUnauthorized: false }, (error) => asked.resolve(error ? error.message : 'negotiated anew'));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  const tls = typed('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { common_tls_context: {} });
  // A TCP server's address is never a path.
  const proxy = startProxy(t, { clusters: [staticCluster('up', [(server.address() as AddressInfo).port], { transport_socket: tls })], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const client = connectTcp(await proxy.port(), '127.0.0.1');
  t.after(() => client.destroy());
  client.write(GET);
  assert.match(await asked.promise, /no renegotiation|closed/i);
});

test('TLS: handshakes that are cut leave nothing behind, long before any time-out', async (t) => {
  const lab = await setUp(t, {}, {}, '600s');
  const hello = await clientHello();
  for (const how of ['end', 'reset'] as const) {
    for (const length of [1, 5, 6, 40, hello.length - 1, hello.length]) {
      await t.test(`${how} after ${length === hello.length ? 'the whole hello' : `${length} bytes`}`, async () => {
        const socket = lab.raw();
        const over = new Promise<void>((resolve) => socket.once('close', () => resolve()));
        socket.resume();
        socket.on('end', () => socket.destroy());
        await new Promise<void>((resolve) => socket.write(hello.subarray(0, length), () => resolve()));
        if (how === 'end') socket.end();
        else socket.resetAndDestroy();
        await over;
        await nothingIsLeft(lab);
      });
    }
  }
  await othersAreServed(lab);
});

test('TLS: rubbish where the handshake should go on ends the connection', async (t) => {
  const lab = await setUp(t, {}, {}, SOON);
  const hello = await clientHello();
  for (const [name, bytes] of [
    ['zeros', Buffer.alloc(5000)],
    ['plain HTTP', Buffer.from(GET)],
    ['a second hello', hello],
    ['a record of an unknown type', Buffer.from([99, 3, 3, 0, 1, 0])],
    ['application data in the clear', Buffer.concat([Buffer.from([23, 3, 3, 0, 40]), Buffer.alloc(40, 7)])],
    ['a record longer than allowed', Buffer.concat([Buffer.from([22, 3, 3, 0xff, 0xff]), Buffer.alloc(65_535)])],
    ['a fatal alert', Buffer.from([21, 3, 3, 0, 2, 2, 40])],
    ['a flood of warnings', Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([21, 3, 3, 0, 2, 1, 90])))],
    ['empty records', Buffer.concat(Array.from({ length: 1000 }, () => Buffer.from([22, 3, 3, 0, 0])))],
  ] as const) {
    await t.test(name, async () => {
      const socket = lab.raw();
      const over = untilEnd(socket);
      socket.write(Buffer.concat([hello, bytes]));
      assert.doesNotMatch(await over, /HTTP\/1/);
      await nothingIsLeft(lab);
    });
  }
  await othersAreServed(lab);
});

test('TLS: a hello of 16 KB that never ends is not waited for', async (t) => {
  const lab = await setUp(t, {}, {}, SOON);
  const socket = lab.raw();
  const over = untilEnd(socket);
  // A handshake message of 16 MB announced, in whole records.
  socket.write(Buffer.from([22, 3, 1, 0x40, 0, 1, 0xff, 0xff, 0xff]));
  socket.write(Buffer.alloc(16_380));
  await over;
  await nothingIsLeft(lab);
});

for (const [name, sends] of [
  ['a hello that comes byte by byte', (hello: Buffer) => Array.from(hello, (_, i) => hello.subarray(i, i + 1))],
  ['a handshake after whose hello nothing comes', (hello: Buffer) => [hello]],
  ['a handshake that goes on byte by byte', (hello: Buffer) => [hello, Buffer.from([20, 3, 3, 0, 1, 1]), Buffer.from([23, 3, 3, 0x10, 0]), ...Array.from({ length: 4096 }, () => Buffer.from([1]))]],
] as const) {
  test(`TLS: ${name} is given up, however alive it looks`, async (t) => {
    const lab = await setUp(t, {}, {}, SOON);
    const pieces = [...sends(await clientHello())];
    const socket = lab.raw();
    socket.setNoDelay(true);
    const started = performance.now();
    const over = untilEnd(socket);
    const timer = setInterval(() => {
      const piece = pieces.shift();
      if (piece && socket.writable) socket.write(piece);
    }, 20);
    t.after(() => clearInterval(timer));
    await over;
    assert.ok(performance.now() - started < 4000, 'two limits of 600 ms and the time to notice');
    await nothingIsLeft(lab);
    await othersAreServed(lab);
  });
}

test('TLS: a head that never ends is answered 408', async (t) => {
  const lab = await setUp(t, { request_headers_timeout: '0.5s' });
  const socket = await lab.open({ ALPNProtocols: ['http/1.1'] });
  socket.removeAllListeners('error');
  socket.write('GET / HTTP/1.1\r\nHost: a.example\r\nX-A: ');
  const timer = setInterval(() => void (socket.writable && socket.write('b')), 50);
  t.after(() => clearInterval(timer));
  assert.match(await untilEnd(socket), /^HTTP\/1\.1 408 /);
  await othersAreServed(lab);
});

test('TLS: a reader that does not read holds back the upstream, not our memory', async (t) => {
  const lab = await setUp(t);
  const socket = await lab.open({ ALPNProtocols: ['http/1.1'] });
  socket.pause();
  socket.write(GET.replace('/ ', '/large '));
  await settles(lab.sent);
  assert.ok(lab.sent() > 0 && lab.sent() < MOST_UNDER_WAY, `${lab.sent()} bytes under way`);
  await othersAreServed(lab);
});

test('HTTP/2 over TLS: a window of 0 and one that is never opened again hold back the upstream', async (t) => {
  const lab = await setUp(t);
  for (const initialWindowSize of [0, 65_535]) {
    const session: ClientHttp2Session = connectHttp2(`https://127.0.0.1:${lab.port}`, { rejectUnauthorized: false, servername: 'a.example', settings: { initialWindowSize } });
    session.on('error', () => {});
    t.after(() => session.destroy());
    const before = lab.sent();
    const stream = session.request({ ':path': '/large' });
    stream.on('error', () => {});
    stream.pause();
    await new Promise((resolve) => stream.once('response', resolve));
    await settles(lab.sent);
    assert.ok(lab.sent() - before < MOST_UNDER_WAY, `${lab.sent() - before} bytes under way`);
  }
  await othersAreServed(lab);
});

/** Resolves when it has not changed for a while: everything that has room is full then. */
async function settles(value: () => number): Promise<void> {
  let last = -1;
  await eventually(() => {
    const now = value();
    const same = now === last && now > 0;
    last = now;
    assert.ok(same);
  }, { timeoutMs: 10_000, everyMs: 250 });
}

test('TLS: of more handshakes than allowed the oldest makes room, and those who mean well are served', async (t) => {
  const lab = await setUp(t, {}, { maxHandshakes: 4 }, '3s');
  const hello = await clientHello();
  const stalled = Array.from({ length: 5 }, () => lab.raw());
  const ends = stalled.map((socket) => {
    socket.write(hello);
    return untilEnd(socket);
  });
  // One too many: which of them came first only the kernel knows.
  await Promise.race(ends);
  for (let i = 0; i < 8; i++) await othersAreServed(lab);
  for (const socket of stalled) socket.destroy();
  await nothingIsLeft(lab);
});

test('TLS: a burst of handshakes is served, a few in each turn', async (t) => {
  const lab = await setUp(t);
  await Promise.all(Array.from({ length: 60 }, () => othersAreServed(lab)));
  await nothingIsLeft(lab);
});
