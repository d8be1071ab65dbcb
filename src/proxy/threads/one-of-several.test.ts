/** Two data paths of one process, with what two threads have in common. */
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import { connect, type TLSSocket } from 'node:tls';
import { createAuthority } from '../../pki/authority.ts';
import { call, deadPort, exchangeBytes, httpUpstream } from '../../testkit/loopback.ts';
import { ANY, hcm, inlineRoutes, listener, type Resources, routeTo, startProxy, staticCluster, type TestProxy, typed } from '../testkit/proxy.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createSlotMemory, SharedSlots } from './shared-state.ts';

const HOUR_MS = 3_600_000;
const LIMIT = 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit';
const ALWAYS = { default_value: { numerator: 100 } };

function two(t: TestContext, resources: Resources): [TestProxy, TestProxy] {
  const memory = createSlotMemory();
  const ticketSecret = randomBytes(32);
  const start = () => startProxy(t, resources, { shared: { slots: new SharedSlots(memory), ticketSecret, tellEjections() {} } });
  return [start(), start()];
}

test('a TLS session that one thread began goes on in another, and not under another certificate', async (t) => {
  const app = await httpUpstream(t, (_, response) => void response.end('hello'));
  const root = createAuthority({ commonName: 'root', lifetimeMs: HOUR_MS });
  const listenerOf = (name: string) => {
    const { certificatePem, keyPem } = root.issue({ sans: { dns: [name] }, lifetimeMs: HOUR_MS, usages: ['server'] });
    const tls = { common_tls_context: { alpn_protocols: ['http/1.1'], tls_certificates: [{ certificate_chain: { inline_string: certificatePem }, private_key: { inline_string: keyPem } }] } };
    return listener([], { name, filter_chains: [{ transport_socket: typed('tls', 'envoy.extensions.transport_sockets.tls.v3.DownstreamTlsContext', tls), filters: [hcm(inlineRoutes([routeTo('app')]))] }] });
  };
  const [here, there] = two(t, { clusters: [staticCluster('app', [app])], listeners: [listenerOf('a'), listenerOf('b')] });
  const open = async (port: number, session?: Buffer) => {
    const socket = connect({ port, host: '127.0.0.1', ca: root.certificatePem, checkServerIdentity: () => undefined, ALPNProtocols: ['http/1.1'], session });
    t.after(() => socket.destroy());
    await once(socket, 'secureConnect');
    return socket;
  };
  const first = await open(await here.port('a'));
  const session = await sessionOf(first);
  assert.equal((await open(await there.port('a'), session)).isSessionReused(), true);
  assert.equal((await open(await there.port('b'), session)).isSessionReused(), false);
});

/** With TLS 1.3 it comes after the handshake, with the first that the server says. */
async function sessionOf(socket: TLSSocket): Promise<Buffer> {
  const [session] = (await Promise.all([once(socket, 'session'), socket.write('GET / HTTP/1.1\r\nhost: a\r\n\r\n')]))[0] as [Buffer];
  return session;
}

test('a rate limit is one for all threads: of a filter, and of a virtual host that each thread compiles when it is called there', async (t) => {
  const app = await httpUpstream(t, (_, response) => void response.end());
  const limit = (tokens: number) => ({ stat_prefix: 'rl', token_bucket: { max_tokens: tokens, tokens_per_fill: 1, fill_interval: '3600s' }, filter_enabled: ALWAYS, filter_enforced: ALWAYS });
  const host = (name: string, extra: object = {}) => ({ name, domains: [name], routes: [routeTo('app')], ...extra });
  const own = { typed_per_filter_config: { rl: { '@type': ANY + LIMIT, ...limit(3) } } };
  const routes = { route_config: { name: 'r', virtual_hosts: [host('plain'), host('first', own), host('second', own)] } };
  const [here, there] = two(t, { clusters: [staticCluster('app', [app])], listeners: [listener([hcm(routes, {}, [typed('rl', LIMIT, limit(5))])])] });
  const ask = async (proxy: TestProxy, name: string) => (await call(await proxy.port(), { headers: { host: name } })).status;
  const admitted = async (name: string, [one, other]: readonly [TestProxy, TestProxy]) => {
    let count = 0;
    for (let i = 0; i < 6; i++) for (const proxy of [one, other]) if ((await ask(proxy, name)) === 200) count++;
    return count;
  };
  assert.equal(await admitted('plain', [here, there]), 5);
  assert.equal(await admitted('second', [here, there]), 3);
  // Called in another order than the one before.
  assert.equal(await admitted('first', [there, here]), 3);
});

test('what a listener begins anew with, its limits begin anew with, in all threads', async (t) => {
  const app = await httpUpstream(t, (_, response) => void response.end());
  const resources = (tokens: number): Resources => ({
    listeners: [listener([hcm(inlineRoutes([routeTo('app')]), {}, [typed('rl', LIMIT, { stat_prefix: 'rl', token_bucket: { max_tokens: tokens, tokens_per_fill: 1, fill_interval: '3600s' }, filter_enabled: ALWAYS, filter_enforced: ALWAYS })])])],
  });
  const proxies = two(t, { clusters: [staticCluster('app', [app])], ...resources(1) });
  const statuses = async () => {
    const all: number[] = [];
    for (const proxy of proxies) all.push((await call(await proxy.port())).status);
    return all;
  };
  assert.deepEqual(await statuses(), [200, 429]);
  for (const proxy of proxies) assert.deepEqual(proxy.apply(resources(3)), []);
  assert.deepEqual([await statuses(), await statuses()], [[200, 200], [200, 429]]);
});

test('requests in flight are limited over all threads', async (t) => {
  const held: (() => void)[] = [];
  const app = await httpUpstream(t, (_, response) => void held.push(() => response.end()));
  const limits = { circuit_breakers: { thresholds: [{ max_requests: 3 }] } };
  const [here, there] = two(t, { clusters: [staticCluster('app', [app], limits)], listeners: [listener([hcm(inlineRoutes([routeTo('app')]))])] });
  const answers: Promise<{ readonly status: number }>[] = [];
  for (const proxy of [here, there, here]) {
    answers.push(call(await proxy.port()));
    while (held.length < answers.length) await new Promise((resolve) => setImmediate(resolve));
  }
  assert.equal((await call(await there.port())).status, 503);
  held.forEach((answer) => answer());
  assert.deepEqual((await Promise.all(answers)).map(({ status }) => status), [200, 200, 200]);
  const open = [here, there].map(({ runtime }) => runtime.snapshot().clusters[0]?.open.requests);
  assert.deepEqual(open, [0, 0]);
});

test('a key leads to the same endpoint from every thread', async (t) => {
  const ports = await Promise.all(['a', 'b', 'c', 'd'].map((name) => httpUpstream(t, (_, response) => void response.end(name))));
  for (const policy of ['RING_HASH', 'MAGLEV']) {
    const [here, there] = two(t, { clusters: [staticCluster('app', ports, { lb_policy: policy })], listeners: [listener([hcm(inlineRoutes([routeTo('app', { hash_policy: [{ header: { header_name: 'x-user' } }] })]))])] });
    const owners = async (proxy: TestProxy) => {
      const port = await proxy.port();
      const answers = Array.from({ length: 24 }, (_, i) => call(port, { headers: { 'x-user': `user ${i}` } }));
      return (await Promise.all(answers)).map(({ body }) => body);
    };
    const found = await owners(here);
    assert.deepEqual(await owners(there), found);
    assert.ok(new Set(found).size > 1);
  }
});

test('a port that two threads share is answered at while its listener moves in one and then in the other', async (t) => {
  const app = await httpUpstream(t, (_, response) => void response.end('hello'));
  const port = await deadPort();
  const at = (host: string) => listener([hcm(inlineRoutes([routeTo('app')]))], { address: { socket_address: { address: host, port_value: port } } });
  const threads = await Promise.all(Array.from({ length: 2 }, async () => {
    const clock = new FakeClock();
    const proxy = startProxy(t, { clusters: [staticCluster('app', [app])], listeners: [at('127.0.0.1')] }, { clock });
    assert.deepEqual(await proxy.runtime.bound(), []);
    return { proxy, clock };
  }));
  const answered = async (when: string) => {
    for (let i = 0; i < 8; i++) assert.match(await exchangeBytes(port, 'GET / HTTP/1.1\r\nhost: a\r\nconnection: close\r\n\r\n'), /^HTTP\/1.1 200/, when);
  };
  await answered('before');
  for (const { proxy } of threads) {
    proxy.apply({ listeners: [at('0.0.0.0')] });
    await answered('as it moves');
    assert.deepEqual(await proxy.runtime.bound(), []);
    await answered('when it has moved');
  }
  for (const { clock } of threads) {
    await clock.advance(1000);
    await answered('when it has left where it was');
  }
});

test('of a socket that is a file one thread takes care', async (t) => {
  const app = await httpUpstream(t, (_, response) => void response.end('hello'));
  const path = join(tmpdir(), `threads-${process.pid}.sock`);
  const resources: Resources = { clusters: [staticCluster('app', [app])], listeners: [listener([hcm(inlineRoutes([routeTo('app')]))], { address: { pipe: { path } } })] };
  const first = startProxy(t, resources);
  assert.deepEqual(await first.runtime.bound(), []);
  const second = startProxy(t, resources, { bind: { ownsPaths: false } });
  assert.equal(second.runtime.bound(), undefined);
  assert.equal(second.runtime.ready(), first.runtime.ready());
  const status = await new Promise((resolve, reject) => request({ socketPath: path, headers: { host: 'a' } }, (response) => resolve(response.resume().statusCode)).on('error', reject).end());
  assert.equal(status, 200);
  assert.deepEqual([first, second].map(({ runtime }) => runtime.snapshot().listeners[0]?.accepted), [1, 0]);
});
