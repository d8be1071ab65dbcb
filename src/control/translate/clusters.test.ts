import assert from 'node:assert/strict';
import test from 'node:test';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Cluster_LbPolicy, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { UpstreamTlsContextSchema } from '../../xds/generated/envoy/extensions/transport_sockets/tls/v3/tls_pb.js';
import type { Context } from './context.ts';
import { buildAssignment } from './endpoints.ts';
import { buildOutboundCluster, planClusters } from './outbound-clusters.ts';
import { contextFor, type TestProxy } from './testing/context.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v1, namespace: default}
spec: {template: {metadata: {labels: {app: reviews, version: v1}}, spec: {serviceAccountName: reviews, containers: []}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews-v2, namespace: default}
spec: {replicas: 2, template: {metadata: {labels: {app: reviews, version: v2}}, spec: {serviceAccountName: reviews, containers: []}}}
`;

const rule = (spec: string) => `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: reviews, namespace: default}
spec: {host: reviews, ${spec}}
`;

const HOST = 'reviews.default.svc.cluster.local';

function clusters(yaml: string, who: TestProxy = {}): { context: Context; all: Map<string, Cluster> } {
  const context = contextFor(MESH + yaml, who);
  const service = context.scope.byHost.get(HOST);
  assert.ok(service);
  return { context, all: new Map(planClusters(context, service).map((plan) => [plan.name, buildOutboundCluster(plan, context)])) };
}

const cluster = (yaml: string, name = `outbound|9080||${HOST}`): Cluster => {
  const found = clusters(yaml).all.get(name);
  assert.ok(found);
  return found;
};

test('a port has a cluster, and one for each subset', () => {
  const { all } = clusters(rule('subsets: [{name: v1, labels: {version: v1}}, {name: v2, labels: {version: v2}}]'));
  assert.deepEqual([...all.keys()], [`outbound|9080||${HOST}`, `outbound|9080|v1|${HOST}`, `outbound|9080|v2|${HOST}`]);
});

test('by default mutual TLS is spoken with endpoints that speak it, under the name of the service', () => {
  const { transportSocketMatches } = cluster('');
  assert.deepEqual(transportSocketMatches.map((m) => [m.name, m.match]), [['tlsMode-istio', { tlsMode: 'istio' }], ['tlsMode-disabled', {}]]);
  const config = transportSocketMatches[0]?.transportSocket?.configType;
  assert.ok(config?.case === 'typedConfig');
  const tls = anyUnpack(config.value, UpstreamTlsContextSchema);
  assert.equal(tls?.sni, `outbound_.9080_._.${HOST}`);
  assert.deepEqual(tls.commonTlsContext?.alpnProtocols, ['istio-http/1.1', 'istio', 'http/1.1']);
  assert.deepEqual(tls.commonTlsContext?.tlsCertificateSdsSecretConfigs.map((s) => s.name), ['default']);
  const validation = tls.commonTlsContext?.validationContextType;
  assert.ok(validation?.case === 'combinedValidationContext');
  assert.deepEqual(validation.value.defaultValidationContext?.matchTypedSubjectAltNames.map((m) => m.matcher?.matchPattern.value), ['spiffe://cluster.local/ns/default/sa/reviews']);
});

test('ISTIO_MUTUAL is spoken with everybody, DISABLE with nobody', () => {
  assert.equal(cluster(rule('trafficPolicy: {tls: {mode: ISTIO_MUTUAL}}')).transportSocket?.name, 'envoy.transport_sockets.tls');
  const disabled = cluster(rule('trafficPolicy: {tls: {mode: DISABLE}}'));
  assert.deepEqual([disabled.transportSocket, disabled.transportSocketMatches], [undefined, []]);
});

test('pools and ejection are as asked, and unlimited otherwise', () => {
  const asked = cluster(rule('trafficPolicy: {connectionPool: {tcp: {maxConnections: 100}, http: {http1MaxPendingRequests: 100, http2MaxRequests: 1000}}, outlierDetection: {consecutive5xxErrors: 2, interval: 1s, baseEjectionTime: 30s}}'));
  const [limits] = asked.circuitBreakers?.thresholds ?? [];
  assert.deepEqual([limits?.maxConnections, limits?.maxPendingRequests, limits?.maxRequests, limits?.maxRetries], [100, 100, 1000, 4_294_967_295]);
  const { outlierDetection: ejection } = asked;
  assert.deepEqual([ejection?.consecutive5xx, ejection?.interval?.seconds, ejection?.baseEjectionTime?.seconds, ejection?.maxEjectionPercent, ejection?.enforcingSuccessRate], [2, 1n, 30n, undefined, 0]);
  assert.equal(cluster('').outlierDetection, undefined);
});

test('a subset overrides block by block; a port takes nothing from above', () => {
  const yaml = rule(`trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}, connectionPool: {tcp: {maxConnections: 7}}},
    subsets: [{name: v1, labels: {version: v1}, trafficPolicy: {loadBalancer: {simple: RANDOM}}}, {name: v2, labels: {version: v2}, trafficPolicy: {portLevelSettings: [{port: {number: 9080}, loadBalancer: {simple: ROUND_ROBIN}}]}}]`);
  const facts = (name: string) => {
    const made = cluster(yaml, `outbound|9080|${name}|${HOST}`);
    return [made.lbPolicy, made.circuitBreakers?.thresholds[0]?.maxConnections];
  };
  assert.deepEqual(facts(''), [Cluster_LbPolicy.ROUND_ROBIN, 7]);
  assert.deepEqual(facts('v1'), [Cluster_LbPolicy.RANDOM, 7]);
  assert.deepEqual(facts('v2'), [Cluster_LbPolicy.ROUND_ROBIN, 4_294_967_295]);
});

test('the cluster names the service and the object that shaped it', () => {
  const made = cluster(rule('trafficPolicy: {loadBalancer: {simple: RANDOM}}'));
  assert.deepEqual(made.metadata?.filterMetadata['istio'], {
    config: '/apis/networking.istio.io/v1/namespaces/default/destination-rule/reviews',
    default_original_port: 9080,
    services: [{ host: HOST, name: 'reviews', namespace: 'default' }],
  });
});

function endpoints(yaml: string, subset?: string, who: TestProxy = {}) {
  const { context } = clusters(yaml, who);
  const service = context.scope.byHost.get(HOST);
  assert.ok(service);
  const plan = planClusters(context, service).find((p) => p.subset === subset);
  assert.ok(plan);
  return buildAssignment(plan, context).endpoints.flatMap((l) => l.lbEndpoints);
}

test('a subset has the endpoints with its labels, and none when nobody has them', () => {
  const yaml = rule('subsets: [{name: v2, labels: {version: v2}}, {name: v9, labels: {version: v9}}]');
  assert.deepEqual([endpoints(yaml).length, endpoints(yaml, 'v2').length, endpoints(yaml, 'v9').length], [3, 2, 0]);
});

test('an endpoint tells who it is, and that it speaks mutual TLS', () => {
  const [first] = endpoints('');
  assert.deepEqual(first?.metadata?.filterMetadata, { 'envoy.transport_socket_match': { tlsMode: 'istio' }, istio: { workload: 'reviews-v1;default;reviews;v1;Kubernetes' } });
});

test('an endpoint that a policy tells to take plaintext is called in plaintext', () => {
  const yaml = `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: off, namespace: default}
spec: {selector: {matchLabels: {version: v2}}, mtls: {mode: DISABLE}}
`;
  assert.deepEqual(endpoints(yaml).map((e) => 'envoy.transport_socket_match' in (e.metadata?.filterMetadata ?? {})), [true, false, false]);
});
