/** Consistent hashing side by side with Envoy: the same key has to reach the same endpoint through both, else a mesh that runs both, or
 * changes from one to the other, loses its sticky sessions. */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import test from 'node:test';
import { bundleStaticProxy, startEnvoy, startStaticProxy, type StaticResources } from '../../../src/testkit/static-proxy/start.ts';
import { sendRaw } from './raw-client.ts';
import { typed } from './scenario.ts';

const ENVOY_PORT = 23900;
const LATEEN_PORT = 24900;
const KEYS = 60;

type Json = Record<string, unknown>;

interface Case {
  readonly name: string;
  readonly cluster: Json;
  readonly policy: Json | readonly Json[];
  /** Fields of each endpoint, or of each of the two localities. */
  readonly endpoint?: (i: number) => Json;
  readonly locality?: (i: number) => Json;
  readonly request: (key: number) => { path?: string; headers?: readonly string[] };
}

const byHeader = { header: { header_name: 'x-user' } };
const user = (key: number) => ({ headers: [`x-user: user-${key}`] });
const RING = { lb_policy: 'RING_HASH' };
const MAGLEV = { lb_policy: 'MAGLEV' };

const CASES: readonly Case[] = [
  { name: 'ring', cluster: RING, policy: byHeader, request: user },
  { name: 'ring-small', cluster: { ...RING, ring_hash_lb_config: { minimum_ring_size: 7 } }, policy: byHeader, request: user },
  { name: 'ring-bounded', cluster: { ...RING, ring_hash_lb_config: { minimum_ring_size: 3, maximum_ring_size: 13 } }, policy: byHeader, endpoint: (i) => ({ load_balancing_weight: i + 1 }), request: user },
  { name: 'ring-weighted', cluster: RING, policy: byHeader, endpoint: (i) => ({ load_balancing_weight: i * 3 + 1 }), request: user },
  { name: 'maglev', cluster: MAGLEV, policy: byHeader, request: user },
  { name: 'maglev-table', cluster: { ...MAGLEV, maglev_lb_config: { table_size: 1021 } }, policy: byHeader, request: user },
  { name: 'maglev-weighted', cluster: MAGLEV, policy: byHeader, endpoint: (i) => ({ load_balancing_weight: i * 3 + 1 }), request: user },
  { name: 'ring-localities', cluster: { ...RING, common_lb_config: { locality_weighted_lb_config: {} } }, policy: byHeader, locality: (i) => ({ load_balancing_weight: i * 4 + 1 }), request: user },
  { name: 'maglev-localities', cluster: { ...MAGLEV, common_lb_config: { locality_weighted_lb_config: {} } }, policy: byHeader, locality: (i) => ({ load_balancing_weight: i * 4 + 1 }), request: user },
  { name: 'priorities', cluster: { ...RING, common_lb_config: { healthy_panic_threshold: { value: 0 } } }, policy: byHeader, locality: (i) => ({ priority: i }), endpoint: (i) => (i === 0 || i === 1 ? { health_status: 'UNHEALTHY' } : {}), request: user },
  { name: 'header-twice', cluster: RING, policy: byHeader, request: (key) => ({ headers: [`x-user: z${key}`, `x-user: a${key}`] }) },
  { name: 'query', cluster: RING, policy: { query_parameter: { name: 'k' } }, request: (key) => ({ path: `?a=b&k=v%20${key}&k=other` }) },
  { name: 'cookie', cluster: RING, policy: { cookie: { name: 'session' } }, request: (key) => ({ headers: [`cookie: a=b; session="s ${key}"; c=d`] }) },
  { name: 'source', cluster: MAGLEV, policy: { connection_properties: { source_ip: true } }, request: (key) => ({ headers: [`x-forwarded-for: 10.0.0.${key}`] }) },
  { name: 'two-parts', cluster: RING, policy: [byHeader, { query_parameter: { name: 'k' } }], request: (key) => ({ path: `?k=${key}`, headers: [`x-user: ${key % 7}`] }) },
  { name: 'terminal', cluster: RING, policy: [{ ...byHeader, terminal: true }, { query_parameter: { name: 'k' } }], request: (key) => ({ path: `?k=${key}`, headers: key % 2 === 0 ? [`x-user: ${key % 7}`] : [] }) },
  { name: 'rewritten', cluster: RING, policy: { header: { header_name: 'x-user', regex_rewrite: { pattern: { regex: '-.*' }, substitution: '!' } } }, request: (key) => ({ headers: [`x-user: u${key}-tail`] }) },
  { name: 'made', cluster: RING, policy: { cookie: { name: 'session', ttl: '75.9s', path: '/p', attributes: [{ name: 'SameSite', value: 'Strict' }, { name: 'Secure' }] } }, request: (key) => ({ headers: [`cookie: session=s${key}`] }) },
  { name: 'path', cluster: RING, policy: { header: { header_name: ':path' } }, request: (key) => ({ path: `?${key}` }) },
];

/** Each tells by which port it was reached. */
async function startBackends(count: number): Promise<{ ports: number[]; close(): void }> {
  const servers: Server[] = [];
  for (let i = 0; i < count; i++) {
    const server = createServer((_request, response) => response.end(String((server.address() as AddressInfo).port)));
    server.keepAliveTimeout = 60_000;
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    servers.push(server);
  }
  return {
    ports: servers.map((server) => (server.address() as AddressInfo).port),
    close() {
      for (const server of servers) {
        server.close();
        server.closeAllConnections();
      }
    },
  };
}

function resourcesOf(listen: number, ports: readonly number[]): StaticResources {
  const routes = CASES.map(({ name, policy }) => ({ match: { prefix: `/${name}/` }, route: { cluster: name, hash_policy: Array.isArray(policy) ? policy : [policy] } }));
  const manager = typed('envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager', {
    stat_prefix: 'x', route_config: { virtual_hosts: [{ name: 'all', domains: ['*'], routes }] },
    http_filters: [{ name: 'envoy.filters.http.router', typed_config: typed('envoy.extensions.filters.http.router.v3.Router') }],
  });
  const endpoints = ({ endpoint, locality }: Case) =>
    [0, 1].map((half) => ({
      locality: { region: 'r', zone: `z${half}` }, ...locality?.(half),
      lb_endpoints: ports.flatMap((port, i) => (i % 2 === half ? [{ endpoint: { address: { socket_address: { address: '127.0.0.1', port_value: port } } }, ...endpoint?.(i) }] : [])),
    }));
  return {
    listeners: [{ name: 'all', address: { socket_address: { address: '127.0.0.1', port_value: listen } }, filter_chains: [{ filters: [{ name: 'hcm', typed_config: manager }] }] }],
    clusters: CASES.map((each) => ({ name: each.name, type: 'STATIC', connect_timeout: '1s', ...each.cluster, load_assignment: { cluster_name: each.name, endpoints: endpoints(each) } })),
  };
}

async function owner(port: number, { name, request }: Case, key: number): Promise<string> {
  const { path = '', headers = [] } = request(key);
  const answer = await sendRaw(port, `GET /${name}/${path} HTTP/1.1\r\nhost: x\r\n${headers.map((header) => `${header}\r\n`).join('')}\r\n`);
  assert.equal(answer.status, 200, `${name} ${key}: ${answer.status} ${answer.body}`);
  return answer.body;
}

test('a key reaches the same endpoint as through Envoy', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-hashing-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const backends = await startBackends(5);
  t.after(() => backends.close());
  await bundleStaticProxy();
  const lateen = await startStaticProxy(home, resourcesOf(LATEEN_PORT, backends.ports), LATEEN_PORT);
  t.after(() => lateen.stop());
  const envoy = await startEnvoy(home, resourcesOf(ENVOY_PORT, backends.ports), ENVOY_PORT, 93);
  t.after(() => envoy.stop());
  for (const each of CASES) {
    await t.test(each.name, async () => {
      const keys = Array.from({ length: KEYS }, (_, i) => i);
      const theirs = await Promise.all(keys.map((key) => owner(ENVOY_PORT, each, key)));
      const ours = await Promise.all(keys.map((key) => owner(LATEEN_PORT, each, key)));
      assert.deepEqual(ours, theirs);
      assert.ok(new Set(theirs).size > 1, 'the keys are spread');
    });
  }
  await t.test('without a cookie one is made, by the same rule', async () => {
    // Made of the client's address and port, so the value differs; its look does not.
    const look = (text: string | undefined) => text?.replace(/"[0-9a-f]{16}"/, '"HASH"');
    const cookies = await Promise.all([ENVOY_PORT, LATEEN_PORT].map(async (port) => (await sendRaw(port, 'GET /made/ HTTP/1.1\r\nhost: x\r\n\r\n')).headers['set-cookie']));
    assert.equal(look(cookies[1]), look(cookies[0]));
  });
});
