/** A call must not fall from mutual TLS to plaintext because a scope is too narrow. */
import assert from 'node:assert/strict';
import test from 'node:test';
import type { YamlMeshOptions } from '../registry/testing/yaml-mesh.ts';
import { planClusters } from './outbound-clusters.ts';
import { contextFor } from './testing/context.ts';
import { outboundPath, type OutboundCall } from './testing/outbound-path.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {clusterIP: 10.96.0.1, selector: {app: web}, ports: [{name: http, port: 80}, {name: tcp, port: 9000}]}
---
apiVersion: v1
kind: Service
metadata: {name: kafka, namespace: default}
spec: {clusterIP: None, selector: {app: web}, ports: [{name: tcp-kafka, port: 9092}]}
---
apiVersion: v1
kind: Service
metadata: {name: seen, namespace: default}
spec: {clusterIP: 10.96.0.3, selector: {app: seen}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: default}
spec: {replicas: 2, template: {metadata: {labels: {app: web}}, spec: {containers: []}}}
`;
const PLAIN_POD = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: old, namespace: default}
spec: {template: {metadata: {labels: {app: web, "security.istio.io/tlsMode": disabled}}, spec: {containers: []}}}
`;
const sidecar = (spec: string) => `---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: default, namespace: default}
spec: ${spec}
`;
const NARROW = sidecar('{egress: [{hosts: [./seen.default.svc.cluster.local]}]}');
const DISABLED = `---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: default}
spec: {mtls: {mode: DISABLE}}
`;
const UNEXPORTED = MESH.replaceAll('namespace: default}', 'namespace: default, annotations: {networking.istio.io/exportTo: "."}}');
const HTTP: OutboundCall = { to: '10.96.0.1:80', host: 'web.default' };
const TCP: OutboundCall = { to: '10.96.0.1:9000' };
const POD: OutboundCall = { to: '10.244.0.2:9092' };
const MUTUAL = 'MeshPassthroughCluster';
const PLAIN = 'PassthroughCluster';

for (const [name, yaml, call, want, options] of [
  ['HTTP, on a port that something else in sight has', MESH + NARROW, HTTP, MUTUAL],
  ['TCP, on a port that nothing in sight has', MESH + NARROW, TCP, MUTUAL],
  ['a pod of a headless service', MESH + NARROW, POD, MUTUAL],
  ['all of it, by ~/*', MESH + sidecar('{egress: [{hosts: ["~/*"]}]}'), TCP, MUTUAL],
  ['one port, by a listener of its own', MESH + sidecar('{egress: [{port: {number: 9000, protocol: TCP, name: tcp}, hosts: [./seen.default.svc.cluster.local]}, {hosts: ["*/*"]}]}'), TCP, MUTUAL],
  ['endpoints of which none has a sidecar', MESH + NARROW, TCP, PLAIN, { sidecars: false }],
  ['endpoints that a policy has plaintext spoken with', MESH + DISABLED + NARROW, TCP, PLAIN],
  ['endpoints of which some have a sidecar: the service stays in sight', MESH + PLAIN_POD + NARROW, TCP, 'outbound|9000||web.default.svc.cluster.local'],
  ['where only the known is let through', MESH + sidecar('{egress: [{hosts: [./seen.default.svc.cluster.local]}], outboundTrafficPolicy: {mode: REGISTRY_ONLY}}'), TCP, 'BlackHoleCluster'],
  ['an address that is nobody’s', MESH + NARROW, { to: '192.0.2.1:9000' }, PLAIN],
] as readonly (readonly [string, string, OutboundCall, string, YamlMeshOptions?])[]) test(`hidden: ${name} → ${want}`, () => assert.equal(outboundPath(contextFor(yaml, {}, options), call), want));

test('what another namespace does not export is called with mutual TLS, too', () => {
  const context = contextFor(UNEXPORTED, { namespace: 'elsewhere' });
  assert.equal(context.scope.services.length, 0);
  assert.equal(outboundPath(context, HTTP), MUTUAL);
});

test('without a scope nothing is hidden, and in a narrow one clusters of hidden services are not sent', () => {
  assert.equal(contextFor(MESH).scope.hidden.length, 0);
  const narrow = contextFor(MESH + NARROW);
  assert.deepEqual(narrow.scope.services.flatMap((s) => planClusters(narrow, s).map((p) => p.name)), ['outbound|80||seen.default.svc.cluster.local']);
});
