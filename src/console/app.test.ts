import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { httpUpstream } from '../testkit/loopback.ts';
import { ConsoleApp } from './app.ts';

/** An upstream that answers with what it was asked. */
async function startEcho(t: TestContext): Promise<string> {
  const port = await httpUpstream(t, (incoming, response) => {
    response.setHeader('content-type', 'application/json').end(JSON.stringify({ method: incoming.method, url: incoming.url, authorization: incoming.headers.authorization, cookie: incoming.headers.cookie }));
  });
  return `http://127.0.0.1:${port}`;
}

async function startConsole(t: TestContext, urls: { prometheus?: string; kube?: string } = {}) {
  const root = mkdtempSync(join(tmpdir(), 'lateen-console-'));
  mkdirSync(join(root, 'assets'));
  writeFileSync(join(root, 'index.html'), '<title>Lateen</title>');
  writeFileSync(join(root, 'assets/app-abc.js'), 'export {};'.repeat(500));
  const closed = 'http://127.0.0.1:1';
  const config = { port: 0, host: '127.0.0.1', root, prometheusUrl: urls.prometheus ?? closed, jaegerUrl: closed, istiodUrl: closed, allowedHosts: ['mesh.example'] };
  const app = new ConsoleApp(config, { kube: urls.kube === undefined ? undefined : { server: urls.kube, token: 'sa-token' }, version: 'test' });
  const port = await app.start();
  t.after(async () => {
    await app.close();
    rmSync(root, { recursive: true });
  });
  return (path: string, options: { method?: string; headers?: Record<string, string> } = {}) =>
    new Promise<{ status: number; headers: Record<string, unknown>; body: string }>((resolve, reject) => {
      request({ port, path, method: options.method ?? 'GET', headers: options.headers }, (response) => {
        const chunks: Buffer[] = [];
        response.on('data', (chunk: Buffer) => chunks.push(chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(chunks).toString() }));
      })
        .on('error', reject)
        .end();
    });
}

test('any page address gives the application, a missing file does not', async (t) => {
  const get = await startConsole(t);
  assert.match((await get('/graph?namespaces=default')).body, /<title>Lateen/);
  assert.match((await get('/namespaces/shop/istio/networking.istio.io/serviceentries/api.example.com', { headers: { accept: 'text/html,*/*' } })).body, /<title>Lateen/, 'also when its name has dots');
  assert.equal((await get('/assets/gone.js', { headers: { accept: '*/*' } })).status, 404);
  assert.equal((await get('/favicon.ico', { headers: { accept: 'image/*' } })).status, 404);
});

test('assets are cached for good and compressed, the page is revalidated', async (t) => {
  const get = await startConsole(t);
  const asset = await get('/assets/app-abc.js', { headers: { 'accept-encoding': 'gzip' } });
  assert.deepEqual([asset.headers['content-encoding'], asset.headers['cache-control']], ['gzip', 'public, max-age=31536000, immutable']);
  const page = await get('/');
  assert.equal((await get('/', { headers: { 'if-none-match': String(page.headers['etag']) } })).status, 304);
});

test("requests go to the sources with the console's own credentials and nothing of the browser's", async (t) => {
  const echo = await startEcho(t);
  const get = await startConsole(t, { prometheus: echo, kube: echo });
  const kube = JSON.parse((await get('/api/kube/apis/networking.istio.io/v1/virtualservices?limit=5', { headers: { cookie: 'a=b', authorization: 'Basic x' } })).body);
  assert.deepEqual(kube, { method: 'GET', url: '/apis/networking.istio.io/v1/virtualservices?limit=5', authorization: 'Bearer sa-token' });
  const prometheus = JSON.parse((await get('/api/prometheus/api/v1/query?query=up')).body);
  assert.deepEqual(prometheus, { method: 'GET', url: '/api/v1/query?query=up' });
});

for (const [name, path, method] of [
  ['a write to the cluster', '/api/kube/api/v1/namespaces', 'POST'],
  ['a secret', '/api/kube/api/v1/namespaces/default/secrets/tls', 'GET'],
  ['a secret in disguise', '/api/kube/api/v1/namespaces/default/%73ecrets/tls', 'GET'],
  ['a path that climbs', '/api/kube/api/v1/../../metrics', 'GET'],
  ['a shell in a pod', '/api/kube/api/v1/namespaces/default/pods/x/exec', 'GET'],
  ['a deletion in Prometheus', '/api/prometheus/api/v1/admin/tsdb/delete_series', 'POST'],
] as const) {
  test(`${name} is refused`, async (t) => {
    const echo = await startEcho(t);
    const get = await startConsole(t, { prometheus: echo, kube: echo });
    assert.equal((await get(path, { method })).status, 403);
  });
}

test('a foreign host name is refused, so that no page elsewhere can read the cluster', async (t) => {
  const get = await startConsole(t);
  assert.equal((await get('/', { headers: { host: 'evil.example' } })).status, 421);
  for (const host of ['localhost:20001', '127.0.0.1', '[::1]:20001', 'kiali.istio-system:20001', 'mesh.example']) assert.equal((await get('/', { headers: { host } })).status, 200, host);
  assert.equal((await get('/healthz', { headers: { host: 'evil.example' } })).status, 200, 'probes may come by any name');
});

test('a source that is down is an answer that says which', async (t) => {
  const get = await startConsole(t);
  const down = await get('/api/prometheus/api/v1/query?query=up');
  assert.equal(down.status, 502);
  assert.match(JSON.parse(down.body).message, /^Prometheus at .* did not answer/);
});
