/** Fields of the mesh configuration, annotations and labels have no object whose status could tell. Of every one that FEATURES.md lists it
 * is shown here that proxies are told of it, or that an injected pod is another one, or where else its effect is shown; or that
 * whoever sets it is warned. Nothing is accepted and ignored. */
import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import test from 'node:test';
import { defaultMeshConfig, overlay, type MeshConfig } from '../../src/api/mesh-config.ts';
import { meshConfigInVain } from '../../src/api/mesh-config-not-in-effect.ts';
import { ANNOTATIONS_NOT_IN_EFFECT, LABELS_NOT_IN_EFFECT } from '../../src/api/metadata-not-in-effect.ts';
import { defaultInjectConfig } from '../../src/api/proxy-pod/config.ts';
import { Generator } from '../../src/control/generate/generator.ts';
import { injectPod } from '../../src/control/inject/inject-pod.ts';
import { snapshotOf } from '../../src/control/registry/snapshot-builder.ts';
import { yamlMesh } from '../../src/control/registry/testing/yaml-mesh.ts';
import { readProxy, type Proxy } from '../../src/control/translate/proxy.ts';
import { TypeUrl } from '../../src/xds/type-urls.ts';
import { ANNOTATED, ELSEWHERE, FOREIGN, INJECTED, LABELLED, TOLD, VAIN } from './mesh-fields.ts';

const FILE = '../shared/design/FEATURES.md';
const skip = existsSync(FILE) ? false : `${FILE} is not here`;

/** First cells of the tables of a section, without backticks. */
function rows(section: RegExp): string[] {
  const text = readFileSync(FILE, 'utf8').split('\n');
  const start = text.findIndex((line) => section.test(line));
  const end = text.findIndex((line, i) => i > start && line.startsWith('## '));
  return text.slice(start, end).flatMap((line) => (/^\|(?! ?-|.* Mark \|)/.test(line) ? [line.split(' |')[0]?.slice(2).replaceAll('`', '') ?? ''] : []));
}

const ASKED = ['{apiVersion: networking.istio.io/v1, kind: Gateway, metadata: {name: edge}, spec: {selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}}',
  '{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v}, spec: {hosts: [a, shop.test], gateways: [mesh, edge], http: [{rewrite: {authority: x}, route: [{destination: {host: a}}]}]}}',
  '{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: d}, spec: {host: a, trafficPolicy: {outlierDetection: {}}}}',
  '{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: far, namespace: far}, spec: {host: b.default.svc.cluster.local, trafficPolicy: {loadBalancer: {simple: RANDOM}}}}',
  '{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: out}, spec: {host: out.example, trafficPolicy: {tls: {mode: SIMPLE}}}}',
  '{apiVersion: networking.istio.io/v1, kind: ServiceEntry, metadata: {name: out}, spec: {hosts: [out.example], resolution: DNS, ports: [{number: 443, name: http, protocol: HTTP}]}}',
  '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p}, spec: {selector: {matchLabels: {app: a}}, rules: [{from: [{source: {principals: [cluster.local/ns/x/sa/y]}}]}]}}',
  '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: p, namespace: other-root}, spec: {action: DENY, rules: [{from: [{source: {namespaces: [nobody]}}]}]}}',
  '{apiVersion: security.istio.io/v1, kind: AuthorizationPolicy, metadata: {name: c}, spec: {action: CUSTOM, provider: {name: authz}, selector: {matchLabels: {app: a}}, rules: [{}]}}',
  '{apiVersion: v1, kind: Namespace, metadata: {name: far}}', '{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {in: mesh}}}',
  '{apiVersion: v1, kind: Node, metadata: {name: n1, labels: {topology.kubernetes.io/region: r1}}}', '{apiVersion: v1, kind: Node, metadata: {name: n2, labels: {topology.kubernetes.io/region: r2}}}',
  ...['a', 'b', 'zipkin'].flatMap((name) => [
    `{apiVersion: v1, kind: Service, metadata: {name: ${name}}, spec: {selector: {app: ${name}}, ports: [{name: http, port: 80}, {name: tcp, port: 9000}, {name: any, port: 9411}]}}`,
    ...['n1', 'n2'].map((node) => `{apiVersion: apps/v1, kind: Deployment, metadata: {name: ${name}-${node}}, spec: {template: {metadata: {labels: {app: ${name}}}, spec: {nodeName: ${node}, containers: [{name: x, image: x}]}}}}`),
  ]),
  '{apiVersion: v1, kind: Service, metadata: {name: far, namespace: far}, spec: {selector: {app: far}, ports: [{name: http, port: 80}]}}',
];

function proxyOf(kind: 'sidecar' | 'router', address: string, labels: Record<string, string>): Proxy {
  const read = readProxy({ id: `${kind}~${address}~x.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default', LABELS: labels, WORKLOAD_NAME: 'x' }, extensions: [], userAgentName: 'envoy', locality: { region: 'r1', zone: '', subZone: '' } });
  if ('error' in read) throw new Error(read.error);
  return read.proxy;
}

/** Everything that a sidecar and a gateway are told under a mesh configuration. */
function told(config: object): string {
  const inputs = yamlMesh(ASKED, { config: overlay(defaultMeshConfig(), config) as MeshConfig });
  const address = inputs.pods.find((pod) => pod.metadata.labels?.['app'] === 'a')?.status?.podIP ?? '';
  const generator = new Generator(snapshotOf(inputs));
  const proxies = [proxyOf('sidecar', address, { app: 'a' }), proxyOf('router', '10.0.0.99', { istio: 'ingressgateway' })];
  const types = [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.Route];
  return JSON.stringify(proxies.flatMap((proxy) => types.map((type) => [...generator.resources(proxy, type, 'all').values()].map((r) => [r.name, r.version]).toSorted())));
}

for (const [row, config, beside = {}] of TOLD) {
  test(`proxies are told of the mesh’s ${row}: ${JSON.stringify(config)}`, () => assert.ok(told(overlay(beside, config) as object) !== told(beside)));
}

const POD = { apiVersion: 'v1' as const, kind: 'Pod' as const, metadata: { name: 'p', labels: { app: 'a' } }, spec: { containers: [{ name: 'app', image: 'a', readinessProbe: { httpGet: { path: '/', port: 80 } } }] } };

/** An injected pod, without what was written on it. */
function injected(metadata: { annotations?: Record<string, string>; labels?: Record<string, string> }, config: object): string {
  const mesh = overlay(defaultMeshConfig(), config) as MeshConfig;
  const { pod } = injectPod({ ...POD, metadata: { ...POD.metadata, ...metadata, labels: { ...POD.metadata.labels, ...metadata.labels } } }, 'default', defaultInjectConfig({ mesh }));
  const left = (all: Record<string, string> | undefined, given: Record<string, string> = {}) => Object.fromEntries(Object.entries(all ?? {}).filter(([key, value]) => given[key] !== value));
  return JSON.stringify([left(pod.metadata?.annotations, metadata.annotations), left(pod.metadata?.labels, metadata.labels), pod.spec]);
}

for (const [row, config] of INJECTED) test(`an injected pod is another one by the mesh’s ${row}`, () => assert.ok(injected({}, config) !== injected({}, {})));
for (const [key, value, beside = {}] of ANNOTATED) test(`an injected pod is another one by the annotation ${key}`, () => assert.ok(injected({ annotations: { ...beside, [key]: value } }, {}) !== injected({ annotations: beside }, {})));
for (const [key, value] of LABELLED) test(`an injected pod is another one by the label ${key}`, () => assert.ok(injected({ labels: { [key]: value } }, {}) !== injected({}, {})));

test('what is said to be shown elsewhere is shown there', () => {
  const wrong = Object.entries(ELSEWHERE).filter(([, [file, name]]) => !existsSync(file) || !readFileSync(file, 'utf8').includes(name));
  assert.deepEqual(wrong, []);
});

for (const [row, config] of VAIN) test(`whoever sets the mesh’s ${row} is warned`, () => assert.notDeepEqual(meshConfigInVain(config), []));

test('every field of the mesh configuration has an effect that is shown, or whoever sets it is warned', { skip }, () => {
  const known = new Set([...[...TOLD, ...INJECTED, ...VAIN].map(([row]) => row), ...Object.keys(ELSEWHERE)]);
  const wanted = rows(/^## 4\. MeshConfig/);
  assert.ok(wanted.length > 40, 'the table can be read');
  assert.deepEqual(wanted.filter((row) => !known.has(row)), []);
});

test('every annotation and label has an effect that is shown, or whoever sets it is warned', { skip }, () => {
  const known = new Set([...[...ANNOTATED, ...LABELLED].map(([key]) => key), ...Object.keys(ELSEWHERE), ...Object.keys(FOREIGN), ...[...ANNOTATIONS_NOT_IN_EFFECT, ...LABELS_NOT_IN_EFFECT].map(({ key }) => key)]);
  const wanted = rows(/^## 5\. Annotations/);
  assert.ok(wanted.length > 90, 'the tables can be read');
  assert.deepEqual(wanted.filter((key) => !known.has(key)), []);
});
