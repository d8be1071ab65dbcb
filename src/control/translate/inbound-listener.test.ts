import assert from 'node:assert/strict';
import test from 'node:test';
import { FilterChainSchema, type FilterChain } from '../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import { HttpConnectionManagerSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { toBinary } from '@bufbuild/protobuf';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { buildInboundListener, inboundRoutePlans, inboundRoutesHead } from './inbound-listener.ts';
import { inboundPorts } from './inbound-services.ts';
import { contextFor } from './testing/context.ts';
import { findChain, type Connection } from './testing/simulate.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: app, namespace: default}
spec: {selector: {app: app}, ports: [{name: http, port: 80, targetPort: web}, {name: tcp, port: 5432}, {name: guess, port: 7000}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: app, namespace: default}
spec: {template: {metadata: {labels: {app: app}}, spec: {containers: [{name: c, ports: [{name: web, containerPort: 8080}]}]}}}
`;

const peer = (spec: string, over = 'namespace: default') => `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: ${over.length}, ${over}}
spec: ${spec}
`;

const mtls = (kind: 'http' | 'tcp'): Partial<Connection> => ({ transport: 'tls', alpn: kind === 'http' ? ['istio-http/1.1', 'istio', 'http/1.1'] : ['istio-peer-exchange', 'istio'] });
const plain = (kind: 'http' | 'tcp'): Partial<Connection> => ({ transport: 'raw_buffer', alpn: kind === 'http' ? ['http/1.1'] : [] });
const ownTls: Partial<Connection> = { transport: 'tls', alpn: ['h2', 'http/1.1'] };

/** `mtls http`, `http`, `tcp`, or `refused`. */
function outcome(yaml: string, port: number, connection: Partial<Connection>): string {
  const context = contextFor(MESH + yaml, { workload: 'app' });
  const listener = buildInboundListener(inboundPorts(context), { context, telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] }, security: { authn: [], authz: [], tcp: [], guards: [] } });
  return describe(findChain(listener, { port, transport: 'raw_buffer', ...connection }));
}

function describe(chain: FilterChain | undefined): string {
  const last = chain?.filters.at(-1);
  if (!chain || !last) return 'refused';
  const kind = last.name.endsWith('http_connection_manager') ? 'http' : 'tcp';
  const proxy = last.configType.case === 'typedConfig' ? anyUnpack(last.configType.value, TcpProxySchema) : undefined;
  if (proxy?.clusterSpecifier.value === 'BlackHoleCluster') return 'black hole';
  return chain.transportSocket ? `mtls ${kind}` : kind;
}

const STRICT = peer('{mtls: {mode: STRICT}}');
const DISABLE = peer('{mtls: {mode: DISABLE}}');

for (const [name, yaml, port, connection, want] of [
  ['by default a mesh client is decrypted', '', 8080, mtls('http'), 'mtls http'],
  ['by default plaintext is taken', '', 8080, plain('http'), 'http'],
  ['by default TLS of somebody else is refused on an HTTP port', '', 8080, ownTls, 'refused'],
  ['by default TCP of a mesh client is decrypted', '', 5432, mtls('tcp'), 'mtls tcp'],
  ['by default plaintext TCP is taken, also when it looks like HTTP', '', 5432, plain('http'), 'tcp'],
  ['by default the application speaks its own TLS', '', 5432, ownTls, 'tcp'],
  ['a detected port sees HTTP within mutual TLS', '', 7000, mtls('http'), 'mtls http'],
  ['a detected port sees TCP within mutual TLS', '', 7000, mtls('tcp'), 'mtls tcp'],
  ['a detected port sees plaintext HTTP', '', 7000, plain('http'), 'http'],
  ['a detected port sees plaintext TCP', '', 7000, plain('tcp'), 'tcp'],
  ['a detected port passes TLS of the application', '', 7000, ownTls, 'tcp'],
  ['a port that no service has is treated like a detected one', '', 9999, mtls('http'), 'mtls http'],
  ['a port that no service has takes plaintext', '', 9999, plain('tcp'), 'tcp'],
  ['the listener does not call itself', '', 15006, plain('http'), 'black hole'],
  ['STRICT refuses plaintext HTTP', STRICT, 8080, plain('http'), 'refused'],
  ['STRICT takes a mesh client', STRICT, 8080, mtls('http'), 'mtls http'],
  ['STRICT refuses plaintext TCP', STRICT, 5432, plain('tcp'), 'refused'],
  ['STRICT refuses plaintext on ports that no service has', STRICT, 9999, plain('http'), 'refused'],
  ['STRICT on a detected port refuses plaintext', STRICT, 7000, plain('http'), 'refused'],
  ['STRICT on a detected port takes TCP of a mesh client', STRICT, 7000, mtls('tcp'), 'mtls tcp'],
  ['DISABLE takes plaintext', DISABLE, 8080, plain('http'), 'http'],
  ['DISABLE does not decrypt', DISABLE, 8080, mtls('http'), 'refused'],
  ['of the mesh: STRICT in the root namespace', peer('{mtls: {mode: STRICT}}', 'namespace: istio-system'), 8080, plain('http'), 'refused'],
  ['the namespace overrides the mesh', peer('{mtls: {mode: STRICT}}', 'namespace: istio-system') + peer('{mtls: {mode: PERMISSIVE}}'), 8080, plain('http'), 'http'],
  ['a port overrides the workload', peer('{selector: {matchLabels: {app: app}}, mtls: {mode: STRICT}, portLevelMtls: {"8080": {mode: DISABLE}}}'), 8080, plain('http'), 'http'],
  ['other ports keep the mode of the workload', peer('{selector: {matchLabels: {app: app}}, mtls: {mode: STRICT}, portLevelMtls: {"8080": {mode: DISABLE}}}'), 5432, plain('tcp'), 'refused'],
  ['a policy for other workloads is not for this one', peer('{selector: {matchLabels: {app: other}}, mtls: {mode: STRICT}}'), 8080, plain('http'), 'http'],
] as const) test(name, () => assert.equal(outcome(yaml, port, connection), want));

const managersOf = (chains: readonly FilterChain[]) => chains.flatMap(({ filters }) => filters.flatMap(({ configType }) => (configType.case === 'typedConfig' ? (anyUnpack(configType.value, HttpConnectionManagerSchema) ?? []) : [])));

test('what an application says of deliveries is taken away on every port', () => {
  const context = contextFor(MESH, { workload: 'app' });
  const { filterChains } = buildInboundListener(inboundPorts(context), { context, telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] }, security: { authn: [], authz: [], tcp: [], guards: [] } });
  const managers = managersOf(filterChains);
  assert.ok(managers.length > 3);
  for (const { routeSpecifier } of managers) assert.deepEqual(routeSpecifier.case === 'routeConfig' ? routeSpecifier.value.responseHeadersToRemove : routeSpecifier.case, ['x-lateen-delivery']);
});

test('an Envoy that can fetches the routes of each port, and of ports that no service has', () => {
  const context = contextFor(MESH, { workload: 'app', fetches: true });
  const ports = inboundPorts(context);
  const { filterChains } = buildInboundListener(ports, { context, telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] }, security: { authn: [], authz: [], tcp: [], guards: [] } });
  const fetched = new Set(managersOf(filterChains).map(({ routeSpecifier }) => (routeSpecifier.case === 'rds' ? routeSpecifier.value.routeConfigName : routeSpecifier.case)));
  assert.deepEqual([...fetched].sort(), ['InboundPassthroughCluster', 'inbound|7000||', 'inbound|8080||']);
  const names = new Set(inboundRoutePlans(ports).map(({ cluster }) => cluster));
  assert.ok(fetched.values().every((name) => names.has(name ?? '')));
  assert.deepEqual(inboundRoutesHead('x').responseHeadersToRemove, ['x-lateen-delivery']);
});

test('no mode of mutual TLS changes the chains of those that it lets in', () => {
  const chains = (yaml: string) => {
    const context = contextFor(MESH + yaml, { workload: 'app' });
    const { filterChains } = buildInboundListener(inboundPorts(context), { context, telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] }, security: { authn: [], authz: [], tcp: [], guards: [] } });
    const texts = (list: readonly FilterChain[]) => new Set(list.map((chain) => Buffer.from(toBinary(FilterChainSchema, chain)).toString('hex')));
    const [peers = [], others = []] = [filterChains.filter((chain) => chain.transportSocket), filterChains.filter((chain) => !chain.transportSocket)];
    return { peers: texts(peers), others: texts(others) };
  };
  const [permissive, strict, disabled] = [chains(''), chains(STRICT), chains(DISABLE)];
  assert.ok(permissive.peers.size > 5 && permissive.peers.isSubsetOf(strict.peers));
  assert.ok(permissive.others.size > 5 && permissive.others.isSubsetOf(disabled.others));
  assert.equal(disabled.peers.size, 0);
});
