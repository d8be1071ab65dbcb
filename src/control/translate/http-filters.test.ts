import assert from 'node:assert/strict';
import test from 'node:test';
import { httpFilters } from './http-filters.ts';
import { contextFor } from './testing/context.ts';
import { buildOutboundCluster, planClusters } from './outbound-clusters.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: web, namespace: default}
spec: {ports: [{name: http, port: 80}, {name: whatever, port: 8000}]}
`;

const names = (extensions: string[], position: 'outbound' | 'inbound') => httpFilters(contextFor(MESH, { extensions }), { position, security: { authn: [], authz: [] }, plugins: [], port: undefined }).map((f) => f.name);

test('a client says in ALPN that HTTP is inside, by Istio’s filter where there is one, else by filter state', () => {
  assert.deepEqual(names(['istio.alpn'], 'outbound').slice(0, 1), ['istio.alpn']);
  assert.deepEqual(names([], 'outbound').slice(0, 1), ['envoy.filters.http.set_filter_state']);
  assert.ok(!names([], 'inbound').includes('envoy.filters.http.set_filter_state'));
});

test('clusters tell on which ports the payload is found out request by request', () => {
  const context = contextFor(MESH);
  const [service] = context.scope.services.filter((s) => s.name === 'web');
  assert.ok(service);
  const payloads = planClusters(context, service).map((plan) => [plan.port.port, buildOutboundCluster(plan, context).metadata?.filterMetadata['istio']?.['payload']]);
  assert.deepEqual(payloads, [[80, undefined], [8000, 'detected']]);
});
