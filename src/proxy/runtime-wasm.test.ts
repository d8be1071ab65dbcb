import assert from 'node:assert/strict';
import { hash } from 'node:crypto';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { call, httpUpstream } from '../testkit/loopback.ts';
import { wasmModule, type ModuleName } from '../testkit/wasm-modules.ts';
import { hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, typed, type TestProxy } from './testkit/proxy.ts';

type Json = Record<string, unknown>;

const plugin = (code: Json, over: Json = {}): Json =>
  typed('wasm', 'envoy.extensions.filters.http.wasm.v3.Wasm', { config: { name: 'default.plugin', vm_config: { runtime: 'envoy.wasm.runtime.v8', code }, ...over } });
const inline = (bytes: Buffer): Json => ({ local: { inline_bytes: bytes.toString('base64') } });
const text = (value: string): Json => ({ configuration: { '@type': 'type.googleapis.com/google.protobuf.StringValue', value } });

async function serve(t: TestContext, filters: readonly Json[], clusters: readonly Json[] = []): Promise<{ port: number; proxy: TestProxy }> {
  const upstream = await httpUpstream(t, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => response.end(JSON.stringify({ path: request.url, ...request.headers, body: Buffer.concat(parts).toString() })));
  });
  const proxy = startProxy(t, { clusters: [staticCluster('up', [upstream]), ...clusters], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), {}, filters)])] });
  return { port: await proxy.port(), proxy };
}

const running = async (t: TestContext, name: ModuleName, over: Json = {}) => serve(t, [plugin(inline(await wasmModule(name)), over)]);

test('a plugin marks requests', async (t) => {
  const { port } = await running(t, 'marks requests');
  assert.equal(JSON.parse((await call(port)).body)['x-wasm'], 'yes');
});

test('a plugin is configured, and changes answers', async (t) => {
  const { port } = await running(t, 'tells its configuration', text('{"a":1}'));
  assert.equal((await call(port)).headers['x-configured'], '{"a":1}');
});

test('a plugin answers itself', async (t) => {
  const { port, proxy } = await running(t, 'refuses');
  const answer = await call(port, { method: 'POST', body: 'body' });
  assert.deepEqual([answer.status, answer.body, answer.headers['x-why'], proxy.http[0]?.details], [403, 'not today', 'no', 'refused_by_plugin']);
});

test('a plugin puts an answer in the place of the upstream’s', async (t) => {
  const { port } = await running(t, 'replaces answers');
  const answer = await call(port);
  assert.deepEqual([answer.status, answer.body], [418, 'instead']);
  assert.equal((await call(port)).status, 418);
});

test('a plugin rewrites the path, and takes headers away', async (t) => {
  const { port } = await running(t, 'rewrites requests');
  const seen = JSON.parse((await call(port, { path: '/as/sent', headers: { 'x-gone': '1' } })).body);
  assert.deepEqual([seen.path, seen['x-seen'], seen['x-gone']], ['/rewritten', '/as/sent', undefined]);
});

test('a plugin asks for its name', async (t) => {
  const { port } = await running(t, 'tells its name');
  assert.equal((await call(port)).headers['x-property'], 'default.plugin');
});

test('plugins stand one after the other', async (t) => {
  const { port } = await serve(t, [plugin(inline(await wasmModule('marks requests'))), plugin(inline(await wasmModule('rewrites requests')))]);
  const seen = JSON.parse((await call(port)).body);
  assert.deepEqual([seen.path, seen['x-wasm']], ['/rewritten', 'yes']);
});

test('a module that traps harms its own requests: they are answered 503, or pass without it', async (t) => {
  const trap = { headers: { 'x-trap': '1' } };
  const closed = await running(t, 'traps');
  assert.deepEqual([(await call(closed.port)).status, (await call(closed.port, trap)).status, (await call(closed.port)).status], [200, 503, 503]);
  assert.deepEqual(closed.proxy.http.map(({ details }) => details), ['via_upstream', 'wasm_fail_stream', 'wasm_fail_stream']);
  const open = await running(t, 'traps', { fail_open: true });
  assert.deepEqual([(await call(open.port)).status, (await call(open.port, trap)).status, (await call(open.port)).status], [200, 200, 200]);
});

test('a module that hands over places that are not in its memory gets an error, and nothing else happens', async (t) => {
  const { port } = await running(t, 'lies about its memory');
  assert.equal(JSON.parse((await call(port)).body)['x-survived'], 'yes');
});

test('a module that does not take its configuration, is none, or is not there fails as a trap does', async (t) => {
  for (const code of [inline(await wasmModule('wants no configuration')), inline(Buffer.from('no module')), { local: { filename: '/no/such/file' } }]) {
    assert.equal((await call((await serve(t, [plugin(code)])).port)).status, 503);
    assert.equal((await call((await serve(t, [plugin(code, { fail_open: true })])).port)).status, 200);
  }
});

test('a module comes from a file', async (t) => {
  const path = join(tmpdir(), `plugin-${process.pid}.wasm`);
  await writeFile(path, await wasmModule('marks requests'));
  const { port } = await serve(t, [plugin({ local: { filename: path } })]);
  assert.equal(JSON.parse((await call(port)).body)['x-wasm'], 'yes');
});

test('a module is fetched, and verified; requests wait for it', async (t) => {
  const bytes = await wasmModule('marks requests');
  const store = await httpUpstream(t, (_request, response) => response.end(bytes));
  const remote = (sha256: string): Json => ({ remote: { http_uri: { uri: 'http://store/plugin.wasm', cluster: 'store', timeout: '1s' }, sha256 } });
  const good = await serve(t, [plugin(remote(hash('sha256', bytes)))], [staticCluster('store', [store])]);
  assert.equal(JSON.parse((await call(good.port)).body)['x-wasm'], 'yes');
  const bad = await serve(t, [plugin(remote('0'.repeat(64)))], [staticCluster('store', [store])]);
  assert.equal((await call(bad.port)).status, 503);
});

test('a plugin edits bodies, whose lengths it has taken away', async (t) => {
  const { port } = await running(t, 'edits bodies');
  const answer = await call(port, { method: 'POST', body: 'hello' });
  assert.equal(answer.body[0], '>');
  assert.equal(JSON.parse(answer.body.slice(1)).body, 'hello!');
  const without = await call(port);
  assert.equal(JSON.parse(without.body.slice(1)).body, '');
});

test('bodies that come in pieces are let wait, as far as they may', async (t) => {
  const { port, proxy } = await running(t, 'edits bodies');
  const large = await call(port, { method: 'POST', body: 'y'.repeat(300_000) });
  assert.equal(JSON.parse(large.body.slice(1)).body.length, 300_001);
  assert.equal((await call(port, { method: 'POST', body: 'y'.repeat(3_000_000) })).status, 413);
  assert.equal(proxy.http[1]?.details, 'request_payload_too_large');
});

test('a plugin refuses a request for its body', async (t) => {
  const { port } = await running(t, 'reads bodies');
  assert.equal(JSON.parse((await call(port, { method: 'POST', body: 'good' })).body).body, 'good');
  const refused = await call(port, { method: 'POST', body: 'x' });
  assert.deepEqual([refused.status, refused.body], [403, 'bad body']);
});

test('a request waits while its plugin asks somebody else', async (t) => {
  const asked: string[] = [];
  const other = await httpUpstream(t, (request, response) => {
    asked.push(`${request.method} ${request.url} ${request.headers.host}`);
    response.writeHead(207).end('x');
  });
  const { port } = await serve(t, [plugin(inline(await wasmModule('asks another')), text('{"other":true}'))], [staticCluster('other', [other])]);
  const seen = JSON.parse((await call(port, { method: 'POST', body: 'kept' })).body);
  assert.deepEqual([seen['x-asked'], seen.body, asked], ['207', 'kept', ['GET /asked asked']]);
});
