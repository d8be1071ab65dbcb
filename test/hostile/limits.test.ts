/** Limits that are settings, where Envoy has them: each is seen to hold. */
import assert from 'node:assert/strict';
import { connect, createServer, type AddressInfo, type Socket } from 'node:net';
import test, { type TestContext } from 'node:test';
import { Flag, FrameType, Setting, settingsFrame } from '../../src/codec/http2/frames.ts';
import type { RuntimeDeps } from '../../src/proxy/runtime.ts';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, type TestProxy } from '../../src/proxy/testkit/proxy.ts';
import { eventually } from '../../src/testkit/eventually.ts';
import { frame, headerBlock, headers, nameOf, number, RawHttp2Client, REQUEST } from './raw-http2.ts';
import { startRecorder, type Recorder } from './recorder.ts';

type Fields = Readonly<Record<string, unknown>>;

async function setUp(t: TestContext, manager: Fields, deps: Partial<RuntimeDeps> = {}): Promise<{ proxy: TestProxy; port: number; recorder: Recorder; http2: () => RawHttp2Client; raw: () => Socket; reasons: () => string[] }> {
  const recorder = await startRecorder();
  t.after(() => recorder.close());
  const silent = createServer((socket) => void socket.on('error', () => {}).resume());
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  t.after(() => silent.close());
  const slow = { match: { prefix: '/slow' }, route: { cluster: 'silent', timeout: '0s' } };
  const proxy = startProxy(t, { clusters: [staticCluster('up', [recorder.port]), staticCluster('silent', [(silent.address() as AddressInfo).port])], listeners: [listener([hcm(inlineRoutes([slow, routeTo('up')]), manager)])] }, deps);
  const port = await proxy.port();
  const sockets: { destroy(): void }[] = [];
  t.after(() => sockets.forEach((socket) => void socket.destroy()));
  const kept = <T extends { destroy(): void }>(socket: T): T => {
    sockets.push(socket);
    return socket;
  };
  return {
    proxy,
    port,
    recorder,
    /** What is logged of answers that the proxy made. */
    reasons: () => proxy.http.filter(({ details }) => details !== 'via_upstream').map(({ protocol, responseCode, flags, details }) => `${protocol} ${responseCode} ${flags.join()} ${details}`),
    http2: () => kept(new RawHttp2Client(port).open()),
    raw() {
      const socket = kept(connect(port, '127.0.0.1'));
      socket.on('error', () => {});
      return socket;
    },
  };
}

const GET = 'GET / HTTP/1.1\r\nHost: a\r\n\r\n';
const fields = (count: number) => 'a: b\r\n'.repeat(count);

/** @returns what came until the connection ended */
function heard(socket: Socket): Promise<string> {
  return new Promise((resolve) => {
    let text = '';
    socket.on('data', (part: Buffer) => (text += part.toString('latin1')));
    socket.once('end', () => socket.end());
    socket.once('close', () => resolve(text));
  });
}

/** All statuses of the answers to one request, after which the connection ends. */
async function statuses(port: number, request: string): Promise<number[]> {
  const socket = connect(port, '127.0.0.1');
  socket.on('error', () => {});
  const over = heard(socket);
  socket.write(request.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));
  return [...(await over).matchAll(/HTTP\/1\.1 (\d{3})/g)].map((match) => Number(match[1]));
}

const status = async (port: number, request: string): Promise<number | undefined> => (await statuses(port, request)).at(-1);

test('max_headers_count', async (t) => {
  const { port } = await setUp(t, { common_http_protocol_options: { max_headers_count: 5 } });
  assert.equal(await status(port, `GET / HTTP/1.1\r\nHost: a\r\n${fields(3)}\r\n`), 200);
  assert.equal(await status(port, `GET / HTTP/1.1\r\nHost: a\r\n${fields(4)}\r\n`), 431);
});

test('max_request_headers_kb', async (t) => {
  const { port, http2, reasons } = await setUp(t, { max_request_headers_kb: 8 });
  assert.equal(await status(port, `GET / HTTP/1.1\r\nHost: a\r\nx: ${'a'.repeat(7000)}\r\n\r\n`), 200);
  assert.equal(await status(port, `GET / HTTP/1.1\r\nHost: a\r\nx: ${'a'.repeat(9000)}\r\n\r\n`), 431);
  const client = http2();
  client.send(headers(1, [...REQUEST, ['x', 'a'.repeat(9000)]]));
  await client.until((c) => c.statuses.has(1));
  assert.equal(client.statuses.get(1), 431);
  assert.deepEqual(reasons(), ['HTTP/1.1 431 DPE http1.headers_too_large', 'HTTP/2 431 DPE http2.too_many_headers']);
});

test('request_headers_timeout: a head in drops, and one after another request', async (t) => {
  const { raw } = await setUp(t, { request_headers_timeout: '0.3s' });
  const socket = raw();
  const over = heard(socket);
  socket.write(`${GET}GET /next HTTP/1.1\r\nHost: `);
  const timer = setInterval(() => void (socket.writable && socket.write('a')), 50);
  t.after(() => clearInterval(timer));
  assert.match(await over, /^HTTP\/1\.1 200 [^]*HTTP\/1\.1 408 /);
});

test('request_headers_timeout: a header section of HTTP/2 whose CONTINUATION never comes', async (t) => {
  const { http2 } = await setUp(t, { codec_type: 'HTTP2', request_headers_timeout: '0.3s' });
  const client = http2();
  client.send(headers(1, REQUEST, Flag.EndStream));
  await client.until((c) => c.goAway !== undefined);
  assert.equal(nameOf(client.goAway?.code), 'EnhanceYourCalm');
});

test('a client that leaves in the middle of a head is logged, as by Envoy', async (t) => {
  const { raw, proxy } = await setUp(t, {});
  const socket = raw();
  const over = heard(socket);
  socket.end('GET / HTTP/1.1\r\nHost: ');
  assert.equal(await over, '');
  await eventually(() => assert.deepEqual(proxy.http.map(({ responseCode, flags, details }) => [responseCode, flags, details]), [[0, ['DC'], 'downstream_remote_disconnect']]));
});

test('stream_idle_timeout counts for heads and for bodies that stop', async (t) => {
  const { raw } = await setUp(t, { stream_idle_timeout: '0.3s' });
  for (const bytes of ['GET / HTTP/1.1\r\nHost: a', 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc']) {
    const socket = raw();
    const over = heard(socket);
    socket.write(bytes);
    assert.match(await over, /^HTTP\/1\.1 408 [^]*stream timeout$/);
  }
});

test('request_timeout: a body in drops', async (t) => {
  const { raw } = await setUp(t, { request_timeout: '0.3s' });
  const socket = raw();
  const over = heard(socket);
  socket.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000\r\n\r\n');
  const timer = setInterval(() => void (socket.writable && socket.write('a')), 50);
  t.after(() => clearInterval(timer));
  assert.match(await over, /^HTTP\/1\.1 408 /);
});

test('idle_timeout of connections', async (t) => {
  const { raw } = await setUp(t, { common_http_protocol_options: { idle_timeout: '0.6s' } });
  const socket = raw();
  const over = heard(socket);
  socket.write(GET);
  assert.match(await over, /^HTTP\/1\.1 200 /);
});

test('max_stream_duration for routes that say nothing', async (t) => {
  const { port } = await setUp(t, { common_http_protocol_options: { max_stream_duration: '0.2s' } });
  assert.equal(await status(port, 'GET /slow HTTP/1.1\r\nHost: a\r\n\r\n'), 504);
});

test('max_requests_per_connection', async (t) => {
  const { raw, recorder } = await setUp(t, { common_http_protocol_options: { max_requests_per_connection: 2 } });
  const socket = raw();
  const over = heard(socket);
  socket.write(GET.repeat(3));
  assert.equal((await over).match(/HTTP\/1\.1 200/g)?.length, 2);
  assert.equal(recorder.take().length, 2);
});

test('max_connections over all listeners', async (t) => {
  const { raw, port } = await setUp(t, {}, { maxConnections: 2 });
  const held = [raw(), raw()];
  await Promise.all(held.map(async (socket) => {
    socket.write(GET);
    await new Promise((resolve) => socket.once('data', resolve));
  }));
  assert.equal(await heard(raw()), '', 'one too many is closed');
  held[0]?.destroy();
  for (;;) if ((await status(port, GET)) === 200) break;
});

test('thousands who come from one address do not keep newcomers from another waiting', async (t) => {
  const { port, recorder } = await setUp(t, {});
  const come = async (localAddress: string): Promise<Socket> => {
    const socket = connect({ port, host: '127.0.0.1', localAddress });
    t.after(() => socket.destroy());
    socket.on('error', () => {});
    await new Promise((resolve) => socket.once('connect', resolve));
    return socket;
  };
  const many = await Promise.all(Array.from({ length: 1000 }, () => come('127.0.0.1')));
  const one = await come('127.0.0.2');
  for (const socket of many) socket.write('GET /many HTTP/1.1\r\nHost: a\r\n\r\n');
  one.write('GET /one HTTP/1.1\r\nHost: a\r\n\r\n');
  await new Promise((resolve) => one.once('data', resolve));
  const before = recorder.take().length;
  assert.ok(before < 500, `${before} were served first`);
});

const http2Options = (options: Fields): Fields => ({ codec_type: 'HTTP2', http2_protocol_options: options });

test('HTTP/2: windows are announced and held', async (t) => {
  const { port } = await setUp(t, http2Options({ initial_stream_window_size: 70_000, initial_connection_window_size: 80_000 }));
  const socket = connect(port, '127.0.0.1');
  t.after(() => socket.destroy());
  const first = await new Promise<Buffer>((resolve) => {
    let all = Buffer.alloc(0);
    socket.on('data', (part: Buffer) => {
      all = Buffer.concat([all, part]);
      if (all.length >= 9 + 18 + 13) resolve(all);
    });
  });
  const settings = new Map<number, number>();
  for (let at = 9; at < 9 + first.readUIntBE(0, 3); at += 6) settings.set(first.readUInt16BE(at), first.readUInt32BE(at + 2));
  assert.equal(settings.get(Setting.InitialWindowSize), 70_000);
  const update = 9 + first.readUIntBE(0, 3);
  assert.deepEqual([first[update + 3], first.readUInt32BE(update + 9)], [FrameType.WindowUpdate, 80_000 - 65_535]);
});

for (const [name, options, frames] of [
  ['max_consecutive_inbound_frames_with_empty_payload', { max_consecutive_inbound_frames_with_empty_payload: 5 }, (over: number) => [headers(1, REQUEST, Flag.EndHeaders), ...Array.from({ length: 5 + over }, () => frame(FrameType.Data, 0, 1))]],
  ['max_inbound_priority_frames_per_stream', { max_inbound_priority_frames_per_stream: 5 }, (over: number) => Array.from({ length: 5 + over }, () => frame(FrameType.Priority, 0, 3, Buffer.from([0, 0, 0, 1, 1])))],
  ['max_inbound_window_update_frames_per_data_frame_sent', { max_inbound_window_update_frames_per_data_frame_sent: 1 }, (over: number) => Array.from({ length: 5 + over }, () => frame(FrameType.WindowUpdate, 0, 0, number(1)))],
] as const) {
  test(`HTTP/2: ${name}`, async (t) => {
    const { http2 } = await setUp(t, http2Options(options));
    for (const over of [0, 1]) {
      const client = http2();
      client.send(...frames(over), frame(FrameType.Ping, 0, 0, 'survived'));
      await client.until((c) => c.survived || c.goAway !== undefined);
      assert.equal(client.goAway === undefined ? 'survived' : nameOf(client.goAway.code), over === 0 ? 'survived' : 'EnhanceYourCalm');
    }
  });
}

for (const [name, options] of [
  ['max_outbound_control_frames', { max_outbound_control_frames: 10 }],
  ['max_outbound_frames', { max_outbound_frames: 10 }],
] as const) {
  test(`HTTP/2: ${name}: who does not read is cut off soon`, async (t) => {
    const { http2 } = await setUp(t, http2Options(options));
    const client = http2();
    await client.until((c) => c.socket.readyState === 'open');
    client.socket.pause();
    let over = false;
    client.socket.once('close', () => (over = true));
    const batch = Buffer.concat(Array.from({ length: 900 }, () => frame(FrameType.Ping, 0, 0, '12345678')));
    // The kernel's buffers between us take some megabytes.
    for (let i = 0; i < 3000 && !over; i++) await new Promise<void>((resolve) => (client.socket.writable ? client.socket.write(batch, () => resolve()) : resolve()));
    client.socket.resume();
    await client.until(() => false).catch(() => {});
    assert.equal(client.closed, true);
  });
}

test('an upgrade that is answered 200 ends the connection: nobody can say where the next request begins', async (t) => {
  const { raw, recorder } = await setUp(t, { upgrade_configs: [{ upgrade_type: 'websocket' }] });
  const socket = raw();
  const over = heard(socket);
  socket.write(`GET /chat HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x\r\n\r\nGET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n`);
  assert.equal((await over).match(/HTTP\/1\.1/g)?.length, 1);
  assert.deepEqual(recorder.take().map((request) => request.split(' ')[1]), ['/chat']);
});

test('HTTP/2 upstream: a flood of interim answers ends the stream', async (t) => {
  const server = createServer((socket) => {
    socket.on('error', () => {});
    socket.write(settingsFrame([]));
    socket.once('data', () => socket.write(Buffer.concat([...Array.from({ length: 1000 }, () => headers(1, [[':status', '103']], Flag.EndHeaders)), headers(1, [[':status', '200']])])));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => server.close());
  // A TCP server's address is never a path.
  const up = { ...staticCluster('up', [(server.address() as AddressInfo).port]), http2_protocol_options: {} };
  const proxy = startProxy(t, { clusters: [up], listeners: [listener([hcm(inlineRoutes([routeTo('up')]))])] });
  const codes = await statuses(await proxy.port(), GET);
  assert.deepEqual(codes.filter((code) => code >= 200), [502]);
  assert.ok(codes.length <= 101);
});

const REFUSED = 'GET / HTTP/1.1\r\nHost : a\r\n\r\n';

/** Connected, and answered: the answer, and whether the end has come by now. */
async function refused(socket: Socket, request: string): Promise<{ answer: string; over: Promise<string>; isOver: () => boolean }> {
  let isOver = false;
  const over = heard(socket).then((text) => {
    isOver = true;
    return text;
  });
  socket.write(request);
  const answer = await new Promise<string>((resolve) => socket.once('data', (part: Buffer) => resolve(part.toString('latin1'))));
  return { answer, over, isOver: () => isOver };
}

test('delayed_close_timeout: who is refused waits so long for the end, and may go earlier', async (t) => {
  const { raw, port } = await setUp(t, { delayed_close_timeout: '60s' });
  for (const request of [REFUSED, 'POST /nowhere HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\nTransfer-Encoding: chunked\r\n\r\n']) {
    const socket = raw();
    const { answer, isOver } = await refused(socket, request);
    assert.match(answer, /^HTTP\/1\.1 400 /);
    assert.equal(await status(port, GET), 200, 'others are served meanwhile');
    assert.equal(isOver(), false);
    socket.end('whatever else');
    await new Promise((resolve) => socket.once('close', resolve));
  }
});

for (const [name, timeout] of [['over soon', '0.05s'], ['0: nobody is waited for', '0s']] as const) {
  test(`delayed_close_timeout: ${name}`, async (t) => {
    const { raw } = await setUp(t, { delayed_close_timeout: timeout });
    assert.match(await (await refused(raw(), REFUSED)).over, /^HTTP\/1\.1 400 /);
  });
}

test('delayed_close_timeout: who asked for the end, and was answered, is told it at once', async (t) => {
  const { port } = await setUp(t, { delayed_close_timeout: '60s' });
  assert.equal(await status(port, GET), 200);
});

test('HTTP/2: delayed_close_timeout: who breaks a rule waits so long for the end', async (t) => {
  const { http2, port } = await setUp(t, { delayed_close_timeout: '60s' });
  const client = http2();
  client.send(frame(FrameType.Data, 0, 0, 'x'));
  await client.until((c) => c.goAway !== undefined);
  assert.equal(await status(port, GET), 200);
  assert.equal(client.closed, false);
});

test('HTTP/2: drain_timeout: a client that does not hear is served for so long after it was told to go', async (t) => {
  for (const [timeout, becomes] of [['0.05s', 'final'], ['60s', 'served']] as const) {
    const { http2 } = await setUp(t, { codec_type: 'HTTP2', drain_timeout: timeout, common_http_protocol_options: { max_connection_duration: '0.01s' } });
    const client = http2();
    await client.until((c) => c.goAway !== undefined);
    if (becomes === 'served') {
      client.send(headers(1));
      await client.until((c) => c.statuses.has(1));
      assert.deepEqual([client.goAways, client.statuses.get(1)], [1, 200]);
    } else {
      await client.until((c) => c.goAways === 2);
      assert.equal(client.goAways, 2);
    }
  }
});

test('HTTP/2: hpack_table_size is announced, and counts for both directions', async (t) => {
  const { port } = await setUp(t, http2Options({ hpack_table_size: 100 }));
  const client = new RawHttp2Client(port).open();
  t.after(() => client.destroy());
  await client.until((c) => c.settings.size > 0);
  assert.equal(client.settings.get(Setting.HeaderTableSize), 100);
  // Ours goes by it from the first section on; theirs may not grow beyond it once it is acknowledged.
  client.send(headers(1));
  await client.until((c) => c.statuses.has(1));
  assert.deepEqual(client.tableSizes, [100]);
  const grow = Buffer.from([0x3f, 0xe1, 0x1f]);
  client.send(frame(FrameType.Settings, Flag.Ack, 0), frame(FrameType.Headers, Flag.EndHeaders | Flag.EndStream, 3, Buffer.concat([grow, headerBlock(REQUEST)])));
  await client.until((c) => c.goAway !== undefined);
  assert.equal(nameOf(client.goAway?.code), 'Compression');
});
