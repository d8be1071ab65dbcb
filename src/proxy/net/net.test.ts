import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { type ChainMatch, type ConnectionView, matchChain, narrowByDestination, needsContent } from './chain-match.ts';
import { readClientHello } from './client-hello.ts';
import { inspect } from './inspect.ts';
import { parseSubjectAltName, sansMatch } from './tls-settings.ts';
import { CidrSet, parseCidr } from '../../base/cidr.ts';

const none = new CidrSet([]);
const any: ChainMatch = { destinations: none, serverNames: [], transport: '', applications: [], directSources: none, sourceType: 'any', sources: none, sourcePorts: [] };
const cidrs = (...ranges: string[]) => new CidrSet(ranges.map((range) => parseCidr(range) ?? assert.fail(range)));
const chain = (name: string, match: Partial<ChainMatch>) => ({ name, match: { ...any, ...match } });
const base: ConnectionView = { destination: { address: '10.0.0.5', port: 80 }, source: { address: '10.0.0.9', port: 4000 }, transport: 'raw_buffer', applications: [] };

for (const [name, chains, view, want] of [
  ['the port decides first', [chain('a', {}), chain('b', { destinationPort: 80 })], {}, 'b'],
  ['there is no way back from a port', [chain('a', { transport: 'tls' }), chain('b', { destinationPort: 80, transport: 'raw_buffer' })], { transport: 'tls' }, undefined],
  ['the longest prefix wins', [chain('a', { destinations: cidrs('10.0.0.0/8') }), chain('b', { destinations: cidrs('10.0.0.0/24') }), chain('c', {})], {}, 'b'],
  ['an exact server name beats a wildcard', [chain('a', { serverNames: ['*.b.c'] }), chain('b', { serverNames: ['a.b.c'] })], { serverName: 'a.b.c' }, 'b'],
  ['a longer wildcard beats a shorter one', [chain('a', { serverNames: ['*.c'] }), chain('b', { serverNames: ['*.b.c'] })], { serverName: 'a.b.c' }, 'b'],
  ['without a server name only chains without one fit', [chain('a', { serverNames: ['a.b.c'] }), chain('b', {})], {}, 'b'],
  ['mutual TLS of the mesh by protocol', [chain('mtls', { transport: 'tls', applications: ['istio'] }), chain('tls', { transport: 'tls' }), chain('plain', { transport: 'raw_buffer' })], { transport: 'tls', applications: ['istio-http/1.1', 'istio'] }, 'mtls'],
  ['other TLS', [chain('mtls', { transport: 'tls', applications: ['istio'] }), chain('tls', { transport: 'tls' }), chain('plain', { transport: 'raw_buffer' })], { transport: 'tls', applications: ['h2'] }, 'tls'],
  ['plain HTTP by its first bytes', [chain('http', { transport: 'raw_buffer', applications: ['http/1.1', 'h2c'] }), chain('tcp', { transport: 'raw_buffer' })], { applications: ['http/1.1'] }, 'http'],
  ['the source range', [chain('a', { sources: cidrs('10.0.0.0/24') }), chain('b', {})], {}, 'a'],
  ['the loopback source type', [chain('a', { sourceType: 'local' }), chain('b', { sourceType: 'external' })], { source: { address: '127.0.0.1', port: 1 } }, 'a'],
  ['nothing fits', [chain('a', { destinationPort: 81 })], {}, undefined],
] as const) {
  test(`filter chain matching: ${name}`, () => assert.equal(matchChain(chains, { ...base, ...view })?.name, want));
}

test('content is only needed when chains of the destination differ by it', () => {
  const chains = [chain('a', { destinationPort: 80 }), chain('b', { destinationPort: 81, transport: 'tls' })];
  assert.equal(needsContent(narrowByDestination(chains, base)), false);
  assert.equal(needsContent(narrowByDestination(chains, { ...base, destination: { address: '10.0.0.5', port: 81 } })), true);
});

async function clientHello(options: { servername?: string; ALPNProtocols?: string[] }): Promise<Buffer> {
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connectTls({ port: (server.address() as AddressInfo).port, host: '127.0.0.1', ...options });
  client.on('error', () => {});
  const [socket] = await once(server, 'connection');
  const [bytes] = (await once(socket, 'data')) as [Buffer];
  client.destroy();
  socket.destroy();
  server.close();
  return bytes;
}

test('a hello tells server name and protocols, whole or in pieces', async () => {
  const bytes = await clientHello({ servername: 'Reviews.Example', ALPNProtocols: ['istio', 'h2'] });
  const want = { serverName: 'reviews.example', alpn: ['istio', 'h2'] };
  assert.deepEqual(readClientHello(bytes), want);
  for (let cut = 0; cut < bytes.length; cut++) assert.equal(readClientHello(bytes.subarray(0, cut)), 'more', `after ${cut} bytes`);
  const records = [bytes.subarray(5, 50), bytes.subarray(50)].map((part) => Buffer.concat([Buffer.from([0x16, 3, 1, part.length >> 8, part.length & 255]), part]));
  assert.deepEqual(readClientHello(Buffer.concat(records)), want, 'spread over two records');
});

test('damaged hellos never throw', async () => {
  const bytes = await clientHello({ servername: 'a.example', ALPNProtocols: ['h2'] });
  let state = 1;
  for (let round = 0; round < 2000; round++) {
    const copy = Buffer.from(bytes);
    for (let flips = 0; flips < 4; flips++) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      copy[state % copy.length] = state >>> 24;
    }
    const result = readClientHello(copy);
    assert.ok(result === 'more' || result === 'not-tls' || Array.isArray(result.alpn));
  }
});

for (const [bytes, want] of [
  ['GET / HTTP/1.1\r\n', 'http/1.1'], ['POST /x HTTP/1.0\r\nA: b', 'http/1.0'], ['PRI * HTTP/2.0\r\n\r\nSM', 'h2c'], ['\r\nGET / HTTP/1.1\r\n', 'http/1.1'], ['SSH-2.0-x\r\n', undefined], ['\0\0', undefined],
  ['HELO there\r\n', undefined], ['PRI', 'more'], ['GET /long', 'more'], ['G', 'more'],
] as const) {
  test(`the first bytes ${JSON.stringify(bytes)} are ${String(want)}`, () => {
    const found = inspect(Buffer.from(bytes, 'latin1'), { tls: true, http: true });
    assert.equal(found === 'more' ? 'more' : found.kind === 'raw' ? found.application : 'tls', want);
  });
}

test('names in certificates are read as OpenSSL prints them', () => {
  assert.deepEqual(parseSubjectAltName('URI:spiffe://td/ns/a/sa/b, DNS:x.example, DNS:"a, DNS:b"'), [
    { type: 'URI', value: 'spiffe://td/ns/a/sa/b' },
    { type: 'DNS', value: 'x.example' },
    { type: 'DNS', value: 'a, DNS:b' },
  ]);
  const rules = [{ type: 'URI' as const, matches: (value: string) => value === 'spiffe://td/ns/a/sa/b' }];
  assert.equal(sansMatch(rules, 'DNS:spiffe://td/ns/a/sa/b'), false);
  assert.equal(sansMatch(rules, 'URI:spiffe://td/ns/a/sa/b'), true);
  assert.equal(sansMatch([], undefined), true);
});

test('the original destination of a connection that was not redirected is unknown', async () => {
  const { createOriginalDestination } = await import('./original-dst.ts');
  const server = createServer();
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const client = connect((server.address() as AddressInfo).port, '127.0.0.1');
  const [socket] = await once(server, 'connection');
  const fd = (socket as { _handle: { fd: number } })._handle.fd;
  assert.equal(createOriginalDestination()(fd), undefined);
  client.destroy();
  socket.destroy();
  server.close();
});

test('a target outside of ASCII is no HTTP, however much of the line is there', () => {
  for (const text of ['GET /\xe0', 'GET /\xe0 HTTP/1.1\r\n']) assert.deepEqual(inspect(Buffer.from(text, 'latin1'), { tls: false, http: true }), { kind: 'raw', application: undefined });
});

test('an empty handshake record is not TLS, or a client could send them for ever', () => {
  assert.equal(readClientHello(Buffer.from([0x16, 3, 1, 0, 0])), 'not-tls');
});

test('a large hello in records of one byte costs no more than its size', () => {
  const size = 60_000;
  const message = Buffer.concat([Buffer.from([1, 0, size >> 8, size & 0xff]), Buffer.alloc(size)]);
  const records = Buffer.alloc(message.length * 6);
  message.forEach((byte, i) => records.set([0x16, 3, 1, 0, 1, byte], i * 6));
  const before = process.cpuUsage();
  assert.notEqual(readClientHello(records), 'more');
  const { user, system } = process.cpuUsage(before);
  assert.ok(user + system < 500_000, `${(user + system) / 1000} ms of CPU; joining it anew for every record takes seconds`);
});
