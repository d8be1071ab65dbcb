import assert from 'node:assert/strict';
import test from 'node:test';
import { TypeUrl } from '../../xds/type-urls.ts';
import { snapshotOf } from '../registry/snapshot-builder.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { readProxy } from '../translate/proxy.ts';
import { Generator } from '../generate/generator.ts';

const MESH = `
apiVersion: v1
kind: Service
metadata: {name: reviews, namespace: default}
spec: {selector: {app: reviews}, ports: [{name: http, port: 9080}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: reviews, namespace: default}
spec: {template: {metadata: {labels: {app: reviews}}, spec: {containers: []}}}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: edge, namespace: default}
spec: {template: {metadata: {labels: {istio: edge}}, spec: {containers: []}}}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: root, namespace: default}
spec: {hosts: [reviews], gateways: [mesh, edge], http: [{delegate: {name: inner}}]}
---
apiVersion: networking.istio.io/v1
kind: VirtualService
metadata: {name: inner, namespace: default}
spec: {http: [{route: [{destination: {host: reviews}}]}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: one, namespace: default}
spec: {host: reviews, subsets: [{name: v1, labels: {version: v1}}]}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: two, namespace: default}
spec: {host: reviews, subsets: [{name: v2, labels: {version: v2}}]}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: outside, namespace: default}
spec: {hosts: [db.example.com], addresses: [10.1.1.1], resolution: STATIC, location: MESH_INTERNAL, ports: [{number: 5432, name: tcp, protocol: TCP}], workloadSelector: {labels: {app: db}}}
---
apiVersion: networking.istio.io/v1
kind: WorkloadEntry
metadata: {name: db, namespace: default}
spec: {address: 10.2.2.2, labels: {app: db}}
---
apiVersion: networking.istio.io/v1
kind: Gateway
metadata: {name: edge, namespace: default}
spec: {selector: {istio: edge}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}
---
apiVersion: networking.istio.io/v1
kind: Sidecar
metadata: {name: scope, namespace: default}
spec: {egress: [{hosts: ["./*"]}]}
---
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: strict, namespace: default}
spec: {mtls: {mode: STRICT}}
---
apiVersion: security.istio.io/v1
kind: AuthorizationPolicy
metadata: {name: deny, namespace: default}
spec: {selector: {matchLabels: {app: reviews}}, action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}
---
apiVersion: telemetry.istio.io/v1
kind: Telemetry
metadata: {name: logs, namespace: default}
spec: {accessLogging: [{providers: [{name: envoy}]}]}
`;

function originsFor(kind: 'sidecar' | 'router'): (typeUrl: string, name: string) => string[] {
  const inputs = yamlMesh(MESH);
  const pod = inputs.pods.find((p) => p.metadata.name.startsWith(kind === 'sidecar' ? 'reviews' : 'edge'));
  const read = readProxy({ id: `${kind}~${pod?.status?.podIP}~${pod?.metadata.name}.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default' }, extensions: [] });
  assert.ok('proxy' in read);
  const generator = new Generator(snapshotOf(inputs));
  return (typeUrl, name) => {
    const resource = generator.resources(read.proxy, typeUrl, new Set([name])).get(name);
    assert.ok(resource, `no ${name}`);
    return [...resource.origins].sort();
  };
}

const REVIEWS = 'reviews.default.svc.cluster.local';

test('a resource names the objects that it was made from', () => {
  const sidecar = originsFor('sidecar');
  const router = originsFor('router');
  const cases: [made: string[], origins: string[]][] = [
    [sidecar(TypeUrl.Cluster, `outbound|9080|v2|${REVIEWS}`), ['DestinationRule default/one', 'DestinationRule default/two']],
    [sidecar(TypeUrl.Endpoints, `outbound|9080|v2|${REVIEWS}`), ['DestinationRule default/one', 'DestinationRule default/two']],
    [sidecar(TypeUrl.Cluster, 'outbound|5432||db.example.com'), ['ServiceEntry default/outside']],
    [sidecar(TypeUrl.Endpoints, 'outbound|5432||db.example.com'), ['ServiceEntry default/outside', 'WorkloadEntry default/db']],
    [sidecar(TypeUrl.Listener, '10.1.1.1_5432'), ['ServiceEntry default/outside', 'Telemetry default/logs']],
    [sidecar(TypeUrl.Route, '9080'), ['VirtualService default/inner', 'VirtualService default/root']],
    [sidecar(TypeUrl.Listener, 'virtualOutbound'), ['Sidecar default/scope', 'Telemetry default/logs']],
    [sidecar(TypeUrl.Listener, 'virtualInbound'), ['AuthorizationPolicy default/deny', 'PeerAuthentication default/strict', 'Sidecar default/scope', 'Telemetry default/logs']],
    [router(TypeUrl.Route, 'http.80'), ['Gateway default/edge', 'VirtualService default/inner', 'VirtualService default/root']],
    [router(TypeUrl.Listener, '0.0.0.0_80'), ['Gateway default/edge', 'PeerAuthentication default/strict', 'Telemetry default/logs', 'VirtualService default/inner', 'VirtualService default/root']],
  ];
  for (const [made, origins] of cases) assert.deepEqual(made, origins);
});
