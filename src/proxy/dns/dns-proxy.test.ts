import assert from 'node:assert/strict';
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { connect, createServer, type AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { systemClock } from '../../base/clock.ts';
import { RecordType } from '../../base/dns/message.ts';
import { framed } from '../../base/dns/sockets.ts';
import { createLog, LogLevels } from '../../base/log.ts';
import { encodeNameTable, type NameInfo } from '../../xds/name-table.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { createDnsProxy, type DnsProxy } from './dns-proxy.ts';
import { createUpstream } from './upstream.ts';

const levels = new LogLevels();
levels.set('', 'none');

function query(name: string, type: number = RecordType.A, id = 0x1234): Buffer {
  const labels = name.split('.').map((label) => Buffer.concat([Buffer.from([label.length]), Buffer.from(label)]));
  const head = Buffer.from([id >> 8, id & 255, 1, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
  return Buffer.concat([head, ...labels, Buffer.from([0, 0, type, 0, 1])]);
}

/** An answer without records: the query with the bit that says so, and a code. */
const reply = (message: Buffer, code = 0): Buffer => {
  const out = Buffer.from(message);
  out[2] = 0x81;
  out[3] = 0x80 | code;
  return out;
};

interface NameServer {
  readonly port: number;
  readonly seen: Buffer[];
}

/** Both transports on one port, on an address of its own. */
async function nameServer(t: TestContext, address: string, options: { port?: number; answer?: (message: Buffer, send: (bytes: Buffer) => void) => void } = {}): Promise<NameServer> {
  const seen: Buffer[] = [];
  const answer = options.answer ?? ((message, send) => send(reply(message)));
  const tcp = createServer((socket) => {
    socket.on('error', () => {});
    socket.on('data', (bytes: Buffer) => {
      const message = bytes.subarray(2);
      seen.push(message);
      answer(message, (out) => socket.write(Buffer.concat([Buffer.from([out.length >> 8, out.length & 255]), out])));
    });
  });
  tcp.listen(options.port ?? 0, address);
  await once(tcp, 'listening');
  const { port } = tcp.address() as AddressInfo;
  const udp = createSocket('udp4');
  udp.on('message', (message, from) => {
    seen.push(message);
    answer(message, (out) => udp.send(out, from.port, from.address));
  });
  udp.bind(port, address);
  await once(udp, 'listening');
  t.after(() => {
    tcp.close();
    udp.close();
  });
  return { port, seen };
}

async function start(t: TestContext, nameservers: readonly string[], upstreamPort: number): Promise<{ proxy: DnsProxy; port: number }> {
  const proxy = createDnsProxy({ resolver: { nameservers, search: ['default.svc.cluster.local'] }, namespace: 'default', clock: systemClock, log: createLog(levels), upstreamPort });
  t.after(() => proxy.close());
  return { proxy, port: await proxy.start(['127.0.0.1'], 0) };
}

const table = (host: string, info: Partial<NameInfo>) => ({ name: host, version: '1', value: encodeNameTable(new Map([[host, { ips: [], registry: 'External', shortName: '', namespace: 'default', ...info }]])) });

async function askUdp(port: number, ...messages: Buffer[]): Promise<Buffer[]> {
  const socket: UdpSocket = createSocket('udp4');
  const got: Buffer[] = [];
  const done = new Promise<void>((resolve) => socket.on('message', (bytes) => void (got.push(bytes) === messages.length && resolve())));
  for (const message of messages) socket.send(message, port, '127.0.0.1');
  await done;
  socket.close();
  return got;
}

async function askTcp(port: number, bytes: Buffer, count = 1): Promise<Buffer[]> {
  const socket = connect(port, '127.0.0.1');
  socket.end(bytes);
  let held = Buffer.alloc(0);
  for await (const chunk of socket as AsyncIterable<Buffer>) held = Buffer.concat([held, chunk]);
  const got: Buffer[] = [];
  while (held.length >= 2) {
    got.push(held.subarray(2, 2 + held.readUInt16BE(0)));
    held = held.subarray(2 + held.readUInt16BE(0));
  }
  assert.equal(got.length, count);
  return got;
}

const code = (answer: Buffer | undefined) => (answer?.[3] ?? 0) & 15;
const count = (answer: Buffer | undefined) => answer?.readUInt16BE(6);

test('a name of the mesh is answered from its table, with 30 seconds to live', async (t) => {
  const { proxy, port } = await start(t, [], 1);
  assert.equal(proxy.isReady, false);
  proxy.apply({ typeUrl: TypeUrl.NameTable, upserted: [table('api.example.com', { ips: ['240.240.0.9'] })], removed: [] });
  assert.equal(proxy.isReady, true);
  for (const answer of [...(await askUdp(port, query('api.example.com'))), ...(await askTcp(port, framed(query('api.example.com'))))]) {
    assert.deepEqual([answer.readUInt16BE(0), code(answer), count(answer)], [0x1234, 0, 1]);
    assert.deepEqual([...answer.subarray(-14)], [0, 1, 0, 1, 0, 0, 0, 30, 0, 4, 240, 240, 0, 9]);
  }
  proxy.apply({ typeUrl: TypeUrl.NameTable, upserted: [], removed: ['api.example.com'] });
  assert.equal(code((await askUdp(port, query('api.example.com')))[0]), 2, 'nobody is left to ask');
});

test('other names are passed on as they are, and the answer comes back under the query’s id', async (t) => {
  const server = await nameServer(t, '127.0.0.1');
  const { proxy, port } = await start(t, ['127.0.0.1'], server.port);
  const [udp] = await askUdp(port, query('example.com', 16, 0x4242));
  const [tcp] = await askTcp(port, framed(query('example.org', 16, 0x4343)));
  assert.deepEqual([udp?.readUInt16BE(0), tcp?.readUInt16BE(0)], [0x4242, 0x4343]);
  assert.deepEqual(server.seen.map((m) => m.subarray(2)), [query('example.com', 16).subarray(2), query('example.org', 16).subarray(2)]);
  assert.deepEqual(proxy.counters, { requests: 2, upstreamRequests: 2, failures: 0 });
});

test('a server that is not there or cannot answer is passed over', async (t) => {
  const unable = await nameServer(t, '127.0.0.2', { answer: (message, send) => send(reply(message, 2)) });
  await nameServer(t, '127.0.0.3', { port: unable.port });
  const { port } = await start(t, ['127.0.0.99', '127.0.0.2', '127.0.0.3'], unable.port);
  assert.equal(code((await askUdp(port, query('example.com')))[0]), 0);
  assert.equal(code((await askTcp(port, framed(query('example.com'))))[0]), 0);
});

test('when all that answer cannot, their word is passed on', async (t) => {
  const refused = await nameServer(t, '127.0.0.2', { answer: (message, send) => send(reply(message, 5)) });
  const { port } = await start(t, ['127.0.0.2'], refused.port);
  assert.equal(code((await askUdp(port, query('example.com')))[0]), 5);
});

test('an answer to another question or from a stranger is ignored', async (t) => {
  const server = await nameServer(t, '127.0.0.1', {
    answer(message, send) {
      const other = reply(Buffer.concat([message.subarray(0, 12), query('evil.example').subarray(12)]));
      const wrongId = reply(message);
      wrongId.writeUInt16BE((message.readUInt16BE(0) + 1) & 0xffff);
      for (const bytes of [Buffer.from('x'), other, wrongId, message, reply(message, 3)]) send(bytes);
    },
  });
  const { port } = await start(t, ['127.0.0.1'], server.port);
  assert.equal(code((await askUdp(port, query('example.com')))[0]), 3);
});

test('an answer that is too long for UDP says so, and is whole over TCP', async (t) => {
  const { proxy, port } = await start(t, [], 1);
  const ips = Array.from({ length: 100 }, (_, i) => `10.0.0.${i}`);
  proxy.apply({ typeUrl: TypeUrl.NameTable, upserted: [table('many.example', { ips })], removed: [] });
  const [udp] = await askUdp(port, query('many.example'));
  assert.ok(udp && udp.length <= 512);
  assert.deepEqual([(udp[2] ?? 0) & 2, count(udp)], [2, 0]);
  const [tcp] = await askTcp(port, framed(query('many.example')));
  assert.equal(count(tcp), 100);
});

test('many questions on one connection are all answered', async (t) => {
  const server = await nameServer(t, '127.0.0.1');
  const { proxy, port } = await start(t, ['127.0.0.1'], server.port);
  proxy.apply({ typeUrl: TypeUrl.NameTable, upserted: [table('a.example', { ips: ['10.0.0.1'] })], removed: [] });
  const questions = Array.from({ length: 100 }, (_, i) => framed(query(i % 10 === 0 ? 'elsewhere.example' : 'a.example', 1, i)));
  const answers = await askTcp(port, Buffer.concat(questions), 100);
  assert.equal(new Set(answers.map((a) => a.readUInt16BE(0))).size, 100);
});

test('what cannot be read is answered as such when it is a question, and with silence when it is an answer', async (t) => {
  const { port } = await start(t, [], 1);
  const truncated = query('example.com').subarray(0, 18);
  const [answer] = await askUdp(port, truncated);
  assert.deepEqual([answer?.readUInt16BE(0), code(answer)], [0x1234, 1]);
  // The answer to an answer would come before that to the question.
  const socket = createSocket('udp4');
  const got: Buffer[] = [];
  socket.on('message', (bytes) => void got.push(bytes));
  socket.send(reply(query('example.com')), port, '127.0.0.1');
  socket.send(query('example.com', 1, 0x7777), port, '127.0.0.1');
  await once(socket, 'message');
  assert.deepEqual(got.map((bytes) => bytes.readUInt16BE(0)), [0x7777]);
  socket.close();
});

test('a table that cannot be read is refused, and the names stay', async (t) => {
  const { proxy, port } = await start(t, [], 1);
  proxy.apply({ typeUrl: TypeUrl.NameTable, upserted: [table('a.example', { ips: ['10.0.0.1'] })], removed: [] });
  const refused = proxy.apply({ typeUrl: TypeUrl.NameTable, upserted: [{ name: 'a.example', version: '2', value: Buffer.from([0x0a, 200]) }], removed: [] });
  assert.deepEqual(refused.map((r) => r.name), ['a.example']);
  assert.equal(count((await askUdp(port, query('a.example')))[0]), 1);
});

test('a silent server delays an answer by a second, and nobody’s silence lasts longer than five', async () => {
  const clock = new FakeClock();
  const silent = await new Promise<{ port: number; close(): void }>((resolve) => {
    const socket = createSocket('udp4').bind(0, '127.0.0.2', () => resolve({ port: socket.address().port, close: () => void socket.close() }));
  });
  const upstream = createUpstream({ servers: [{ address: '127.0.0.2', port: silent.port }, { address: '127.0.0.2', port: silent.port }], clock });
  let answer: Buffer | undefined | 'open' = 'open';
  void upstream.ask(query('example.com'), 'udp').then((got) => void (answer = got));
  await clock.advance(4999);
  assert.equal(answer, 'open');
  await clock.advance(1);
  assert.equal(answer, undefined);
  silent.close();
});
