/** The whole way: from a machine's stream over TLS to the endpoints that its callers get. */
import assert from 'node:assert/strict';
import test, { type TestContext } from 'node:test';
import { fromBinary, type JsonObject } from '@bufbuild/protobuf';
import { credentials } from '@grpc/grpc-js';
import { WorkloadEntries } from '../../api/workload-entry.ts';
import type { KubeObject } from '../../kube/object.ts';
import { ServiceAccounts } from '../../kube/resource.ts';
import { startControlMesh, type ControlMesh } from '../../testkit/control-mesh.ts';
import { eventually as poll } from '../../testkit/eventually.ts';
import { ClusterLoadAssignmentSchema } from '../../xds/generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { TypeUrl } from '../../xds/type-urls.ts';
import { openDelta } from '../serve/testing/ads-client.ts';

const MESH = `
apiVersion: networking.istio.io/v1
kind: WorkloadGroup
metadata: {name: vms, namespace: default}
spec:
  metadata: {labels: {app: vm}}
  template: {serviceAccount: vm, ports: {http: 8080}, locality: eu/eu-1, weight: 7, labels: {class: machine}}
---
apiVersion: networking.istio.io/v1
kind: ServiceEntry
metadata: {name: vms, namespace: default}
spec: {hosts: [vms.example], location: MESH_INTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], workloadSelector: {labels: {app: vm}}}
---
apiVersion: v1
kind: Service
metadata: {name: machines, namespace: default}
spec: {selector: {class: machine}, ports: [{name: http, port: 80, targetPort: 9999}]}
`;
/** The API server is a real one. */
const eventually = <T>(probe: () => T | Promise<T>) => poll(probe, { timeoutMs: 20_000 });

const CLUSTERS = ['outbound|80||vms.example', 'outbound|80||machines.default.svc.cluster.local'];

async function tokenOf(mesh: ControlMesh, name: string): Promise<string> {
  await mesh.client.create(ServiceAccounts, { apiVersion: 'v1', kind: 'ServiceAccount', metadata: { name, namespace: 'default' } });
  const request = { apiVersion: 'authentication.k8s.io/v1', kind: 'TokenRequest', spec: { audiences: ['istio-ca'], expirationSeconds: 3600 } };
  const { status } = await mesh.client.create<KubeObject & { spec: object; status?: { token: string } }>({ ...ServiceAccounts, type: undefined }, request, { subresource: 'token', namespace: 'default', name });
  assert.ok(status?.token);
  return status.token;
}

function machine(t: TestContext, mesh: ControlMesh, token: string, metadata: JsonObject = {}) {
  const client = openDelta({
    address: `127.0.0.1:${mesh.plane.ports.secure}`, credentials: credentials.createSsl(Buffer.from(mesh.plane.rootPem)), token,
    node: { id: 'sidecar~10.1.2.3~vm-1.default~default.svc.cluster.local', metadata: { NAMESPACE: 'default', AUTO_REGISTER_GROUP: 'vms', ...metadata } },
  });
  t.after(() => client.close());
  client.send({ typeUrl: TypeUrl.Cluster });
  return client;
}

test('endpoints of a machine that registers reach its callers, by ServiceEntry and by Service, and go when it is ill', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.apply(MESH);
  const caller = mesh.proxy('caller');
  caller.send({ typeUrl: TypeUrl.Endpoints, subscribe: CLUSTERS });
  const endpoints = () => CLUSTERS.map((name) => {
    const bytes = caller.held(TypeUrl.Endpoints).get(name);
    assert.ok(bytes, `${name} is not there yet`);
    return fromBinary(ClusterLoadAssignmentSchema, bytes).endpoints.flatMap(({ locality, lbEndpoints }) => lbEndpoints.map(({ hostIdentifier, metadata, loadBalancingWeight }) => {
      assert.ok(hostIdentifier.case === 'endpoint' && hostIdentifier.value.address?.address.case === 'socketAddress');
      const { address, portSpecifier } = hostIdentifier.value.address.address.value;
      return [address, portSpecifier.value, loadBalancingWeight, locality?.zone, metadata?.filterMetadata['envoy.transport_socket_match']?.['tlsMode']];
    }));
  });
  await eventually(() => assert.deepEqual(endpoints(), [[], []]));
  const token = await tokenOf(mesh, 'vm');
  const client = machine(t, mesh, token, { PROXY_CONFIG: { readinessProbe: { tcpSocket: { port: 8080 } } } });
  const clusters = await client.inbox.find((r) => r.typeUrl === TypeUrl.Cluster);
  assert.ok(clusters.resources.some(({ name }) => name === 'inbound|8080||'), 'its own port is the entry’s, not the targetPort of the Service');
  await mesh.client.get(WorkloadEntries, { namespace: 'default', name: 'vms-10.1.2.3' });
  assert.deepEqual(endpoints(), [[], []], 'nothing is known of its health yet');
  const AT = [['10.1.2.3', 8080, 7, 'eu-1', 'istio']];
  client.send({ typeUrl: TypeUrl.Health });
  await eventually(() => assert.deepEqual(endpoints(), [AT, AT]));
  await eventually(() => assert.match(Buffer.from(caller.held(TypeUrl.Cluster).get('outbound|80||vms.example') ?? []).toString('latin1'), /spiffe:\/\/cluster\.local\/ns\/default\/sa\/vm/));
  client.send({ typeUrl: TypeUrl.Health, error: 'connection refused' });
  await eventually(() => assert.deepEqual(endpoints(), [[], []]));
  client.send({ typeUrl: TypeUrl.Health });
  await eventually(() => assert.deepEqual(endpoints(), [AT, AT]));
  await eventually(async () => assert.match(await mesh.said('WorkloadEntry', 'vms-10.1.2.3', 'Accepted'), /^True/));
  const { status } = await mesh.client.get(WorkloadEntries, { namespace: 'default', name: 'vms-10.1.2.3' });
  assert.equal(status?.conditions?.find(({ type }) => type === 'Healthy')?.status, 'True', 'our own conditions leave it alone');
  await eventually(async () => assert.equal(await mesh.said('WorkloadGroup', 'vms', 'Programmed'), 'True AtRegistration: in force for machines that register from now on; 1 registered now'));
  assert.match(await mesh.said('WorkloadGroup', 'vms', 'InEffect'), /^True/);
});

test('a machine whose agent does not probe takes traffic at once', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.apply(MESH);
  const caller = mesh.proxy('caller');
  caller.send({ typeUrl: TypeUrl.Endpoints, subscribe: CLUSTERS });
  machine(t, mesh, await tokenOf(mesh, 'vm'));
  await eventually(() => assert.match(Buffer.from(caller.held(TypeUrl.Endpoints).get(CLUSTERS[0] ?? '') ?? []).toString('latin1'), /10\.1\.2\.3/));
});

test('a machine with another account than its group’s is told so, and so is one whose group is not there', async (t) => {
  const mesh = await startControlMesh(t);
  await mesh.apply(MESH);
  const token = await tokenOf(mesh, 'other');
  await assert.rejects(machine(t, mesh, token).inbox.find(() => true), /PERMISSION_DENIED.*service account is other, but the group says vm/);
  await assert.rejects(machine(t, mesh, token, { AUTO_REGISTER_GROUP: 'nothing' }).inbox.find(() => true), /FAILED_PRECONDITION.*no WorkloadGroup default\/nothing/);
  assert.match(await (await fetch(`http://127.0.0.1:${mesh.plane.ports.monitoring}/metrics`)).text(), /^auto_registration_errors_total 1$/m);
});
