/** Rare fields have no scenario each. Of every one it is shown here that proxies are told of it, or that its object's status says that it
 * has no effect: nothing is accepted and ignored. */
import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import test from 'node:test';
import { parse } from 'yaml';
import { NOT_IN_EFFECT } from '../../src/api/not-in-effect.ts';
import { Generator } from '../../src/control/generate/generator.ts';
import { snapshotOf } from '../../src/control/registry/snapshot-builder.ts';
import { yamlMesh } from '../../src/control/registry/testing/yaml-mesh.ts';
import { readProxy, type Proxy } from '../../src/control/translate/proxy.ts';
import { TypeUrl } from '../../src/xds/type-urls.ts';
import { coveredFields, plainName, readFields } from './coverage.ts';
import { GROUP_COVERS } from './group-fields.ts';
import { SCENARIOS } from './scenarios.ts';

const FILE = '../shared/design/FEATURES.md';

const CHAIN = 'configPatches[].match.listener.filterChain';
const chains = (match: string) => `{configPatches: [{applyTo: FILTER_CHAIN, match: {listener: {filterChain: {${match}}}}, patch: {operation: MERGE, value: {transport_socket_connect_timeout: 3s}}}]}`;

/** Kind, spec, and the fields of it that proxies must be told of. */
const TOLD: readonly (readonly [kind: string, spec: string, ...fields: string[]])[] = [
  ['VirtualService', '{hosts: [a], http: [{mirror: {host: b}, mirror_percent: 5, route: [{destination: {host: a}}]}]}', 'http[].mirror_percent'],
  ['VirtualService', '{hosts: [a], http: [{mirror: {host: b}, mirrorPercent: 5, route: [{destination: {host: a}}]}]}', 'http[].mirrorPercent'],
  ['VirtualService', '{hosts: [a], tcp: [{match: [{destinationSubnets: [10.96.0.0/16]}], route: [{destination: {host: b}}]}]}', 'tcp[].match[].destinationSubnets[]'],
  ['VirtualService', '{hosts: [a], gateways: [mesh, edge], tcp: [{match: [{gateways: [edge]}], route: [{destination: {host: b}}]}]}', 'tcp[].match[].gateways[]'],
  ['VirtualService', '{hosts: [a], tcp: [{match: [{sourceLabels: {app: nobody}}], route: [{destination: {host: b}}]}]}', 'tcp[].match[].sourceLabels{}'],
  ['VirtualService', '{hosts: [a], tcp: [{match: [{sourceNamespace: elsewhere}], route: [{destination: {host: b}}]}]}', 'tcp[].match[].sourceNamespace'],
  ['VirtualService', '{hosts: [a], tls: [{match: [{sniHosts: [a], destinationSubnets: [10.96.0.0/16]}], route: [{destination: {host: b, port: {number: 443}}}]}]}', 'tls[].match[].destinationSubnets[]'],
  ['VirtualService', '{hosts: [a], gateways: [mesh, edge], tls: [{match: [{sniHosts: [a], gateways: [edge]}], route: [{destination: {host: b, port: {number: 443}}}]}]}', 'tls[].match[].gateways[]'],
  ['VirtualService', '{hosts: [a], tls: [{match: [{sniHosts: [a], sourceLabels: {app: nobody}}], route: [{destination: {host: b, port: {number: 443}}}]}]}', 'tls[].match[].sourceLabels{}'],
  ['VirtualService', '{hosts: [a], tls: [{match: [{sniHosts: [a], sourceNamespace: elsewhere}], route: [{destination: {host: b, port: {number: 443}}}]}]}', 'tls[].match[].sourceNamespace'],
  ['DestinationRule', '{host: a, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE, http2KeepAlive: {interval: 7s, timeout: 3s}}}}}', 'trafficPolicy.connectionPool.http.http2KeepAlive', 'trafficPolicy.connectionPool.http.http2KeepAlive.interval', 'trafficPolicy.connectionPool.http.http2KeepAlive.timeout'],
  ['DestinationRule', '{host: a, trafficPolicy: {loadBalancer: {consistentHash: {httpCookie: {name: c, ttl: 1s, attributes: [{name: SameSite, value: Lax}]}}}}}', 'trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[]', 'trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[].value'],
  ['DestinationRule', '{host: a, trafficPolicy: {loadBalancer: {consistentHash: {httpHeaderName: x, minimumRingSize: 77}}}}', 'trafficPolicy.loadBalancer.consistentHash.minimumRingSize'],
  ['DestinationRule', '{host: a, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, warmupDurationSecs: 9s}}}', 'trafficPolicy.loadBalancer.warmupDurationSecs'],
  ['DestinationRule', '{host: a, trafficPolicy: {outlierDetection: {consecutiveErrors: 3}}}', 'trafficPolicy.outlierDetection.consecutiveErrors'],
  ['DestinationRule', '{host: a, trafficPolicy: {outlierDetection: {outlierDetectionHttpErrorCodes: [429]}}}', 'trafficPolicy.outlierDetection.outlierDetectionHttpErrorCodes[]'],
  ['DestinationRule', '{host: a, trafficPolicy: {proxyProtocol: {version: V2}}}', 'trafficPolicy.proxyProtocol', 'trafficPolicy.proxyProtocol.version'],
  ['DestinationRule', '{host: a, trafficPolicy: {retryBudget: {percent: 30, minRetryConcurrency: 5}}}', 'trafficPolicy.retryBudget', 'trafficPolicy.retryBudget.minRetryConcurrency', 'trafficPolicy.retryBudget.percent'],
  ['DestinationRule', '{host: a, trafficPolicy: {tls: {mode: SIMPLE, caCertificates: /ca.pem, caCrl: /crl.pem}}}', 'trafficPolicy.tls.caCrl'],
  ['DestinationRule', '{host: a, trafficPolicy: {tunnel: {protocol: POST, targetHost: far.example, targetPort: 443}}}', 'trafficPolicy.tunnel', 'trafficPolicy.tunnel.protocol', 'trafficPolicy.tunnel.targetHost', 'trafficPolicy.tunnel.targetPort'],
  ['Gateway', '{selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: MUTUAL, serverCertificate: /c, privateKey: /k, caCertificates: /ca, caCrl: /crl, ecdhCurves: [P-256], insecureSkipVerify: true, verifyCertificateHash: [aa], verifyCertificateSpki: [bb]}}]}', 'servers[].tls.caCrl', 'servers[].tls.ecdhCurves[]', 'servers[].tls.insecureSkipVerify', 'servers[].tls.verifyCertificateHash[]', 'servers[].tls.verifyCertificateSpki[]'],
  ['Gateway', '{selector: {istio: ingressgateway}, servers: [{port: {number: 443, name: https, protocol: HTTPS}, hosts: ["*"], tls: {mode: MUTUAL, tlsCertificates: [{serverCertificate: /c, privateKey: /k, caCertificates: /ca}]}}]}', 'servers[].tls.tlsCertificates[]', 'servers[].tls.tlsCertificates[].caCertificates', 'servers[].tls.tlsCertificates[].privateKey', 'servers[].tls.tlsCertificates[].serverCertificate'],
  ['ServiceEntry', '{hosts: [out.example], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [{address: 10.9.9.9, serviceAccount: vm, labels: {security.istio.io/tlsMode: istio}}]}', 'endpoints[].serviceAccount'],
  ['Sidecar', '{inboundConnectionPool: {tcp: {maxConnections: 7}}}', 'inboundConnectionPool'],
  ['Sidecar', '{ingress: [{port: {number: 80, name: http, protocol: HTTP}, connectionPool: {tcp: {maxConnections: 7}}}]}', 'ingress[].connectionPool'],
  ['WasmPlugin', '{url: "file:///x.wasm", pluginName: root, vmConfig: {env: [{name: A, value: b}, {name: HOME, valueFrom: HOST}]}}', 'pluginName', 'vmConfig', 'vmConfig.env[]', 'vmConfig.env[].name', 'vmConfig.env[].value', 'vmConfig.env[].valueFrom'],
  ['WasmPlugin', '{url: "file:///x.wasm", type: NETWORK}', 'type'],
  ['WasmPlugin', `{url: "http://store.test/x.wasm", sha256: ${'a'.repeat(64)}, targetRef: {kind: Gateway, group: gateway.networking.k8s.io, name: edge}}`, 'targetRef', 'targetRef.group', 'targetRef.kind', 'targetRef.name'],
  ['WorkloadEntry', '{address: 10.5.0.1, labels: {app: vm}, locality: one/two/three, weight: 7}', 'locality', 'weight'],
  ['EnvoyFilter', chains('applicationProtocols: "http/1.1,h2c"'), `${CHAIN}.applicationProtocols`],
  ['EnvoyFilter', chains('destinationPort: 80'), `${CHAIN}.destinationPort`],
  ['EnvoyFilter', chains('transportProtocol: raw_buffer'), `${CHAIN}.transportProtocol`],
  ['EnvoyFilter', chains('transportSocket: envoy.transport_sockets.tls'), `${CHAIN}.transportSocket`],
  ['EnvoyFilter', '{configPatches: [{applyTo: LISTENER_FILTER, match: {listener: {listenerFilter: envoy.filters.listener.tls_inspector}}, patch: {operation: REMOVE}}]}', 'configPatches[].match.listener.listenerFilter'],
  ['EnvoyFilter', '{configPatches: [{applyTo: VIRTUAL_HOST, match: {routeConfiguration: {vhost: {domainName: b}}}, patch: {operation: MERGE, value: {response_headers_to_remove: [x]}}}]}', 'configPatches[].match.routeConfiguration.vhost.domainName'],
];
/** Required beside each other by their schema, or allowed to name the object's own namespace only: what shows one shows the other. */
const WITH_ANOTHER = new Set(['DestinationRule.trafficPolicy.loadBalancer.consistentHash.httpCookie.attributes[].name', 'WasmPlugin.targetRef.namespace', 'WasmPlugin.targetRefs[].namespace']);

const BASE = ['a', 'b'].map((name) => `
{apiVersion: apps/v1, kind: Deployment, metadata: {name: ${name}}, spec: {replicas: 1, selector: {matchLabels: {app: ${name}}}, template: {metadata: {labels: {app: ${name}}}, spec: {containers: [{name: x, image: x}]}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {selector: {app: ${name}}, ports: [{name: http, port: 80}, {name: tcp, port: 9000}, {name: tls, port: 443}]}}`).join('\n---');
const MACHINES = '{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: machines}, spec: {hosts: [machines.example], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: vm}}}}';
const OTHER_MACHINE = '{apiVersion: networking.istio.io/v1, kind: WorkloadEntry, metadata: {name: other}, spec: {address: 10.5.0.2, labels: {app: vm}}}';
const OPEN_GATEWAY = '{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: edge}, spec: {selector: {istio: other}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}}';

function proxyOf(kind: 'sidecar' | 'router', address: string, labels: Record<string, string>): Proxy {
  const read = readProxy({ id: `${kind}~${address}~x.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default', LABELS: labels, WORKLOAD_NAME: 'x' }, extensions: [], userAgentName: 'envoy' });
  if ('error' in read) throw new Error(read.error);
  return read.proxy;
}

/** Everything that a sidecar and a gateway are told. */
function told(kind: string, spec: unknown): string {
  const object = JSON.stringify({ apiVersion: 'networking.istio.io/v1', kind, metadata: { name: 'one' }, spec });
  const inputs = yamlMesh([BASE, MACHINES, OTHER_MACHINE, OPEN_GATEWAY, object]);
  const address = inputs.pods.find((pod) => pod.metadata.labels?.['app'] === 'a')?.status?.podIP ?? '';
  const generator = new Generator(snapshotOf(inputs));
  const proxies = [proxyOf('sidecar', address, { app: 'a' }), proxyOf('router', '10.0.0.99', { istio: 'ingressgateway', 'gateway.networking.k8s.io/gateway-name': 'edge' })];
  const types = [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.Route];
  return JSON.stringify(proxies.flatMap((proxy) => types.map((type) => [...generator.resources(proxy, type, 'all').values()].map((r) => [r.name, r.version]).toSorted())));
}

/** The value without a field: `http[].mirrorPercent`. */
function without(value: unknown, [step = '', ...rest]: readonly string[]): unknown {
  if (typeof value !== 'object' || value === null) return value;
  const name = plainName(step);
  return Object.fromEntries(Object.entries(value).flatMap(([key, child]: [string, unknown]) => {
    if (key !== name) return [[key, child]];
    if (rest.length === 0) return [];
    return [[key, step.endsWith('[]') && Array.isArray(child) ? child.map((item) => without(item, rest)) : without(child, rest)]];
  }));
}

for (const [kind, spec, ...fields] of TOLD) {
  for (const field of fields) {
    test(`proxies are told of ${kind}.${field}`, () => {
      const value: unknown = parse(spec);
      const reduced = without(value, field.split('.'));
      assert.notDeepEqual(reduced, value, 'the object sets the field');
      assert.notEqual(told(kind, value), told(kind, reduced));
    });
  }
}

test('every rare field of the traffic API has an effect that is shown, or says that it has none', { skip: existsSync(FILE) ? false : `${FILE} is not here` }, () => {
  const shown = new Set([...coveredFields(SCENARIOS), ...coveredFields(GROUP_COVERS), ...TOLD.flatMap(([kind, , ...fields]) => fields.map((field) => `${kind}.${field}`))].map(plainName));
  const reported = new Set(Object.entries(NOT_IN_EFFECT).flatMap(([kind, list]) => list.map(({ field }) => plainName(field === '' ? kind : `${kind}.${field}`))));
  const isReported = (field: string) => field.split('.').some((_, i, parts) => reported.has(plainName(parts.slice(0, parts.length - i).join('.'))));
  const rare = readFields(FILE).filter(({ mark }) => mark === 'rare').map(({ name }) => name);
  assert.ok(rare.length > 50, 'the tables can be read');
  assert.deepEqual(rare.filter((field) => !shown.has(plainName(field)) && !isReported(field) && !WITH_ANOTHER.has(field)), []);
});
