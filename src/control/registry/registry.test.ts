import assert from 'node:assert/strict';
import test from 'node:test';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import type { Stored } from '../../kube/object.ts';
import { hostCovers, fullHost } from './hosts.ts';
import { protocolOf, type PortFacts } from './protocol.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';
import { diffSnapshots, type MeshInputs } from './snapshot.ts';
import { yamlMesh } from './testing/yaml-mesh.ts';

for (const [facts, want] of [
  [{ port: 80, name: 'http' }, 'HTTP'],
  [{ port: 80, name: 'HTTP-web' }, 'HTTP'],
  [{ port: 80, name: 'http2-x' }, 'HTTP2'],
  [{ port: 80, name: 'grpc' }, 'GRPC'],
  [{ port: 80, name: 'grpc-web' }, 'GRPC-Web'],
  [{ port: 80, name: 'grpc-webx' }, 'GRPC'],
  [{ port: 443, name: 'https' }, 'HTTPS'],
  [{ port: 443, name: 'tls-x' }, 'TLS'],
  [{ port: 80, name: 'web' }, 'Unsupported'],
  [{ port: 80, name: '' }, 'Unsupported'],
  [{ port: 80, name: 'httpfoo' }, 'Unsupported'],
  [{ port: 3306, name: 'db' }, 'TCP'],
  [{ port: 3306, name: 'http' }, 'HTTP'],
  [{ port: 53, transport: 'UDP', name: 'dns' }, 'UDP'],
  [{ port: 80, name: 'tcp', appProtocol: 'http' }, 'HTTP'],
  [{ port: 80, name: 'http', appProtocol: 'kubernetes.io/h2c' }, 'HTTP2'],
  [{ port: 80, name: 'tcp', appProtocol: 'kubernetes.io/ws' }, 'HTTP'],
  [{ port: 80, name: 'tcp', appProtocol: 'kubernetes.io/wss' }, 'HTTPS'],
  [{ port: 80, name: 'http', appProtocol: 'example.com/mine' }, 'Unsupported'],
] as readonly (readonly [PortFacts, string])[]) test(`port ${JSON.stringify(facts)} speaks ${want}`, () => assert.equal(protocolOf(facts), want));

for (const [pattern, host, want] of [
  ['*', 'a.b', true], ['a.b', 'a.b', true], ['a.b', 'c.b', false], ['*.b', 'a.b', true], ['*.b', 'b', false], ['*.b', 'x.a.b', true], ['*.b', '*.a.b', true], ['*.a.b', '*.b', false],
] as const) test(`${pattern} ${want ? 'covers' : 'does not cover'} ${host}`, () => assert.equal(hostCovers(pattern, host), want));

test('a short name is of the namespace of its object', () => {
  assert.equal(fullHost('reviews', 'shop', 'cluster.local'), 'reviews.shop.svc.cluster.local');
  assert.equal(fullHost('example.com', 'shop', 'cluster.local'), 'example.com');
});

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 80, targetPort: 9080}]}
---
apiVersion: v1
kind: Service
metadata: {name: ratings, namespace: default}
spec: {selector: {app: ratings}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: default}
spec: {replicas: 3, template: {metadata: {labels: {app: reviews}}, spec: {serviceAccountName: sa, containers: []}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: reviews, namespace: default}
spec: {hosts: [reviews], http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
`;

const REVIEWS = 'default/reviews.default.svc.cluster.local';

const withSlices = (inputs: MeshInputs, change: (slice: Stored<EndpointSlice>) => Stored<EndpointSlice>): MeshInputs => ({
  ...inputs, endpointSlices: inputs.endpointSlices.map((s) => (s.metadata.name === 'reviews-x' ? change(s) : s)),
});

const addresses = (builder: SnapshotBuilder, inputs: MeshInputs) => (builder.build(inputs, 0).endpoints.get(REVIEWS)?.byPort.get(80) ?? []).map((e) => `${e.address}:${e.port}`);

test('an endpoint leaves when its pod is terminating or not ready', () => {
  const builder = new SnapshotBuilder();
  const inputs = yamlMesh(MESH);
  assert.deepEqual(addresses(builder, inputs), ['10.244.0.2:9080', '10.244.0.3:9080', '10.244.0.4:9080']);
  const next = withSlices(inputs, (slice) => ({
    ...slice, endpoints: slice.endpoints.map((e, i) => (i === 0 ? { ...e, conditions: { ready: false } } : i === 1 ? { ...e, conditions: { ready: true, serving: true, terminating: true } } : e)),
  }));
  assert.deepEqual(addresses(builder, next), ['10.244.0.4:9080']);
});

test('a change of endpoints changes the endpoints of that service and nothing else', () => {
  const builder = new SnapshotBuilder();
  const inputs = yamlMesh(MESH);
  const before = builder.build(inputs, 0);
  const after = builder.build(withSlices(inputs, (slice) => ({ ...slice, endpoints: slice.endpoints.slice(1) })), 0);
  const diff = diffSnapshots(before, after);
  assert.deepEqual([[...diff.config], [...diff.endpoints]], [[], [REVIEWS]]);
});

test('an object that was written without a change changes nothing', () => {
  const builder = new SnapshotBuilder();
  const inputs = yamlMesh(MESH);
  const before = builder.build(inputs, 0);
  const touched = <T extends Stored>(list: readonly T[]): T[] => list.map((o) => ({ ...o, metadata: { ...o.metadata, resourceVersion: `${o.metadata.resourceVersion}1` } }));
  const after = builder.build({ ...inputs, services: touched(inputs.services), pods: touched(inputs.pods), virtualServices: touched(inputs.virtualServices), destinationRules: touched(inputs.destinationRules) }, 0);
  const diff = diffSnapshots(before, after);
  assert.deepEqual([[...diff.config].filter((part) => part !== 'hostPolicies'), diff.endpoints.size, diff.workloads.size], [[], 0, 0]);
  assert.equal(before.hostPolicies.byNamespace.get('default')?.get('reviews.default.svc.cluster.local')?.[0], after.hostPolicies.byNamespace.get('default')?.get('reviews.default.svc.cluster.local')?.[0]);
});

test('an object that is removed and made again is there again', () => {
  const builder = new SnapshotBuilder();
  const inputs = yamlMesh(MESH);
  const first = builder.build(inputs, 0);
  assert.equal(builder.build({ ...inputs, virtualServices: [] }, 0).routing.length, 0);
  const again = builder.build({ ...inputs, virtualServices: [...inputs.virtualServices] }, 0);
  assert.deepEqual(again.routing, first.routing);
});

const entry = (name: string, spec: string) => `---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: ${name}, namespace: default}
spec: {hosts: [example.com], ${spec}}
`;
const webPort = '{number: 80, name: http, protocol: HTTP}';
const at = (...addresses: string[]) => `resolution: STATIC, endpoints: [${addresses.map((a) => `{address: ${a}}`).join(', ')}]`;

test('entries for one host in one namespace are one service, with the ports and endpoints of all', () => {
  const yaml = entry('one', `ports: [${webPort}], ${at('192.0.2.1')}`) + entry('two', `ports: [${webPort}, {number: 443, name: tls, protocol: TLS}], ${at('192.0.2.2')}`);
  const { services, endpoints, leftOut } = new SnapshotBuilder().build(yamlMesh(yaml), 0);
  assert.deepEqual(services.map((s) => [s.name, s.entries, s.ports.map((p) => p.port)]), [['one', ['one', 'two'], [80, 443]]]);
  assert.deepEqual([...(endpoints.get('default/example.com')?.byPort ?? [])].map(([port, list]) => [port, list.map((e) => e.address)]), [[80, ['192.0.2.1', '192.0.2.2']], [443, ['192.0.2.2']]]);
  assert.deepEqual(leftOut, []);
});

for (const [what, second, reason] of [
  ['another resolution', `ports: [${webPort}], resolution: DNS`, /another resolution/],
  ['another location', `location: MESH_INTERNAL, ports: [${webPort}], ${at('192.0.2.2')}`, /another location/],
  ['another protocol on a port', `ports: [{number: 80, name: tcp, protocol: TCP}], ${at('192.0.2.2')}`, /another protocol on port 80/],
] as const) {
  test(`a second entry for a host with ${what} is left out, and says so`, () => {
    const { endpoints, leftOut } = new SnapshotBuilder().build(yamlMesh(entry('one', `ports: [${webPort}], ${at('192.0.2.1')}`) + entry('two', second)), 0);
    assert.deepEqual(endpoints.get('default/example.com')?.byPort.get(80)?.map((e) => e.address), ['192.0.2.1']);
    assert.deepEqual(leftOut.map((l) => l.name), ['two']);
    assert.match(leftOut[0]?.reason ?? '', reason);
  });
}

test('an entry for the host of a Kubernetes service adds its endpoints and names, and nothing else', () => {
  const yaml = `${MESH}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vm, namespace: default}
spec: {hosts: [reviews.default.svc.cluster.local], ports: [{number: 80, name: http, protocol: TCP}, {number: 81, name: more, protocol: TCP}], resolution: STATIC, subjectAltNames: ["spiffe://x/ns/y/sa/z"], endpoints: [{address: 192.0.2.1, ports: {http: 9080}}]}
`;
  const { services, endpoints } = new SnapshotBuilder().build(yamlMesh(yaml), 0);
  const reviews = services.find((s) => s.key === REVIEWS);
  assert.deepEqual([reviews?.origin, reviews?.ports.map((p) => p.protocol), reviews?.subjectAltNames], ['Kubernetes', ['HTTP'], ['spiffe://x/ns/y/sa/z']]);
  assert.deepEqual(endpoints.get(REVIEWS)?.byPort.get(80)?.map((e) => `${e.address}:${e.port}`), ['10.244.0.2:9080', '10.244.0.3:9080', '10.244.0.4:9080', '192.0.2.1:9080']);
});

test('a Kubernetes service selects WorkloadEntries as it selects pods, healthy ones only', () => {
  const machine = (name: string, address: string, more = '') => `---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: ${name}, namespace: default}
spec: {address: ${address}, labels: {app: reviews}, serviceAccount: vm}
${more}
`;
  const sick = 'status: {conditions: [{type: Healthy, status: "False"}]}';
  const { endpoints } = new SnapshotBuilder().build(yamlMesh(MESH + machine('vm-1', '192.0.2.1') + machine('vm-2', '192.0.2.2', sick)), 0);
  const found = endpoints.get(REVIEWS);
  assert.deepEqual(found?.byPort.get(80)?.filter((e) => e.address.startsWith('192')).map((e) => `${e.address}:${e.port}`), ['192.0.2.1:9080']);
  assert.deepEqual(found?.accounts, ['default/sa', 'default/vm']);
});

test('pods of a service that publishes them in any state are endpoints while they start and end', () => {
  const inputs = yamlMesh(MESH.replace('spec: {selector: {app: reviews}', 'spec: {publishNotReadyAddresses: true, selector: {app: reviews}'));
  const next = withSlices(inputs, (slice) => ({ ...slice, endpoints: slice.endpoints.map((e, i) => ({ ...e, conditions: { ready: i !== 0, terminating: i === 1 } })) }));
  assert.equal(addresses(new SnapshotBuilder(), next).length, 3);
});

test('a port says how many of its endpoints take mutual TLS', () => {
  const share = (yaml: string) => new SnapshotBuilder().build(yamlMesh(MESH + yaml), 0).services.find((s) => s.key === REVIEWS)?.ports[0]?.mutualTls;
  const plain = (replicas: number) => `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: old, namespace: default}
spec: {replicas: ${replicas}, template: {metadata: {labels: {app: reviews, "security.istio.io/tlsMode": disabled}}, spec: {containers: []}}}
`;
  const policy = (mode: string) => `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: ${mode}}}
`;
  assert.deepEqual([share(''), share(plain(1)), share(policy('STRICT')), share(policy('DISABLE'))], ['all', 'some', 'all', 'none']);
});

test('a ServiceEntry that selects pods has them as endpoints', () => {
  const yaml = `${MESH}---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: alias, namespace: default}
spec: {hosts: [reviews.internal], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 8000, name: http, protocol: HTTP, targetPort: 9080}], workloadSelector: {labels: {app: reviews}}}
`;
  const { endpoints } = new SnapshotBuilder().build(yamlMesh(yaml), 0);
  assert.deepEqual(endpoints.get('default/reviews.internal')?.byPort.get(8000)?.map((e) => e.port), [9080, 9080, 9080]);
});

test('objects of namespaces that no discovery selector picks are not of the mesh, those of the control plane’s always are', () => {
  const yaml = ['shop', 'other', 'istio-system', 'plain'].map((name) => `
{apiVersion: v1, kind: Namespace, metadata: {name: ${name}, labels: {team: ${name}}}}
---
{apiVersion: v1, kind: Service, metadata: {name: a, namespace: ${name}}, spec: {selector: {app: a}, ports: [{name: http, port: 80}]}}
---
{apiVersion: apps/v1, kind: Deployment, metadata: {name: a, namespace: ${name}}, spec: {template: {metadata: {labels: {app: a}}, spec: {containers: []}}}}
---
{apiVersion: networking.istio.io/v1, kind: VirtualService, metadata: {name: v, namespace: ${name}}, spec: {hosts: [${name}.example], http: [{redirect: {uri: /x}}]}}`);
  const builder = new SnapshotBuilder();
  const seen = (discoverySelectors: MeshInputs['settings']['config']['discoverySelectors']) => {
    const { services, routing, workloads } = builder.build(yamlMesh(yaml.join('\n---'), { config: { discoverySelectors } }), 0);
    return [services, routing, [...workloads.values()]].map((list) => list.map(({ namespace }) => namespace).toSorted().join(' '));
  };
  const all = 'istio-system other plain shop';
  assert.deepEqual(seen([]), [all, all, all]);
  const some = 'istio-system other shop';
  assert.deepEqual(seen([{ matchLabels: { team: 'shop' } }, { matchExpressions: [{ key: 'team', operator: 'In', values: ['other'] }] }]), [some, some, some]);
});

test('with discovery selectors a list that does not change stays the same', () => {
  const builder = new SnapshotBuilder();
  const inputs = yamlMesh(`{apiVersion: v1, kind: Namespace, metadata: {name: default, labels: {mesh: "yes"}}}\n---\n${MESH}`, { config: { discoverySelectors: [{ matchLabels: { mesh: 'yes' } }] } });
  const before = builder.build(inputs, 0);
  assert.ok(before.services.length > 0);
  const diff = diffSnapshots(before, builder.build({ ...inputs, pods: [...inputs.pods] }, 0));
  assert.deepEqual([...diff.config, ...diff.services], []);
});

test('what Services and Namespaces ask of the mesh in vain is told', () => {
  const yaml = `
{apiVersion: v1, kind: Service, metadata: {name: a, annotations: {alpha.istio.io/kubernetes-serviceaccounts: x}}, spec: {sessionAffinity: ClientIP, trafficDistribution: PreferSameNode, internalTrafficPolicy: Local, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Service, metadata: {name: b}, spec: {sessionAffinity: None, trafficDistribution: PreferClose, ports: [{name: http, port: 80}]}}
---
{apiVersion: v1, kind: Namespace, metadata: {name: n, labels: {istio.io/dataplane-mode: ambient}}}`;
  const { leftOut, services } = new SnapshotBuilder().build(yamlMesh(yaml), 0);
  assert.deepEqual(leftOut.map(({ kind, name, field }) => `${kind} ${name} ${field}`), [
    'Service a spec.sessionAffinity', 'Service a spec.trafficDistribution', 'Service a spec.internalTrafficPolicy', 'Service a metadata.annotations[alpha.istio.io/kubernetes-serviceaccounts]',
    'Namespace n metadata.labels[istio.io/dataplane-mode]',
  ]);
  assert.deepEqual(services.map(({ name, prefersNear }) => [name, prefersNear]), [['a', true], ['b', true]]);
});

test('a label of the pod says where it is, before its node does', () => {
  const yaml = `
{apiVersion: v1, kind: Node, metadata: {name: n, labels: {topology.kubernetes.io/region: r1, topology.kubernetes.io/zone: z1}}}
---
{apiVersion: v1, kind: Pod, metadata: {name: a}, spec: {nodeName: n, containers: []}}
---
{apiVersion: v1, kind: Pod, metadata: {name: b, labels: {topology.istio.io/locality: r2.z2.s2}}, spec: {nodeName: n, containers: []}}`;
  const { workloads } = new SnapshotBuilder().build(yamlMesh(yaml), 0);
  assert.deepEqual([...workloads.values()].map(({ locality }) => Object.values(locality).join('/')), ['r1/z1/', 'r2/z2/s2']);
});
