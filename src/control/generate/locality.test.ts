/** Which endpoints are near is asked of the proxy's place, which the node of its pod says. */
import assert from 'node:assert/strict';
import test from 'node:test';
import { fromBinary } from '@bufbuild/protobuf';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { TypeUrl } from '../../xds/type-urls.ts';
import { yamlMesh } from '../registry/testing/yaml-mesh.ts';
import { SnapshotBuilder } from '../registry/snapshot-builder.ts';
import { readProxy } from '../translate/proxy.ts';
import { Generator } from './generator.ts';

const node = (name: string, region: string, zone: string) => `{apiVersion: v1, kind: Node, metadata: {name: ${name}, labels: {topology.kubernetes.io/region: ${region}, topology.kubernetes.io/zone: ${zone}}}}`;
const deployment = (name: string, app: string, where: string) => `{apiVersion: apps/v1, kind: Deployment, metadata: {name: ${name}, namespace: default}, spec: {template: {metadata: {labels: {app: ${app}}}, spec: {nodeName: ${where}, containers: []}}}}`;
const service = (more = '') => `{apiVersion: v1, kind: Service, metadata: {name: app, namespace: default}, spec: {selector: {app: app}, ports: [{name: http, port: 80}]${more}}}`;
const rule = (policy: string) => `{apiVersion: networking.istio.io/v1, kind: DestinationRule, metadata: {name: app, namespace: default}, spec: {host: app, trafficPolicy: ${policy}}}`;
const PODS = [node('n1', 'near', 'a'), node('n2', 'near', 'b'), node('n3', 'far', 'c'), deployment('here', 'app', 'n1'), deployment('beside', 'app', 'n2'), deployment('away', 'app', 'n3'), deployment('client', 'client', 'n1')];

/** Zones of the endpoints with their priority and weight, as the client's proxy gets them. */
function told(...objects: string[]): string[] {
  const inputs = yamlMesh([...PODS, ...objects]);
  const pod = inputs.pods.find(({ metadata }) => metadata.name.startsWith('client'));
  const read = readProxy({ id: `sidecar~${pod?.status?.podIP}~${pod?.metadata.name}.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default' }, extensions: [] });
  assert.ok('proxy' in read);
  const made = new Generator(new SnapshotBuilder().build(inputs, 0)).resources(read.proxy, TypeUrl.Endpoints, new Set(['outbound|80||app.default.svc.cluster.local']));
  return [...made.values()].flatMap(({ value }) => fromBinary(ClusterLoadAssignmentSchema, value).endpoints.map((e) => `${e.locality?.zone} ${e.priority} ${e.loadBalancingWeight}`)).sort();
}

test('the place of a pod is its client’s place', () => {
  const cases: [string[], expected: string[]][] = [
    [[service(), rule('{outlierDetection: {}}')], ['a 0 1', 'b 1 1', 'c 2 1']],
    [[service(), rule('{loadBalancer: {localityLbSetting: {distribute: [{from: near/a/*, to: {far/c/*: 70, near/b/*: 30}}]}}}')], ['b 0 30', 'c 0 70']],
    [[service(), rule('{outlierDetection: {}, loadBalancer: {localityLbSetting: {failoverPriority: [topology.kubernetes.io/region]}}}')], ['a 0 1', 'b 0 1', 'c 1 1']],
    [[service(', trafficDistribution: PreferClose')], ['a 0 1', 'b 1 1', 'c 2 1']],
    [[service()], ['a 0 1', 'b 0 1', 'c 0 1']],
  ];
  for (const [objects, expected] of cases) assert.deepEqual(told(...objects), expected, objects.join());
});
