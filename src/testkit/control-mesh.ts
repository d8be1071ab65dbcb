/** For tests: an API server and a control plane in this process, with proxies that are played. */
import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import type { CustomResourceDefinition } from 'kubernetes-types/apiextensions/v1.d.ts';
import { parseAllDocuments } from 'yaml';
import { renderCrds } from '../api/crds.ts';
import { KINDS } from '../api/kinds.ts';
import { resourceOf, type MeshObject } from '../api/schema/kind.ts';
import { silentLog } from '../base/log.ts';
import { createApiServer } from '../cluster/apiserver/server.ts';
import { startControlPlane, type ControlPlane } from '../control/app.ts';
import { readControlConfig } from '../control/config.ts';
import { openDelta, type DeltaClient } from '../control/serve/testing/ads-client.ts';
import type { KubeClient } from '../kube/client.ts';
import { createHttpClient } from '../kube/http-client.ts';
import type { Condition, KubeObject } from '../kube/object.ts';
import { CustomResourceDefinitions, EndpointSlices, Namespaces, Pods, Services, type Resource } from '../kube/resource.ts';
import { TypeUrl } from '../xds/type-urls.ts';

const ANY_PORT = ['--host=127.0.0.1', '--grpcAddr=:0', '--secureGRPCAddr=:0', '--httpsAddr=:0', '--monitoringAddr=:0', '--httpAddr=:0'];
const CORE: Readonly<Record<string, Resource>> = { Service: Services, EndpointSlice: EndpointSlices, Pod: Pods };

export const resourceFor = (object: KubeObject): Resource => {
  const kind = KINDS.find((k) => k.kind === object.kind);
  const resource = kind ? resourceOf(kind) : CORE[object.kind ?? ''];
  assert.ok(resource, 'the kind is not known');
  return resource;
};

export interface ControlMesh {
  apply(yaml: string): Promise<void>;
  change(kind: string, name: string, spec: object): Promise<void>;
  remove(kind: string, name: string): Promise<void>;
  read(kind: string, name: string): Promise<MeshObject<unknown>>;
  /** `Accepted True Valid: message` */
  said(kind: string, name: string, type: string): Promise<string>;
  proxy(name: string, options?: { acks?: boolean }): DeltaClient;
  readonly client: KubeClient;
  /** The newest. */
  readonly plane: ControlPlane;
  restart(): Promise<void>;
}

/** @param options lax: the API server stores what has fields of any type, as one does whose definitions are older than the mesh */
export async function startControlMesh(t: TestContext, options: { lax?: boolean } = {}): Promise<ControlMesh> {
  const api = createApiServer({ allowAll: true, tokens: new Map([['admin', { username: 'admin', groups: ['system:masters'] }]]) });
  for (const name of ['default', 'istio-system', 'good', 'broken']) await api.client.create(Namespaces, { apiVersion: 'v1', kind: 'Namespace', metadata: { name } });
  for (const crd of renderCrds()) await api.client.create(CustomResourceDefinitions, options.lax ? laxDefinition(crd) : crd);
  const server = createServer((request, response) => api.handle(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A TCP server's address is never a path.
  const { port } = server.address() as AddressInfo;
  const client = createHttpClient({ server: `http://127.0.0.1:${port}`, token: 'admin' });
  const start = () => startControlPlane({ client, config: readControlConfig(ANY_PORT, {}), log: silentLog });
  let plane = await start();
  t.after(async () => {
    await plane.close();
    await client.close();
    server.closeAllConnections();
    server.close();
    await api.close();
  });
  const read = (kind: string, name: string) => client.get(resourceFor({ kind }) as Resource<MeshObject<unknown>>, { namespace: 'default', name });
  return {
    client,
    get plane() {
      return plane;
    },
    async restart() {
      await plane.close();
      plane = await start();
    },
    apply: (yaml) => applyYaml(client, yaml),
    async change(kind, name, spec) {
      await client.patch(resourceFor({ kind }), { namespace: 'default', name }, { type: 'application/merge-patch+json', body: { spec } });
    },
    remove: (kind, name) => client.delete(resourceFor({ kind }), { namespace: 'default', name }),
    read,
    async said(kind, name, type) {
      const { status, metadata } = await read(kind, name);
      const found: Condition | undefined = status?.conditions?.find((c) => c.type === type);
      assert.ok(found, `no condition ${type} yet`);
      assert.equal(Number(found.observedGeneration), metadata?.generation, 'of the generation before');
      return `${found.status} ${found.reason}: ${found.message}`;
    },
    proxy(name, options = {}) {
      const proxy = openDelta({ address: `127.0.0.1:${plane.ports.plaintext}`, node: { id: `sidecar~10.244.9.9~${name}.default~default.svc.cluster.local`, metadata: { NAMESPACE: 'default' } }, ...options });
      t.after(() => proxy.close());
      for (const typeUrl of [TypeUrl.Cluster, TypeUrl.Listener]) proxy.send({ typeUrl });
      proxy.send({ typeUrl: TypeUrl.Endpoints, subscribe: ['', 'v1', 'v2'].map((subset) => `outbound|9080|${subset}|reviews.default.svc.cluster.local`) });
      proxy.send({ typeUrl: TypeUrl.Route, subscribe: ['9080'] });
      return proxy;
    },
  };
}

/** Creates the objects of the documents. */
export async function applyYaml(client: KubeClient, yaml: string): Promise<void> {
  for (const document of parseAllDocuments(yaml)) {
    // Written by hand in tests.
    const object = document.toJS() as KubeObject;
    await client.create(resourceFor(object), object, { namespace: object.metadata?.namespace });
  }
}

/** One that takes fields of any type and name. */
export function laxDefinition(crd: CustomResourceDefinition): CustomResourceDefinition {
  const openAPIV3Schema = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true };
  return { ...crd, spec: { ...crd.spec, versions: crd.spec.versions.map((version) => ({ ...version, schema: { openAPIV3Schema } })) } };
}
