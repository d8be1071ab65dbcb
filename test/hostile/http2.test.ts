/** What harmful frames come to. Nothing of a request that breaks a rule reaches the upstream, which speaks HTTP/1: there, what passes as
 * one request would become two. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { Flag, FrameType, Setting, settingsFrame } from '../../src/codec/http2/frames.ts';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, type TestProxy } from '../../src/proxy/testkit/proxy.ts';
import { eventually } from '../../src/testkit/eventually.ts';
import { HTTP2_CASES } from './http2-cases.ts';
import { frame, headerBlock, headers, nameOf, number, RawHttp2Client, REQUEST } from './raw-http2.ts';
import { startRecorder, type Recorder } from './recorder.ts';

async function setUp(t: TestContext): Promise<{ port: number; recorder: Recorder; proxy: TestProxy; open: (raw?: boolean) => RawHttp2Client }> {
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  const slow = { match: { prefix: '/slow' }, route: { cluster: 'nowhere', timeout: '0s' } };
  const proxy = startProxy(t, {
    clusters: [staticCluster('up', [recorder.port]), { name: 'nowhere', type: 'STATIC', connect_timeout: '30s', load_assignment: { cluster_name: 'nowhere', endpoints: [{ lb_endpoints: [{ endpoint: { address: { socket_address: { address: '192.0.2.1', port_value: 1 } } } }] }] } }],
    listeners: [listener([hcm(inlineRoutes([slow, routeTo('up')]), { codec_type: 'HTTP2' })])],
  });
  const port = await proxy.port();
  const clients: RawHttp2Client[] = [];
  t.after(() => clients.forEach((client) => client.destroy()));
  return {
    port,
    recorder,
    proxy,
    open(raw = false) {
      const client = new RawHttp2Client(port);
      clients.push(client);
      return raw ? client : client.open();
    },
  };
}

test('HTTP/2: frames that break a rule', async (t) => {
  const { recorder, open } = await setUp(t);
  for (const one of HTTP2_CASES) {
    await t.test(one.name, async () => {
      const client = open(one.raw);
      client.send(...one.frames);
      await client.until((c) => (one.becomes.startsWith('goaway') ? c.goAway !== undefined : c.statuses.has(1) || c.resets.has(1) || c.goAway !== undefined));
      const became = client.goAway ? `goaway ${nameOf(client.goAway.code)}` : client.resets.has(1) && !client.statuses.has(1) ? `reset ${nameOf(client.resets.get(1))}` : `status ${client.statuses.get(1)}`;
      assert.equal(became, one.becomes, client.goAway?.reason ?? '');
      if (one.becomes.startsWith('reset')) {
        // The other streams of the connection live on.
        client.send(headers(101));
        await client.until((c) => c.statuses.has(101));
        assert.equal(client.statuses.get(101), 200);
      }
      client.destroy();
      const reached = recorder.take().filter((request) => !one.becomes.startsWith('reset') || request !== 'GET / ');
      if (!one.becomes.startsWith('status')) assert.deepEqual(reached.filter((request) => request !== 'GET / '), []);
    });
  }
});

/** @returns what ended the connection, or how it goes on */
async function flood(client: RawHttp2Client, frames: readonly Buffer[], batches: number): Promise<string> {
  const batch = Buffer.concat(frames);
  for (let i = 0; i < batches && !client.closed && client.goAway === undefined; i++) {
    await new Promise<void>((resolve) => {
      if (!client.socket.writable) resolve();
      else if (client.socket.write(batch)) setImmediate(resolve);
      else client.socket.once('drain', resolve).once('close', () => resolve());
    });
  }
  client.send(frame(FrameType.Ping, 0, 0, 'survived'));
  await client.until((c) => c.goAway !== undefined || c.survived);
  return client.goAway ? nameOf(client.goAway.code) : client.closed ? 'closed' : 'survived';
}

const many = (count: number, make: (i: number) => Buffer): Buffer[] => Array.from({ length: count }, (_, i) => make(i));

for (const [name, make, becomes] of [
  ['rapid reset', (round: number) => many(100, (i) => Buffer.concat([headers(1 + 2 * (round * 100 + i), REQUEST.map(([n, v]) => [n, n === ':path' ? '/slow' : v])), frame(FrameType.RstStream, 0, 1 + 2 * (round * 100 + i), number(8))])), 'EnhanceYourCalm'],
  ['streams reset by our own answer to a broken rule', (round: number) => many(100, (i) => Buffer.concat([headers(1 + 2 * (round * 100 + i), REQUEST.map(([n, v]) => [n, n === ':path' ? '/slow' : v]), Flag.EndHeaders), frame(FrameType.WindowUpdate, 0, 1 + 2 * (round * 100 + i), number(0))])), 'EnhanceYourCalm'],
  ['empty DATA frames', () => many(100, (i) => (i === 0 ? headers(1, REQUEST, Flag.EndHeaders) : frame(FrameType.Data, 0, 1))), 'EnhanceYourCalm'],
  ['empty CONTINUATION frames', () => many(100, (i) => (i === 0 ? frame(FrameType.Headers, 0, 1, headerBlock(REQUEST)) : frame(FrameType.Continuation, 0, 1))), 'EnhanceYourCalm'],
  ['CONTINUATION frames without end', () => many(100, (i) => (i === 0 ? frame(FrameType.Headers, 0, 1, headerBlock(REQUEST)) : frame(FrameType.Continuation, 0, 1, headerBlock([['x', 'y']])))), 'EnhanceYourCalm'],
  ['PING frames', () => many(1000, () => frame(FrameType.Ping, 0, 0, '12345678')), 'EnhanceYourCalm'],
  ['SETTINGS frames', () => many(1000, () => settingsFrame([[Setting.MaxConcurrentStreams, 100]])), 'EnhanceYourCalm'],
  ['PRIORITY frames', () => many(1000, () => frame(FrameType.Priority, 0, 3, Buffer.from([0, 0, 0, 1, 1]))), 'EnhanceYourCalm'],
  ['WINDOW_UPDATE frames', () => many(1000, () => frame(FrameType.WindowUpdate, 0, 0, number(1))), 'EnhanceYourCalm'],
] as const) {
  test(`HTTP/2: a flood of ${name} ends the connection, and others go on`, async (t) => {
    const { open } = await setUp(t);
    const client = open();
    let became = 'survived';
    for (let round = 0; round < 20 && became === 'survived'; round++) became = await flood(client, make(round), 1);
    assert.equal(became, becomes);
    const other = open();
    other.send(headers(1));
    await other.until((c) => c.statuses.has(1));
    assert.equal(other.statuses.get(1), 200);
  });
}

for (const [name, make] of [
  ['PING', () => frame(FrameType.Ping, 0, 0, '12345678')],
  ['SETTINGS', () => settingsFrame([[Setting.MaxConcurrentStreams, 100]])],
] as const) {
  test(`HTTP/2: who floods ${name} frames and does not read the answers is cut off`, async (t) => {
    const { open } = await setUp(t);
    const client = open();
    await client.until((c) => c.socket.readyState === 'open');
    client.socket.pause();
    const batch = Buffer.concat(many(5000, make));
    // Far more than the buffers between us hold.
    const closed = new Promise<boolean>((resolve) => client.socket.once('close', () => resolve(true)));
    let isOver = false;
    void closed.then(() => (isOver = true));
    for (let i = 0; i < 400 && !isOver; i++) {
      await new Promise<void>((resolve) => {
        if (isOver || !client.socket.writable) resolve();
        else client.socket.write(batch, () => resolve());
      });
    }
    client.socket.resume();
    assert.equal(await closed, true);
  });
}

test('HTTP/2: a bomb of references to one large field ends the connection and is not unpacked', async (t) => {
  const { open, recorder } = await setUp(t);
  const client = open();
  const large = Buffer.concat([Buffer.from([0x40, 1, 0x78, 0x7f, 0xa0 | 0x80, 0x1e]), Buffer.alloc(4000 - 1 - 64, 0x61)]);
  const length = 127 + (0x20 | (0x1e << 7));
  const literal = Buffer.concat([large.subarray(0, 6), Buffer.alloc(length, 0x61)]);
  client.send(frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, 1, Buffer.concat([headerBlock(REQUEST), literal, Buffer.alloc(10_000, 0xbe)])));
  await client.until((c) => c.statuses.has(1) || c.goAway !== undefined);
  assert.equal(nameOf(client.goAway?.code), 'EnhanceYourCalm');
  assert.deepEqual(recorder.take(), []);
});

test('HTTP/2: more streams than allowed are refused, and refused ones were never seen', async (t) => {
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  const proxy = startProxy(t, { clusters: [staticCluster('up', [recorder.port])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), { codec_type: 'HTTP2', http2_protocol_options: { max_concurrent_streams: 2 } })])] });
  const client = new RawHttp2Client(await proxy.port()).open();
  t.after(() => client.destroy());
  const open = (id: number): Buffer => headers(id, REQUEST, Flag.EndHeaders);
  client.send(open(1), open(3), open(5));
  await client.until((c) => c.resets.has(5));
  assert.equal(nameOf(client.resets.get(5)), 'RefusedStream');
  client.send(frame(FrameType.Data, Flag.EndStream, 1), frame(FrameType.Data, Flag.EndStream, 3));
  await client.until((c) => c.statuses.size === 2);
  assert.deepEqual([...client.statuses], [[1, 200], [3, 200]]);
  assert.equal(recorder.take().length, 2);
});

test('HTTP/2: a window that the client never opens holds back the upstream, not our memory', async (t) => {
  const { open } = await setUp(t);
  const client = open();
  client.send(settingsFrame([[Setting.InitialWindowSize, 0]]), headers(1));
  await client.until((c) => c.statuses.has(1));
  client.send(frame(FrameType.Ping, 0, 0, 'survived'));
  await client.until((c) => c.pings > 0);
  assert.equal(client.ended.has(1), false);
  client.send(frame(FrameType.WindowUpdate, 0, 1, number(100)));
  await client.until((c) => c.ended.has(1));
});

test('HTTP/2: who gives up what nothing was done for yet is cut off sooner, and the upstream hears little of it; each of its requests is told of', async (t) => {
  const { open, recorder, proxy } = await setUp(t);
  const client = open();
  // In one write: the reset is here before the request has begun.
  client.send(...many(100, (i) => Buffer.concat([headers(1 + 2 * i), frame(FrameType.RstStream, 0, 1 + 2 * i, number(8))])));
  await client.until((c) => c.goAway !== undefined);
  assert.equal(nameOf(client.goAway?.code), 'EnhanceYourCalm');
  await eventually(() => assert.equal(proxy.http.length, 100));
  for (const { method, path, protocol, responseCode, flags, details } of proxy.http) {
    assert.deepEqual([method, path, protocol, responseCode, flags, details], ['GET', '/', 'HTTP/2', 0, ['DR'], 'http2.remote_reset']);
  }
  const other = open();
  other.send(headers(1));
  await other.until((c) => c.statuses.has(1));
  assert.equal(recorder.take().length, 1, 'only the other one’s');
});

test('HTTP/2: requests that come at once begin a few in each turn, and all are answered, bodies too', async (t) => {
  const { open, recorder } = await setUp(t);
  const client = open();
  client.send(...many(200, (i) => Buffer.concat([headers(1 + 2 * i, REQUEST.map(([n, v]) => [n, n === ':method' ? 'POST' : v]), Flag.EndHeaders), frame(FrameType.Data, Flag.EndStream, 1 + 2 * i, `body ${i}`)])));
  await client.until((c) => c.ended.size === 200);
  assert.deepEqual([...client.statuses.values()].filter((status) => status !== 200), []);
  assert.deepEqual(recorder.take().sort(), many(200, (i) => Buffer.from(`POST / body ${i}`)).map(String).sort());
});

test('HTTP/2: heads that are too large are refused, and not for ever', async (t) => {
  const { open } = await setUp(t);
  const client = open();
  for (let i = 0; i < 600 && client.goAway === undefined && !client.closed; i++) {
    client.send(headers(1 + 2 * i, [...REQUEST, ...Array.from({ length: 101 }, (): [string, string] => ['a', 'b'])]));
    await client.until((c) => c.statuses.has(1 + 2 * i) || c.goAway !== undefined);
  }
  assert.equal(nameOf(client.goAway?.code), 'EnhanceYourCalm');
});
