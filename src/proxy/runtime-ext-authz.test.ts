import assert from 'node:assert/strict';
import type { IncomingMessage } from 'node:http';
import { createServer, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { test, type TestContext } from 'node:test';
import { create, fromBinary, toBinary, type MessageInitShape } from '@bufbuild/protobuf';
import { CheckRequestSchema, CheckResponseSchema, type CheckRequest } from '../xds/generated/envoy/service/auth/v3/external_auth_pb.js';
import { StatusCode } from '../xds/generated/envoy/type/v3/http_status_pb.js';
import { hcm, http2Options, inlineRoutes, listener, routeTo, startProxy, staticCluster, typed } from './testkit/proxy.ts';
import { call, deadPort, httpUpstream } from '../testkit/loopback.ts';

/** Marks requests for /secret, as the control plane does for a CUSTOM policy. */
const mark = typed('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', {
  shadow_rules_stat_prefix: 'istio_ext_authz_',
  shadow_rules: { action: 'DENY', policies: { 'istio-ext-authz-x': { permissions: [{ url_path: { path: { prefix: '/secret' } } }], principals: [{ any: true }] } } },
});
const authorizer = (fields: object) =>
  typed('envoy.filters.http.ext_authz', 'envoy.extensions.filters.http.ext_authz.v3.ExtAuthz', {
    filter_enabled_metadata: { filter: 'envoy.filters.http.rbac', path: [{ key: 'istio_ext_authz_shadow_effective_policy_id' }], value: { string_match: { prefix: 'istio-ext-authz' } } },
    ...fields,
  });
const exact = (...names: string[]) => ({ patterns: names.map((name) => ({ exact: name })) });
const byHttp = (fields: object = {}) => authorizer({
  allowed_headers: exact('x-user'),
  http_service: {
    server_uri: { uri: 'http://authz', cluster: 'authz', timeout: '1s' }, path_prefix: '/check', authorization_request: { headers_to_add: [{ key: 'x-from', value: 'mesh' }] },
    authorization_response: { allowed_upstream_headers: exact('x-who'), allowed_client_headers: exact('x-why'), allowed_client_headers_on_success: exact('x-told') },
  },
  ...fields,
});

async function start(t: TestContext, authzPort: number, filter: object, cluster: object = {}) {
  const app = await httpUpstream(t, (request, response) => response.end(JSON.stringify([request.headers['x-who'] ?? null, request.headers['x-user'] ?? null])));
  return startProxy(t, { clusters: [staticCluster('up', [app]), staticCluster('authz', [authzPort], cluster as never)], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), {}, [mark, filter] as never)])] });
}

test('an HTTP authorizer is asked about the requests that are marked, and says what goes on', async (t) => {
  const asked: unknown[] = [];
  const authz = await httpUpstream(t, (request, response) => {
    asked.push([request.method, request.url, request.headers.host, request.headers['x-user'], request.headers['x-other'], request.headers['x-from']]);
    if (request.headers['x-user'] !== 'jo') return void response.writeHead(401, { 'x-why': 'unknown', 'x-hidden': '1' }).end('who are you?');
    response.writeHead(200, { 'x-who': 'Jo', 'x-told': 'hello', 'x-hidden': '1' }).end();
  });
  const proxy = await start(t, authz, byHttp());
  const port = await proxy.port();
  assert.equal((await call(port, { path: '/open' })).status, 200);
  const allowed = await call(port, { method: 'POST', path: '/secret?a=1', headers: { host: 'shop', 'x-user': 'jo', 'x-other': '1', 'x-who': 'forged' }, body: 'body' });
  assert.deepEqual([allowed.status, JSON.parse(allowed.body), allowed.headers['x-told'], allowed.headers['x-hidden']], [200, ['Jo', 'jo'], 'hello', undefined]);
  const denied = await call(port, { path: '/secret' });
  assert.deepEqual([denied.status, denied.body, denied.headers['x-why'], denied.headers['x-hidden']], [401, 'who are you?', 'unknown', undefined]);
  assert.deepEqual(asked, [['POST', '/check/secret?a=1', 'shop', 'jo', undefined, 'mesh'], ['GET', '/check/secret', `127.0.0.1:${port}`, undefined, undefined, 'mesh']]);
  assert.deepEqual([proxy.http[2]?.flags, proxy.http[2]?.details], [['UAEX'], 'ext_authz_denied']);
});

for (const method of ['PUT', 'POST']) {
  test(`${method}: a body that waited for the authorizer goes on whole, also on a connection that was used before`, async (t) => {
    const authz = await httpUpstream(t, (_request, response) => void setTimeout(() => response.end(), 20));
    const app = await httpUpstream(t, (request, response) => {
      let octets = 0;
      request.on('data', (chunk: Buffer) => (octets += chunk.length));
      request.on('end', () => response.end(String(octets)));
    });
    const proxy = await startProxy(t, { clusters: [staticCluster('up', [app]), staticCluster('authz', [authz])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), {}, [mark, byHttp()] as never)])] });
    const port = await proxy.port();
    for (const headers of [{}, {}, { 'content-length': '12' }] as Record<string, string>[]) {
      const answer = await call(port, { method, path: '/secret', headers, body: 'twelve bytes' });
      assert.deepEqual([answer.status, answer.body], [200, '12']);
    }
  });
}

test('who cannot be asked denies, unless the policy lets fail open', async (t) => {
  const dead = await deadPort();
  const closed = await start(t, dead, byHttp({ status_on_error: { code: 'ServiceUnavailable' } }));
  assert.equal((await call(await closed.port(), { path: '/secret' })).status, 503);
  assert.deepEqual([closed.http[0]?.flags, closed.http[0]?.details], [['UAEX'], 'ext_authz_error']);
  const open = await start(t, dead, byHttp({ failure_mode_allow: true }));
  assert.equal((await call(await open.port(), { path: '/secret' })).status, 200);
});

async function grpcAuthorizer(t: TestContext, decide: (request: CheckRequest) => MessageInitShape<typeof CheckResponseSchema>): Promise<number> {
  const server = createServer();
  const sessions = new Set<ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    assert.equal(headers[':path'], '/envoy.service.auth.v3.Authorization/Check');
    const parts: Buffer[] = [];
    stream.on('data', (part: Buffer) => parts.push(part));
    stream.on('end', () => {
      const message = toBinary(CheckResponseSchema, create(CheckResponseSchema, decide(fromBinary(CheckRequestSchema, Buffer.concat(parts).subarray(5)))));
      const head = Buffer.alloc(5);
      head.writeUInt32BE(message.length, 1);
      stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      stream.end(Buffer.concat([head, message]));
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    for (const session of sessions) session.destroy();
    server.close();
  });
  return (server.address() as AddressInfo).port;
}

test('a gRPC authorizer sees the request and edits it, or denies with an answer of its own', async (t) => {
  const header = (key: string, value: string) => ({ header: { key, value } });
  const asked: CheckRequest[] = [];
  const authz = await grpcAuthorizer(t, (request): MessageInitShape<typeof CheckResponseSchema> => {
    asked.push(request);
    if (request.attributes?.request?.http?.headers['x-user'] !== 'jo') return { status: { code: 7 }, httpResponse: { case: 'deniedResponse', value: { status: { code: StatusCode.PaymentRequired }, body: 'no', headers: [header('x-why', 'because')] } } };
    return { status: { code: 0 }, httpResponse: { case: 'okResponse', value: { headers: [header('x-who', 'Jo')], headersToRemove: ['x-user'], responseHeadersToAdd: [header('x-told', 'hello')] } } };
  });
  const proxy = await start(t, authz, authorizer({ grpc_service: { envoy_grpc: { cluster_name: 'authz', authority: 'authz.test' }, timeout: '1s' } }), { typed_extension_protocol_options: http2Options });
  const port = await proxy.port();
  const allowed = await call(port, { path: '/secret', headers: { 'x-user': 'jo' } });
  assert.deepEqual([allowed.status, JSON.parse(allowed.body), allowed.headers['x-told']], [200, ['Jo', null], 'hello']);
  const denied = await call(port, { path: '/secret/2' });
  assert.deepEqual([denied.status, denied.body, denied.headers['x-why']], [402, 'no', 'because']);
  const http = asked[1]?.attributes?.request?.http;
  assert.deepEqual([http?.method, http?.path, http?.host, http?.protocol, http?.headers[':path']], ['GET', '/secret/2', `127.0.0.1:${port}`, 'HTTP/1.1', '/secret/2']);
  assert.match(asked[1]?.attributes?.source?.address?.address.case === 'socketAddress' ? asked[1].attributes.source.address.address.value.address : '', /^127\./);
});

test('an authorizer sees as much of the body as it asks for, and the upstream gets all of it', async (t) => {
  const seen: unknown[] = [];
  const read = async (request: IncomingMessage) => {
    const parts: Buffer[] = [];
    for await (const part of request as AsyncIterable<Buffer>) parts.push(part);
    return Buffer.concat(parts).toString();
  };
  const authz = await httpUpstream(t, async (request, response) => {
    seen.push([request.headers['content-length'], request.headers['x-envoy-auth-partial-body'], await read(request)]);
    response.end();
  });
  const app = await httpUpstream(t, async (request, response) => void response.end(await read(request)));
  const start = (limits: object) => startProxy(t, { clusters: [staticCluster('up', [app]), staticCluster('authz', [authz])], listeners: [listener([hcm(inlineRoutes([routeTo('up')]), {}, [mark, byHttp({ with_request_body: limits })] as never)])] });
  const partial = await start({ max_request_bytes: 5, allow_partial_message: true }).port();
  const post = (port: number, body: string) => call(port, { method: 'POST', path: '/secret', body });
  assert.deepEqual([(await post(partial, '123456789')).body, (await post(partial, '123')).body, (await call(partial, { path: '/secret' })).status], ['123456789', '123', 200]);
  assert.deepEqual(seen.splice(0), [['5', 'true', '12345'], ['3', 'false', '123'], ['0', undefined, '']]);
  const whole = start({ max_request_bytes: 5 });
  const port = await whole.port();
  assert.equal((await post(port, '12345')).status, 200);
  assert.deepEqual(seen.splice(0), [['5', 'false', '12345']]);
  const tooLarge = await post(port, '123456');
  assert.deepEqual([tooLarge.status, tooLarge.body, whole.http[1]?.details, seen.length], [413, 'Payload Too Large', 'request_payload_too_large', 0]);
  const large = 'x'.repeat(300_000);
  const far = await start({ max_request_bytes: 200_000, allow_partial_message: true }).port();
  assert.equal((await post(far, large)).body, large);
  assert.deepEqual(seen.splice(0).map((entry) => (entry as string[]).slice(0, 2)), [['200000', 'true']]);
});

test('a gRPC authorizer gets the body as text or as bytes, and what it adds can choose another route', async (t) => {
  const asked: CheckRequest[] = [];
  const authz = await grpcAuthorizer(t, (request) => {
    asked.push(request);
    return { status: { code: 0 }, httpResponse: { case: 'okResponse', value: { headers: [{ header: { key: 'x-tier', value: 'gold' } }] } } };
  });
  const [plain, gold] = [await httpUpstream(t, (_request, response) => response.end('plain')), await httpUpstream(t, (_request, response) => response.end('gold'))];
  const routes = inlineRoutes([{ ...routeTo('gold'), match: { prefix: '/', headers: [{ name: 'x-tier', string_match: { exact: 'gold' } }] } }, routeTo('plain')]);
  const answer = async (fields: object) => {
    const filter = authorizer({ grpc_service: { envoy_grpc: { cluster_name: 'authz' }, timeout: '1s' }, ...fields });
    const proxy = startProxy(t, { clusters: [staticCluster('plain', [plain]), staticCluster('gold', [gold]), staticCluster('authz', [authz], { typed_extension_protocol_options: http2Options } as never)], listeners: [listener([hcm(routes, {}, [mark, filter] as never)])] });
    return (await call(await proxy.port(), { method: 'POST', path: '/secret', body: 'body' })).body;
  };
  assert.equal(await answer({ with_request_body: { max_request_bytes: 100 } }), 'plain');
  assert.equal(await answer({ with_request_body: { max_request_bytes: 100, pack_as_bytes: true }, clear_route_cache: true }), 'gold');
  const told = asked.map(({ attributes }) => [attributes?.request?.http?.body, Buffer.from(attributes?.request?.http?.rawBody ?? []).toString(), attributes?.request?.http?.headers['x-envoy-auth-partial-body']]);
  assert.deepEqual(told, [['body', '', 'false'], ['', 'body', 'false']]);
});
