import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { MeshConfig } from '../../api/mesh-config.ts';
import { shortType, TAKES_VIRTUAL_HOSTS, TypeUrl } from '../../xds/type-urls.ts';
import { SnapshotBuilder, snapshotOf } from '../registry/snapshot-builder.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import { readProxy, type Proxy } from '../translate/proxy.ts';
import { Generator } from './generator.ts';
import { ChangingMesh, type Catalogue } from './testing/changing-mesh.ts';

const service = (name: string, namespace: string, spec: string, more = '') => `{apiVersion: v1, kind: Service, metadata: {name: ${name}, namespace: ${namespace}${more}}, spec: ${spec}}`;
const pod = (name: string, namespace: string, ip: string, { labels, ready = 'True' }: { labels: string; ready?: string }) =>
  `{apiVersion: v1, kind: Pod, metadata: {name: ${name}, namespace: ${namespace}, labels: {${labels}}}, spec: {serviceAccountName: ${name}, containers: [{name: a, ports: [{name: web, containerPort: 8080}]}]}, status: {phase: Running, podIP: ${ip}, conditions: [{type: Ready, status: '${ready}'}]}}`;
const slice = (of: string, namespace: string, ips: string, port = 8080) =>
  `{apiVersion: discovery.k8s.io/v1, kind: EndpointSlice, metadata: {name: ${of}-x, namespace: ${namespace}, labels: {kubernetes.io/service-name: ${of}}}, addressType: IPv4, ports: [{name: http, port: ${port}}, {name: tcp, port: 9000}, {name: '', port: 7000}], endpoints: [${ips}]}`;
const at = (...ips: string[]) => ips.map((ip) => `{addresses: [${ip}], conditions: {ready: true}}`).join(', ');
const mesh = (kind: string, name: string, namespace: string, spec: string) => `{apiVersion: networking.istio.io/v1, kind: ${kind}, metadata: {name: ${name}, namespace: ${namespace}}, spec: ${spec}}`;
const security = (kind: string, name: string, namespace: string, spec: string) => `{apiVersion: security.istio.io/v1, kind: ${kind}, metadata: {name: ${name}, namespace: ${namespace}}, spec: ${spec}}`;

const ISTIO = "security.istio.io/tlsMode: istio";
const CATALOGUE: Catalogue = {
  'service a': [service('a', 'one', '{clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: http, port: 80, targetPort: web}, {name: tcp, port: 9000}]}'), service('a', 'one', '{clusterIP: 10.96.0.1, selector: {app: a}, ports: [{name: http, port: 8080, targetPort: web}]}')],
  'service b': [service('b', 'two', '{clusterIP: 10.96.0.2, selector: {app: b}, ports: [{name: http, port: 80}, {name: "", port: 7000}]}'), service('b', 'two', '{clusterIP: None, selector: {app: b}, ports: [{name: http, port: 80}, {name: tcp, port: 9000}]}'), service('b', 'two', '{clusterIP: 10.96.0.2, selector: {app: b}, ports: [{name: grpc, port: 80}]}', ", annotations: {networking.istio.io/exportTo: '.'}")],
  'service c': [service('c', 'one', '{clusterIP: 10.96.0.1, selector: {app: c}, ports: [{name: http, port: 80}]}'), service('c', 'one', '{type: ExternalName, externalName: b.two.svc.cluster.local, ports: [{name: http, port: 80}]}')],
  'service h': [service('h', 'one', '{clusterIP: 10.96.0.5, ports: [{name: http, port: 80}]}'), service('h', 'one', '{clusterIP: 10.96.0.5, ports: [{name: grpc, port: 8080}]}'), service('h', 'one', '{clusterIP: 10.96.0.5, ports: [{name: http, port: 80}]}', ", annotations: {networking.istio.io/exportTo: '.'}")],
  'twin of h': [
    mesh('ServiceEntry', 'twin', 'two', '{hosts: [h.one.svc.cluster.local], resolution: STATIC, addresses: [10.96.0.6], ports: [{number: 80, name: http, protocol: HTTP}, {number: 9000, name: tcp, protocol: TCP}], endpoints: [{address: 10.9.9.8}]}'),
    mesh('ServiceEntry', 'twin', 'two', '{hosts: [h.one.svc.cluster.local], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.9.9.8}]}'),
  ],
  'pod a': [pod('a', 'one', '10.0.0.1', { labels: `app: a, version: v1, ${ISTIO}` }), pod('a', 'one', '10.0.0.1', { labels: `app: a, version: v2, ${ISTIO}` }), pod('a', 'one', '10.0.0.1', { labels: 'app: a, version: v1', ready: 'False' }), pod('a', 'one', '10.0.0.1', { labels: `app: a, version: v1, istio-locality: near.a, ${ISTIO}` })],
  'pod b': [pod('b', 'two', '10.0.0.2', { labels: `app: b, tier: gold, ${ISTIO}` }), pod('b', 'two', '10.0.0.2', { labels: `app: b, ${ISTIO}` })],
  'pod edge': [pod('edge', 'istio-system', '10.0.0.9', { labels: `istio: ingressgateway, ${ISTIO}` })],
  'slice a': [slice('a', 'one', at('10.0.0.1')), slice('a', 'one', at('10.0.0.1', '10.0.0.7')), slice('a', 'one', '')],
  'slice b': [slice('b', 'two', at('10.0.0.2')), slice('b', 'two', at('10.0.0.2', '10.0.0.8'), 80)],
  'routes a': [
    mesh('VirtualService', 'a', 'one', '{hosts: [a], http: [{match: [{sourceLabels: {tier: gold}}], route: [{destination: {host: b.two.svc.cluster.local}}]}, {route: [{destination: {host: a, subset: v1}, weight: 10}, {destination: {host: a, subset: v2}, weight: 90}]}]}'),
    mesh('VirtualService', 'a', 'one', '{hosts: [a], http: [{timeout: 3s, route: [{destination: {host: b.two.svc.cluster.local, port: {number: 80}}}]}], tcp: [{route: [{destination: {host: c}}]}]}'),
    mesh('VirtualService', 'a', 'one', "{hosts: [a, '*.wild.example', bare.example], gateways: [mesh, istio-system/edge], exportTo: ['.'], http: [{match: [{sourceNamespace: one}], redirect: {uri: /x}}, {mirror: {host: b.two.svc.cluster.local}, route: [{destination: {host: a}}]}]}"),
  ],
  'routes w': [mesh('VirtualService', 'w', 'two', "{hosts: ['*.svc.cluster.local', c.one], http: [{fault: {abort: {httpStatus: 503, percentage: {value: 1}}}, route: [{destination: {host: a.one.svc.cluster.local}}]}]}")],
  'rule a': [
    mesh('DestinationRule', 'a', 'one', '{host: a, subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]}'),
    mesh('DestinationRule', 'a', 'one', '{host: a, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x-user}}, connectionPool: {tcp: {idleTimeout: 5s}}}, subsets: [{name: v1, labels: {version: v1}}]}'),
    mesh('DestinationRule', 'a', 'one', "{host: '*.one.svc.cluster.local', trafficPolicy: {tls: {mode: DISABLE}}}"),
  ],
  'rule b': [
    mesh('DestinationRule', 'b', 'two', '{host: b, workloadSelector: {matchLabels: {tier: gold}}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}'),
    mesh('DestinationRule', 'b', 'one', '{host: b.two.svc.cluster.local, trafficPolicy: {outlierDetection: {consecutive5xxErrors: 1}, loadBalancer: {localityLbSetting: {failoverPriority: [version]}}}}'),
  ],
  entry: [
    mesh('ServiceEntry', 'entry', 'two', '{hosts: [api.example.com, d.two], location: MESH_EXTERNAL, resolution: DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}'),
    mesh('ServiceEntry', 'entry', 'two', '{hosts: [api.example.com], addresses: [10.96.0.2, 240.1.0.0/16], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}, {number: 7000, name: tcp, protocol: TCP}], workloadSelector: {labels: {app: vm}}}'),
    mesh('ServiceEntry', 'entry', 'two', '{hosts: [b.two.svc.cluster.local], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.9.9.9}]}'),
  ],
  machine: [mesh('WorkloadEntry', 'vm', 'two', '{address: 10.5.0.1, labels: {app: vm}, serviceAccount: vm}'), mesh('WorkloadEntry', 'vm', 'two', '{address: 10.5.0.2, labels: {app: vm}, weight: 5}')],
  scope: [
    mesh('Sidecar', 'scope', 'one', "{egress: [{hosts: ['./*']}]}"),
    mesh('Sidecar', 'scope', 'one', "{workloadSelector: {labels: {version: v1}}, outboundTrafficPolicy: {mode: REGISTRY_ONLY}, egress: [{hosts: ['two/*', './a.one.svc.cluster.local']}], ingress: [{port: {number: 8080, name: http, protocol: HTTP}, defaultEndpoint: '127.0.0.1:8081'}]}"),
  ],
  mtls: [security('PeerAuthentication', 'mtls', 'two', '{mtls: {mode: STRICT}}'), security('PeerAuthentication', 'mtls', 'one', '{selector: {matchLabels: {app: a}}, mtls: {mode: DISABLE}}')],
  'patch one': [
    mesh('EnvoyFilter', 'patch', 'one', '{workloadSelector: {labels: {version: v1}}, configPatches: [{applyTo: CLUSTER, patch: {operation: MERGE, value: {connect_timeout: 3s}}}, {applyTo: VIRTUAL_HOST, match: {routeConfiguration: {name: "80"}}, patch: {operation: MERGE, value: {response_headers_to_remove: [x]}}}]}'),
    mesh('EnvoyFilter', 'patch', 'one', '{configPatches: [{applyTo: CLUSTER, match: {cluster: {portNumber: 80}}, patch: {operation: REMOVE}}, {applyTo: CLUSTER, patch: {operation: ADD, value: {name: mine}}}]}'),
  ],
  'patch all': [
    mesh('EnvoyFilter', 'patch', 'istio-system', '{configPatches: [{applyTo: LISTENER, match: {context: SIDECAR_INBOUND}, patch: {operation: MERGE, value: {per_connection_buffer_limit_bytes: 4096}}}, {applyTo: ROUTE_CONFIGURATION, match: {context: GATEWAY, routeConfiguration: {portNumber: 80}}, patch: {operation: MERGE, value: {response_headers_to_remove: [x]}}}, {applyTo: VIRTUAL_HOST, match: {context: SIDECAR_OUTBOUND}, patch: {operation: ADD, value: {name: mine, domains: [mine.test]}}}]}'),
    mesh('EnvoyFilter', 'patch', 'istio-system', '{configPatches: [{applyTo: LISTENER, match: {listener: {portNumber: 80}}, patch: {operation: REMOVE}}, {applyTo: HTTP_ROUTE, patch: {operation: INSERT_FIRST, value: {name: r, match: {path: /r}, direct_response: {status: 200}}}}]}'),
  ],
  policy: [security('AuthorizationPolicy', 'policy', 'one', '{rules: [{from: [{source: {namespaces: [two]}}]}]}'), security('AuthorizationPolicy', 'policy', 'one', '{selector: {matchLabels: {app: b}}, action: DENY, rules: [{}]}')],
  logs: ['{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: logs, namespace: one}, spec: {accessLogging: [{providers: [{name: envoy}]}]}}', '{apiVersion: telemetry.istio.io/v1, kind: Telemetry, metadata: {name: logs, namespace: one}, spec: {selector: {matchLabels: {version: v2}}, tracing: [{randomSamplingPercentage: 5}]}}'],
  plugin: [
    "{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {name: plugin, namespace: one}, spec: {url: 'file:///x.wasm', match: [{mode: CLIENT, ports: [{number: 80}]}]}}",
    `{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {name: plugin, namespace: one}, spec: {url: 'http://store.test/x.wasm', sha256: ${'a'.repeat(64)}, selector: {matchLabels: {version: v2}}, match: [{mode: SERVER}]}}`,
  ],
  'plugin for all': ["{apiVersion: extensions.istio.io/v1alpha1, kind: WasmPlugin, metadata: {name: all, namespace: istio-system}, spec: {url: 'file:///y.wasm', phase: AUTHN, priority: 3}}"],
  gateway: [mesh('Gateway', 'edge', 'istio-system', "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ['*']}]}"), mesh('Gateway', 'edge', 'istio-system', "{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: [bare.example]}, {port: {number: 443, name: https, protocol: HTTPS}, tls: {mode: SIMPLE, credentialName: c}, hosts: ['*']}]}")],
};
const CONFIGS: readonly Partial<MeshConfig>[] = [{}, { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } }, { enableAutoMtls: false }];

const proxyOf = (kind: string, address: string, [name, namespace]: readonly [string, string], labels: Record<string, string>): Proxy => {
  const read = readProxy({ id: `${kind}~${address}~${name}.${namespace}~${namespace}.svc.cluster.local`, metadata: { NAMESPACE: namespace, LABELS: labels, WORKLOAD_NAME: name }, extensions: [{ name: 'istio.stats' }, ...(labels['version'] === 'v2' || labels['tier'] ? [{ name: TAKES_VIRTUAL_HOSTS }] : [])], userAgentName: 'lateen' });
  if ('error' in read) throw new Error(read.error);
  return read.proxy;
};
const PROXIES = [
  proxyOf('sidecar', '10.0.0.1', ['a', 'one'], { app: 'a', version: 'v1' }),
  proxyOf('sidecar', '10.0.0.7', ['a', 'one'], { app: 'a', version: 'v2' }),
  proxyOf('sidecar', '10.0.0.2', ['b', 'two'], { app: 'b', tier: 'gold' }),
  proxyOf('sidecar', '10.0.0.8', ['b', 'two'], { app: 'b' }),
  proxyOf('router', '10.0.0.9', ['edge', 'istio-system'], { istio: 'ingressgateway' }),
];
const TYPES = [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.Route, TypeUrl.VirtualHost, TypeUrl.NameTable];

/** Everything that every proxy gets, and from which objects it is made. */
function all(generator: Generator): Map<string, string> {
  const rows = PROXIES.flatMap((proxy) => TYPES.flatMap((typeUrl) => [...generator.resources(proxy, typeUrl, 'all').values()].map((r) => [`${proxy.id} ${shortType(typeUrl)} ${r.name}`, `${r.version} ${[...r.origins].sort().join()}`] as const)));
  return new Map(rows.sort(([x], [y]) => (x < y ? -1 : 1)));
}

/** What was read from the objects. Subsets are not among it: one that routes use stays although its rule has dropped it. */
const readings = ({ services, endpoints, workloads, routing }: MeshSnapshot) => ({ services, endpoints, workloads, routing });

const reasons = (generator: Generator): string[] => generator.leftOut.map((l) => JSON.stringify(l)).sort();

const change = fc.oneof(
  { weight: 12, arbitrary: fc.constantFrom(...Object.keys(CATALOGUE)).chain((key) => fc.record({ key: fc.constant(key), variant: fc.integer({ min: -1, max: (CATALOGUE[key]?.length ?? 1) - 1 }) })) },
  { weight: 1, arbitrary: fc.record({ config: fc.integer({ min: 0, max: CONFIGS.length - 1 }) }) },
);

/** What chance has found once. */
const FOUND: [({ key: string; variant: number } | { config: number })[][]][] = [
  // A service goes that a rule for bytes leads to.
  [[[{ key: 'routes a', variant: 1 }], [{ key: 'service c', variant: -1 }]]],
];

test('however a mesh came about, change by change, proxies get what they would get of it if it had always been so', () => {
  const steps = fc.array(fc.array(change, { minLength: 1, maxLength: 3 }), { minLength: 1, maxLength: 12 });
  fc.assert(fc.property(steps, (history) => {
    const world = new ChangingMesh(CATALOGUE);
    for (const key of Object.keys(CATALOGUE)) if (!['scope', 'mtls', 'policy', 'routes w', 'patch one', 'patch all', 'plugin', 'plugin for all'].includes(key)) world.set(key, 0);
    const builder = new SnapshotBuilder();
    const generator = new Generator(builder.build(world.inputs(), 0));
    all(generator);
    for (const step of history) {
      for (const one of step) {
        if ('config' in one) world.configure(CONFIGS[one.config] ?? {});
        else world.set(one.key, one.variant < 0 ? undefined : one.variant);
      }
      const inputs = world.inputs();
      const snapshot = builder.build(inputs, 0);
      assert.deepEqual(readings(snapshot), readings(snapshotOf(inputs)));
      generator.use(snapshot);
      const fresh = new Generator(snapshot);
      assert.deepEqual(all(generator), all(fresh));
      assert.deepEqual(reasons(generator), reasons(fresh));
    }
  }), { numRuns: Number(process.env['LATEEN_PROPERTY_RUNS'] ?? 25), examples: FOUND });
});
