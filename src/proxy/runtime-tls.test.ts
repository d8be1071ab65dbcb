import assert from 'node:assert/strict';
import { request as httpsRequest } from 'node:https';
import { connect as connectTcp } from 'node:net';
import { Duplex } from 'node:stream';
import { connect as connectTls } from 'node:tls';
import { test } from 'node:test';
import { createAuthority } from '../pki/authority.ts';
import type { SecretSource, TlsSecret } from './secret-source.ts';
import { ANY, hcm, inlineRoutes, listener, routeTo, startProxy, staticCluster, typed } from './testkit/proxy.ts';
import { call, httpUpstream } from '../testkit/loopback.ts';

const HOUR = 3_600_000;
const root = createAuthority({ commonName: 'root', lifetimeMs: HOUR });
const stranger = createAuthority({ commonName: 'stranger', lifetimeMs: HOUR });
const spiffe = (sa: string) => `spiffe://cluster.local/ns/default/sa/${sa}`;

function leaf(sa: string, authority = root): TlsSecret {
  const pair = authority.issue({ sans: { uri: [spiffe(sa)] }, lifetimeMs: HOUR, usages: ['client', 'server'] });
  return { kind: 'certificate', certificateChainPem: pair.certificatePem, keyPem: pair.keyPem };
}

function secretsOf(sa: string, authority = root): SecretSource & { replace(name: string, secret: TlsSecret): void } {
  const map = new Map<string, TlsSecret>([['default', leaf(sa, authority)], ['ROOTCA', { kind: 'trust', trustedCaPem: root.certificatePem }]]);
  const listeners = new Set<(name: string) => void>();
  return {
    get: (name) => map.get(name),
    onChange(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    replace(name, secret) {
      map.set(name, secret);
      for (const listener of listeners) listener(name);
    },
  };
}

const common = (alpn: readonly string[], sans: readonly string[] = []) => ({
  alpn_protocols: alpn,
  tls_certificate_sds_secret_configs: [{ name: 'default' }],
  combined_validation_context: {
    default_validation_context: { match_typed_subject_alt_names: sans.map((exact) => ({ san_type: 'URI', matcher: { exact } })) },
    validation_context_sds_secret_config: { name: 'ROOTCA' },
  },
});
const serverTls = typed('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', { require_client_certificate: true, common_tls_context: common(['h2', 'http/1.1']) });
const clientTls = (sans: readonly string[]) =>
  typed('envoy.transport_sockets.tls', 'envoy.extensions.transport_sockets.tls.v3.UpstreamTlsContext', { sni: 'outbound_.80_._.svc', common_tls_context: common(['istio'], sans) });

const chains = (filters: readonly object[]) => [
  { name: 'mtls', filter_chain_match: { transport_protocol: 'tls', application_protocols: ['istio', 'istio-http/1.1'] }, transport_socket: serverTls, filters },
  { name: 'plain', filter_chain_match: { transport_protocol: 'raw_buffer' }, filters },
];
const inspector = [{ name: 'envoy.filters.listener.tls_inspector' }];
const forward = { forward_client_cert_details: 'APPEND_FORWARD', set_current_client_cert_details: { subject: true, dns: true, uri: true } };

test('two proxies speak mutual TLS, check identities and report them', async (t) => {
  const app = await httpUpstream(t, (request, response) => response.end(String(request.headers['x-forwarded-client-cert'])));
  const server = startProxy(
    t,
    { clusters: [staticCluster('app', [app])], listeners: [{ ...listener([]), traffic_direction: 'INBOUND', listener_filters: inspector, filter_chains: chains([hcm(inlineRoutes([routeTo('app')]), forward)]) }] },
    { secrets: secretsOf('server') },
  );
  const serverPort = await server.port();
  const client = startProxy(
    t,
    { clusters: [staticCluster('out', [serverPort], { transport_socket: clientTls([spiffe('server')]) })], listeners: [listener([hcm(inlineRoutes([routeTo('out')]))])] },
    { secrets: secretsOf('client') },
  );
  const answer = await call(await client.port());
  assert.match(answer.body, new RegExp(`^By=${spiffe('server')};Hash=[0-9a-f]{64};Subject="";URI=${spiffe('client')}$`));
  const inbound = server.http[0];
  assert.deepEqual([inbound?.reporter, inbound?.listener, inbound?.connection.downstreamPeer, inbound?.connection.downstreamOwn], ['destination', 'mtls', spiffe('client'), spiffe('server')]);
  assert.equal(inbound?.connection.requestedServerName, 'outbound_.80_._.svc');
  assert.deepEqual([client.http[0]?.upstream?.peer, client.http[0]?.upstream?.own], [spiffe('server'), spiffe('client')]);
  assert.equal((await call(serverPort)).status, 200, 'plain text goes to its own chain');
});

test('a server of another identity is refused with a TLS error', async (t) => {
  const app = await httpUpstream(t, (_request, response) => response.end('ok'));
  const server = startProxy(t, { clusters: [staticCluster('app', [app])], listeners: [{ ...listener([]), listener_filters: inspector, filter_chains: chains([hcm(inlineRoutes([routeTo('app')]))]) }] }, { secrets: secretsOf('impostor') });
  const client = startProxy(t, { clusters: [staticCluster('out', [await server.port()], { transport_socket: clientTls([spiffe('server')]) })], listeners: [listener([hcm(inlineRoutes([routeTo('out')]))])] }, { secrets: secretsOf('client') });
  const answer = await call(await client.port());
  assert.equal(answer.status, 503);
  assert.match(client.http[0]?.upstream?.transportFailure ?? '', /TLS_error.*SAN matcher/);
  assert.deepEqual(client.http[0]?.flags, ['UF']);
});

test('a client without a certificate of the mesh gets no connection', async (t) => {
  const app = await httpUpstream(t, (_request, response) => response.end('ok'));
  const server = startProxy(t, { clusters: [staticCluster('app', [app])], listeners: [{ ...listener([]), listener_filters: inspector, filter_chains: chains([hcm(inlineRoutes([routeTo('app')]))]) }] }, { secrets: secretsOf('server') });
  const port = await server.port();
  for (const secret of [undefined, leaf('client', stranger)]) {
    const pair = secret?.kind === 'certificate' ? { cert: secret.certificateChainPem, key: secret.keyPem } : {};
    const socket = connectTls({ port, host: '127.0.0.1', ALPNProtocols: ['istio'], rejectUnauthorized: false, ...pair });
    socket.on('error', () => {});
    socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString()));
    await new Promise((resolve) => socket.on('close', resolve));
    assert.equal(text, '');
  }
  assert.equal(server.http.length, 0);
});

test('new secrets serve new connections while established ones go on', async (t) => {
  const app = await httpUpstream(t, (_request, response) => response.end('ok'));
  const secrets = secretsOf('before');
  const server = startProxy(t, { clusters: [staticCluster('app', [app])], listeners: [{ ...listener([]), listener_filters: inspector, filter_chains: chains([hcm(inlineRoutes([routeTo('app')]))]) }] }, { secrets });
  const port = await server.port();
  const own = leaf('client');
  const options = { port, host: '127.0.0.1', ALPNProtocols: ['istio'], rejectUnauthorized: false, ...(own.kind === 'certificate' ? { cert: own.certificateChainPem, key: own.keyPem } : {}) };
  const first = connectTls(options);
  await new Promise((resolve) => first.once('secureConnect', resolve));
  assert.match(first.getPeerX509Certificate()?.subjectAltName ?? '', /sa\/before/);
  secrets.replace('default', leaf('after'));
  const second = connectTls(options);
  await new Promise((resolve) => second.once('secureConnect', resolve));
  assert.match(second.getPeerX509Certificate()?.subjectAltName ?? '', /sa\/after/);
  const answered = new Promise<string>((resolve) => first.once('data', (chunk) => resolve(chunk.toString())));
  first.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n');
  assert.match(await answered, /^HTTP\/1.1 200 OK/);
  first.destroy();
  second.destroy();
});

test('whatever a client prefers, the cheapest of the suites of TLS 1.3 is taken, as by Envoy', async (t) => {
  const server = startProxy(t, { clusters: [], listeners: [{ ...listener([]), listener_filters: inspector, filter_chains: chains([hcm(inlineRoutes([routeTo('app')]))]) }] }, { secrets: secretsOf('server') });
  const client = secretsOf('client').get('default');
  assert.ok(client?.kind === 'certificate');
  const socket = connectTls({
    port: await server.port(), host: '127.0.0.1', ca: root.certificatePem, checkServerIdentity: () => undefined, ALPNProtocols: ['istio'],
    cert: client.certificateChainPem, key: client.keyPem, ciphers: 'TLS_AES_256_GCM_SHA384:TLS_CHACHA20_POLY1305_SHA256:TLS_AES_128_GCM_SHA256',
  });
  t.after(() => socket.destroy());
  await new Promise((resolve, reject) => socket.once('secureConnect', () => resolve(undefined)).once('error', reject));
  assert.equal(socket.getCipher().standardName, 'TLS_AES_128_GCM_SHA256');
});

test('a gateway serves credentials that come by SDS, chosen by server name', async (t) => {
  const app = await httpUpstream(t, (request, response) => response.end(String(request.headers['x-forwarded-proto'])));
  const edge = (host: string) => {
    const pair = root.issue({ sans: { dns: [host] }, lifetimeMs: HOUR, usages: ['server'] });
    return { name: `kubernetes://${host}`, tls_certificate: { certificate_chain: { inline_string: pair.certificatePem }, private_key: { inline_string: pair.keyPem } } };
  };
  const chain = (host: string) => ({
    filter_chain_match: { server_names: [host] },
    transport_socket: typed('tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', { common_tls_context: { alpn_protocols: ['h2', 'http/1.1'], tls_certificate_sds_secret_configs: [{ name: `kubernetes://${host}` }] } }),
    filters: [hcm(inlineRoutes([routeTo('app')]), { use_remote_address: true })],
  });
  const proxy = startProxy(t, { clusters: [staticCluster('app', [app])], listeners: [{ ...listener([]), listener_filters: inspector, filter_chains: [chain('a.example'), chain('b.example')] }] });
  const interest = new Map<string, ReadonlySet<string>>();
  proxy.runtime.onInterest((type, names) => void interest.set(type, names));
  assert.deepEqual([...(interest.get(`${ANY}envoy.extensions.transport_sockets.tls.v3.Secret`) ?? [])], ['kubernetes://a.example', 'kubernetes://b.example']);
  proxy.apply({ secrets: [edge('a.example'), edge('b.example')] });
  const port = await proxy.port();
  for (const host of ['a.example', 'b.example']) {
    const body = await new Promise<string>((resolve, reject) => {
      const request = httpsRequest({ port, host: '127.0.0.1', servername: host, ca: root.certificatePem, headers: { host }, agent: false }, (response) => {
        let text = '';
        response.on('data', (chunk: Buffer) => (text += chunk.toString()));
        response.on('end', () => resolve(text));
      });
      request.on('error', reject);
      request.end();
    });
    assert.equal(body, 'https');
  }
});

test('a client whose handshake meets a new version of the listener is answered', async (t) => {
  const app = await httpUpstream(t, (request, response) => {
    request.resume();
    request.once('end', () => response.end('taken'));
  });
  const version = (statPrefix: string) => ({ ...listener([]), traffic_direction: 'INBOUND', listener_filters: inspector, filter_chains: chains([hcm(inlineRoutes([routeTo('app')]), { stat_prefix: statPrefix })]) });
  const server = startProxy(t, { clusters: [staticCluster('app', [app])], listeners: [version('one')] }, { secrets: secretsOf('server') });
  const raw = connectTcp(await server.port(), '127.0.0.1');
  t.after(() => raw.destroy());
  // The client's last flight is held back.
  let flights = 0;
  let release = () => {};
  const held = new Duplex({
    read() {},
    write(chunk: Buffer, _encoding, done) {
      flights++;
      if (flights !== 2) return void raw.write(chunk, () => done());
      release = () => void raw.write(chunk, () => done());
    },
  });
  raw.on('data', (chunk) => held.push(chunk));
  raw.on('close', () => held.push(null));
  const own = leaf('client');
  assert.ok(own.kind === 'certificate');
  const socket = connectTls({ socket: held, cert: own.certificateChainPem, key: own.keyPem, ca: root.certificatePem, ALPNProtocols: ['istio'], checkServerIdentity: () => undefined });
  socket.write('POST / HTTP/1.1\r\nhost: a\r\ncontent-length: 1\r\n\r\nx');
  while (flights < 2) await new Promise((resolve) => setImmediate(resolve));
  server.apply({ listeners: [version('two')] });
  release();
  let text = '';
  for await (const part of socket as AsyncIterable<Buffer>) {
    text += part.toString();
    if (text.includes('taken')) break;
  }
  assert.match(text, /^HTTP\/1\.1 200 OK\r\n(?:.*\r\n)*?\r\n.*taken/s);
  assert.doesNotMatch(text, /connection: close/, 'it goes on with the new version');
});
