import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { test, type TestContext } from 'node:test';
import { connect as connectTls, createServer as createTlsServer } from 'node:tls';
import { createAuthority } from '../../pki/authority.ts';
import { BytePump } from './byte-pump.ts';

const authority = createAuthority({ commonName: 'root', lifetimeMs: 3_600_000 });
const pair = authority.issue({ sans: { dns: ['relay'] }, lifetimeMs: 3_600_000, usages: ['server'] });
const halfOpen = { allowHalfOpen: true, pauseOnConnect: true } as const;

async function listen(t: TestContext, server: Server): Promise<number> {
  const open = new Set<Socket>();
  server.on('connection', (socket: Socket) => open.add(socket));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const socket of open) socket.destroy();
    server.close();
  });
  // A TCP server's address is never a path.
  return (server.address() as AddressInfo).port;
}

function join(a: Duplex, b: Duplex): BytePump[] {
  for (const socket of [a, b]) socket.on('error', () => {});
  return [new BytePump(a, b, () => {}), new BytePump(b, a, () => {})];
}

/** What comes in over TCP leaves over TLS. */
const encrypting = (t: TestContext, to: number) =>
  listen(t, createServer(halfOpen, (socket) => {
    const raw = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true });
    const secure = connectTls({ socket: raw, rejectUnauthorized: false }, () => join(socket, secure));
  }));

/** The other way round. */
const decrypting = (t: TestContext, to: number) =>
  listen(t, createTlsServer({ key: pair.keyPem, cert: pair.certificatePem, allowHalfOpen: true }, (secure) => {
    secure.pause();
    const socket = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }, () => join(secure, socket));
  }));

const relay = (t: TestContext, to: number) =>
  listen(t, createServer(halfOpen, (socket) => {
    const next = connect({ port: to, host: '127.0.0.1', allowHalfOpen: true }, () => join(socket, next));
  }));

const digest = (bytes: Buffer) => createHash('sha256').update(bytes).digest('hex');

/** Bytes that differ from one number to the next, and from place to place. */
function pattern(seed: number, length: number): Buffer {
  const bytes = Buffer.allocUnsafe(length);
  let state = seed * 2_654_435_761 + 1;
  for (let at = 0; at + 4 <= length; at += 4) {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) | 0;
    bytes.writeInt32LE(state, at);
  }
  return bytes.fill(seed, length - (length % 4));
}

/** Sends everything and closes its side; @returns what came back until the other side closed. @param isSlow does not read for a while */
function exchange(port: number, bytes: Buffer, isSlow: boolean): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const parts: Buffer[] = [];
    const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true }, () => socket.end(bytes));
    socket.on('data', (chunk: Buffer) => parts.push(chunk));
    if (isSlow) socket.pause();
    if (isSlow) setTimeout(() => socket.resume(), 200);
    socket.on('end', () => resolve(Buffer.concat(parts)));
    socket.on('error', reject);
  });
}

for (const way of ['TCP', 'TLS'] as const) {
  test(`bytes of many connections at once arrive whole and apart, whoever is slow: ${way}`, async (t) => {
    const echo = await listen(t, createServer({ allowHalfOpen: true }, (socket) => socket.pipe(socket)));
    const port = way === 'TCP' ? await relay(t, await relay(t, echo)) : await encrypting(t, await decrypting(t, echo));
    const sent = Array.from({ length: 12 }, (_, i) => pattern(i, [1, 16_384, 300_001, 16_000_000][i % 4] ?? 0));
    const seen = await Promise.all(sent.map((bytes, i) => exchange(port, bytes, i % 3 === 0)));
    assert.deepEqual(seen.map((bytes) => [bytes.length, digest(bytes)]), sent.map((bytes) => [bytes.length, digest(bytes)]));
  });

  test(`a client that reads nothing stops the sender, with little held on the way: ${way}`, async (t) => {
    let sent = 0;
    const chunk = Buffer.alloc(64 * 1024);
    const source = await listen(t, createServer((socket) => {
      const more = (): void => {
        while (!socket.destroyed) {
          sent += chunk.length;
          if (!socket.write(chunk)) return void socket.once('drain', more);
        }
      };
      socket.on('error', () => {});
      more();
    }));
    const held: Duplex[] = [];
    const keep = (a: Duplex, b: Duplex) => {
      held.push(a, b);
      join(a, b);
    };
    const port = await listen(t, way === 'TCP'
      ? createServer(halfOpen, (socket) => {
        const next = connect({ port: source, host: '127.0.0.1' }, () => keep(socket, next));
      })
      : createServer(halfOpen, (socket) => {
        const through = connect({ port: tls, host: '127.0.0.1' });
        const secure = connectTls({ socket: through, rejectUnauthorized: false }, () => keep(socket, secure));
      }));
    const tls = way === 'TLS' ? await decrypting(t, source) : 0;
    const client = connect(port, '127.0.0.1');
    client.pause();
    t.after(() => client.destroy());
    for (let before = -1; before !== sent || sent === 0; ) {
      before = sent;
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    assert.ok(held.length > 0 && held.every((socket) => socket.writableLength + socket.readableLength < 2 ** 20), `held: ${held.map((socket) => socket.writableLength)}`);
  });
}
