import assert from 'node:assert/strict';
import test from 'node:test';
import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { ClusterSchema, Cluster_DiscoveryType } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ListenerSchema } from '../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { RouteConfigurationSchema } from '../../xds/generated/envoy/config/route/v3/route_pb.js';
import type { YamlMeshOptions } from '../registry/testing/yaml-mesh.ts';
import type { Context } from './context.ts';
import { buildInboundListener } from './inbound-listener.ts';
import { inboundPorts } from './inbound-services.ts';
import { buildOutboundCluster, planClusters } from './outbound-clusters.ts';
import { planOutbound, routeNames } from './outbound-plan.ts';
import { buildOutboundRoutes } from './outbound-routes.ts';
import { contextFor, type TestProxy } from './testing/context.ts';
import { outboundListeners, outboundPath, type OutboundCall } from './testing/outbound-path.ts';

const service = (name: string, ports: string, more = '') => `---
apiVersion: v1
kind: Service
metadata: {name: ${name}, namespace: default}
spec: {selector: {app: ${name.split('-')[0]}}, ports: ${ports}${more}}
`;
const workload = (name: string, replicas = 1, labels = '') => `---
apiVersion: apps/v1
kind: StatefulSet
metadata: {name: ${name}, namespace: default}
spec: {replicas: ${replicas}, template: {metadata: {labels: {app: ${name}${labels}}}, spec: {containers: []}}}
`;
const HEADLESS = ', clusterIP: None';
const TCP = '[{name: tcp, port: 9092}]';
const HTTP = '[{name: http, port: 9092}]';
const GUESS = '[{name: x, port: 9092}]';
const out = (name: string, port = 9092) => `outbound|${port}||${name}.default.svc.cluster.local`;

/** Pods get 10.244.0.2, .3, …, services 10.96.0.1, .2, … in the order of their mention. */
interface Case {
  readonly name: string;
  readonly mesh: string;
  readonly call: OutboundCall;
  readonly to: string;
  readonly who?: TestProxy;
  readonly options?: YamlMeshOptions;
}

const pair = (a: string, b: string) => service('a', a) + service('b', b);
const CASES: readonly Case[] = [
  { name: 'TCP by the virtual address', mesh: service('db', TCP), call: { to: '10.96.0.1:9092' }, to: out('db') },
  { name: 'HTTP by the host', mesh: service('web', HTTP), call: { to: '10.96.0.1:9092', host: 'web' }, to: out('web') },
  { name: 'HTTP by the address as host', mesh: service('web', HTTP), call: { to: '10.96.0.1:9092', host: '10.96.0.1' }, to: out('web') },
  { name: 'HTTP on a port of unknown protocol', mesh: service('web', GUESS), call: { to: '10.96.0.1:9092', host: 'whatever' }, to: out('web') },
  { name: 'bytes on a port of unknown protocol', mesh: service('web', GUESS), call: { to: '10.96.0.1:9092' }, to: out('web') },
  { name: 'a TCP service beside an HTTP service on one port', mesh: pair(TCP, HTTP), call: { to: '10.96.0.1:9092' }, to: out('a') },
  { name: 'an HTTP service beside a TCP service on one port', mesh: pair(TCP, HTTP), call: { to: '10.96.0.2:9092', host: 'b' }, to: out('b') },
  { name: 'a pod of a headless TCP service', mesh: service('kafka', TCP, HEADLESS) + workload('kafka', 2), call: { to: '10.244.0.3:9092' }, to: out('kafka') },
  { name: 'a pod of a headless HTTP service by its address', mesh: service('es', HTTP, HEADLESS) + workload('es', 2), call: { to: '10.244.0.3:9092', host: '10.244.0.3:9092' }, to: out('es') },
  { name: 'a pod of a headless HTTP service by its own name', mesh: service('es', HTTP, HEADLESS) + workload('es', 2), call: { to: '10.244.0.3:9092', host: 'es-0.es' }, to: out('es') },
  { name: 'a pod that has just come, by its own name', mesh: service('es', HTTP, HEADLESS) + workload('es', 2), call: { to: '10.244.0.99:9092', host: 'es-7.es.default.svc.cluster.local' }, to: out('es') },
  { name: 'HTTP to a pod of a headless service of unknown protocol', mesh: service('es', GUESS, HEADLESS) + workload('es'), call: { to: '10.244.0.2:9092', host: 'x' }, to: out('es') },
  { name: 'bytes to a pod of a headless service of unknown protocol', mesh: service('es', GUESS, HEADLESS) + workload('es'), call: { to: '10.244.0.2:9092' }, to: out('es') },
  { name: 'a headless TCP pod where an HTTP service has the port', mesh: service('kafka', TCP, HEADLESS) + workload('kafka') + service('web', HTTP), call: { to: '10.244.0.2:9092' }, to: out('kafka') },
  { name: 'the HTTP service where a headless TCP service has the port', mesh: service('kafka', TCP, HEADLESS) + workload('kafka') + service('web', HTTP), call: { to: '10.96.0.2:9092', host: 'web' }, to: out('web') },
  { name: 'a pod that listens elsewhere than the headless service says', mesh: service('kafka', '[{name: tcp, port: 9092, targetPort: 19092}]', HEADLESS) + workload('kafka'), call: { to: '10.244.0.2:19092' }, to: out('kafka') },
  { name: 'a pod behind two headless services', mesh: service('kafka', TCP, HEADLESS) + service('kafka-internal', TCP, HEADLESS) + workload('kafka'), call: { to: '10.244.0.2:9092' }, to: out('kafka-internal') },
  { name: 'a pod of a service with an address is called as it was dialled', mesh: service('db', TCP) + workload('db'), call: { to: '10.244.0.2:9092' }, to: 'PassthroughCluster' },
  { name: 'an external IP', mesh: service('db', TCP, ', externalIPs: [192.0.2.7]'), call: { to: '192.0.2.7:9092' }, to: out('db') },
  { name: 'a service without selector', mesh: service('db', TCP).replace('selector: {app: db}, ', ''), call: { to: '10.96.0.1:9092' }, to: out('db') },
  { name: 'UDP is left alone', mesh: service('dns', '[{name: dns, port: 9092, protocol: UDP}]'), call: { to: '10.96.0.1:9092' }, to: 'PassthroughCluster' },
  { name: 'nobody’s address', mesh: '', call: { to: '192.0.2.1:80', host: 'example.com' }, to: 'PassthroughCluster' },
  { name: 'nobody’s host on a port that services have', mesh: service('web', HTTP), call: { to: '192.0.2.1:9092', host: 'example.com' }, to: 'PassthroughCluster' },
  { name: 'nobody’s host where only the known is let through', mesh: service('web', HTTP), call: { to: '192.0.2.1:9092', host: 'example.com' }, to: '502', options: { config: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } } },
  { name: 'nobody’s address where only the known is let through', mesh: '', call: { to: '192.0.2.1:80' }, to: 'BlackHoleCluster', options: { config: { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' } } } },
];

for (const { name, mesh, call, to, who, options } of CASES) test(`${name} → ${to}`, () => assert.equal(outboundPath(contextFor(mesh, who, options), call), to));

test('pods of a headless service share one listener', () => {
  const context = contextFor(service('kafka', TCP, HEADLESS) + workload('kafka', 5));
  assert.deepEqual([...outboundListeners(context).keys()], ['0.0.0.0_9092', 'virtualOutbound']);
});

test('pods of a headless service are called with mutual TLS when all of them take it', () => {
  const socket = (yaml: string) => {
    const context = contextFor(service('kafka', TCP, HEADLESS) + yaml);
    const [plan] = planClusters(context, context.scope.byHost.get('kafka.default.svc.cluster.local') ?? assert.fail());
    const cluster = buildOutboundCluster(plan ?? assert.fail(), context);
    assert.equal(cluster.clusterDiscoveryType.value, Cluster_DiscoveryType.ORIGINAL_DST);
    return cluster.transportSocket?.name;
  };
  const plain = `, 'security.istio.io/tlsMode': disabled`;
  assert.equal(socket(workload('kafka', 3)), 'envoy.transport_sockets.tls');
  assert.equal(socket(workload('kafka', 3) + workload('kafka', 1, plain)), undefined);
  assert.equal(socket(workload('kafka', 2, plain)), undefined);
});

/** Everything that proxies get, by name and encoded. */
function everything(context: Context): Record<string, string> {
  const encoded = <D extends DescMessage>(schema: D, kind: string) => (message: MessageShape<D> & { name: string }) => [`${kind} ${message.name}`, Buffer.from(toBinary(schema, message)).toString('latin1')] as const;
  return Object.fromEntries([
    ...context.scope.services.flatMap((s) => planClusters(context, s)).map((plan) => buildOutboundCluster(plan, context)).map(encoded(ClusterSchema, 'cluster')),
    ...[...outboundListeners(context).values(), buildInboundListener(inboundPorts(context), { context, telemetry: { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] }, security: { authn: [], authz: [], tcp: [], guards: [] } })].map(encoded(ListenerSchema, 'listener')),
    ...routeNames(planOutbound(context)).map((name) => buildOutboundRoutes(name, context)).map(encoded(RouteConfigurationSchema, 'routes')),
  ]);
}

const VIP = (ip: string) => `, clusterIP: ${ip}`;
const ON_ONE_PORT: readonly (readonly [string, string, string])[] = [
  ['TCP and HTTP', service('app-a', TCP, VIP('10.96.1.1')), service('app-b', HTTP, VIP('10.96.1.2'))],
  ['headless TCP and HTTP', service('app-a', TCP, HEADLESS), service('app-b', HTTP, VIP('10.96.1.2'))],
  ['headless HTTP and TCP', service('app-a', HTTP, HEADLESS), service('app-b', TCP, VIP('10.96.1.2'))],
  ['headless HTTP and HTTP', service('app-a', HTTP, HEADLESS), service('app-b', HTTP, VIP('10.96.1.2'))],
  ['headless TCP and headless HTTP', service('app-a', TCP, HEADLESS), service('app-b', HTTP, HEADLESS)],
  ['undeclared and HTTP', service('app-a', GUESS, VIP('10.96.1.1')), service('app-b', HTTP, VIP('10.96.1.2'))],
  ['undeclared and TCP', service('app-a', GUESS, VIP('10.96.1.1')), service('app-b', TCP, VIP('10.96.1.2'))],
  ['HTTP and gRPC', service('app-a', HTTP, VIP('10.96.1.1')), service('app-b', '[{name: grpc, port: 9092}]', VIP('10.96.1.2'))],
  ['HTTP and TLS', service('app-a', HTTP, VIP('10.96.1.1')), service('app-b', '[{name: tls, port: 9092}]', VIP('10.96.1.2'))],
];
for (const [name, a, b] of ON_ONE_PORT) {
  test(`${name} on one port: the order in which they were created changes nothing`, () => {
    const at = (yaml: string, second: number) => yaml.replace('namespace: default}', `namespace: default, creationTimestamp: "2026-01-01T00:00:0${second}Z"}`);
    const make = (first: string, second: string) => everything(contextFor(workload('app', 2) + at(first, 1) + at(second, 2), { workload: 'app' }));
    assert.deepEqual(make(b, a), make(a, b));
  });
}
