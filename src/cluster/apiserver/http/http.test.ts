import assert from 'node:assert/strict';
import { test } from 'node:test';
import { KubeApiError } from '../../../kube/client.ts';
import { ClusterRoles, ConfigMaps, Pods, resource, RoleBindings, Roles, ServiceAccounts } from '../../../kube/resource.ts';
import { startApi, startHttp } from '../test-server.ts';

const ADMIN = { username: 'admin', groups: ['system:masters', 'system:authenticated'] };

test('a service account may do what its roles say, and is told what not', async (t) => {
  const api = await startApi(t);
  const { clientFor } = await startHttp(t, api);
  await api.client.create(ServiceAccounts, { metadata: { name: 'reader', namespace: 'default' } });
  await api.client.create(Roles, { metadata: { name: 'read', namespace: 'default' }, rules: [{ apiGroups: [''], resources: ['configmaps'], verbs: ['get', 'list'] }] });
  await api.client.create(RoleBindings, { metadata: { name: 'read', namespace: 'default' }, roleRef: { kind: 'Role', name: 'read', apiGroup: '' }, subjects: [{ kind: 'ServiceAccount', name: 'reader', namespace: 'default' }] });
  const token = await api.client.create(ServiceAccounts, { spec: {} } as object, { namespace: 'default', name: 'reader', subresource: 'token' }) as unknown as { status: { token: string } };
  const reader = clientFor(token.status.token);
  assert.deepEqual((await reader.list(ConfigMaps, { namespace: 'default' })).items, []);
  const refusal = async (promise: Promise<unknown>) => promise.then(() => 'allowed', (error: unknown) => (error instanceof KubeApiError ? `${error.status.code} ${error.message}` : String(error)));
  assert.equal(await refusal(reader.list(Pods, { namespace: 'default' })), '403 pods is forbidden: User "system:serviceaccount:default:reader" cannot list resource "pods" in API group "" in the namespace "default"');
  assert.equal(await refusal(reader.list(ConfigMaps)), '403 configmaps is forbidden: User "system:serviceaccount:default:reader" cannot list resource "configmaps" in API group "" at the cluster scope');
  assert.equal(await refusal(reader.delete(ConfigMaps, { namespace: 'default', name: 'x' })), '403 configmaps "x" is forbidden: User "system:serviceaccount:default:reader" cannot delete resource "configmaps" in API group "" in the namespace "default"');
  assert.equal(await refusal(clientFor('nonsense').list(ConfigMaps)), '401 Unauthorized');
  assert.match(await refusal(clientFor().list(ConfigMaps)), /^403 .*User "system:anonymous"/);
});

test('cluster roles aggregate, and impersonation needs the right to it', async (t) => {
  const api = await startApi(t, { tokens: new Map([['secret', ADMIN], ['plain', { username: 'jane', groups: ['system:authenticated'] }]]) });
  const { url } = await startHttp(t, api);
  await api.client.create(ClusterRoles, { metadata: { name: 'part', labels: { to: 'all' } }, rules: [{ apiGroups: [''], resources: ['pods'], verbs: ['list'] }] });
  await api.client.create(ClusterRoles, { metadata: { name: 'all' }, aggregationRule: { clusterRoleSelectors: [{ matchLabels: { to: 'all' } }] } });
  await api.client.create(resource('rbac.authorization.k8s.io/v1', 'clusterrolebindings', 'ClusterRoleBinding', false), { metadata: { name: 'b' }, roleRef: { kind: 'ClusterRole', name: 'all' }, subjects: [{ kind: 'User', name: 'bob' }] } as object);
  const status = async (token: string, user: string) => (await fetch(`${url}/api/v1/pods`, { headers: { authorization: `Bearer ${token}`, 'impersonate-user': user } })).status;
  assert.equal(await status('secret', 'bob'), 200);
  assert.equal(await status('secret', 'eve'), 403);
  assert.equal(await status('plain', 'bob'), 403);
});

test('content is negotiated: tables, partial metadata, YAML, and what cannot be had', async (t) => {
  const api = await startApi(t, { allowAll: true });
  const { url } = await startHttp(t, api);
  await api.client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' }, data: { a: 'b' } });
  const get = async (accept: string, path = '/api/v1/namespaces/default/configmaps') => fetch(url + path, { headers: { accept } });
  const table = await (await get('application/json;as=Table;v=v1;g=meta.k8s.io,application/json')).json() as { kind: string; columnDefinitions: { name: string }[]; rows: { cells: unknown[]; object: { kind: string } }[] };
  assert.deepEqual([table.kind, table.columnDefinitions.map((c) => c.name), table.rows[0]?.cells.slice(0, 2), table.rows[0]?.object.kind], ['Table', ['Name', 'Data', 'Age'], ['x', 1], 'PartialObjectMetadata']);
  const partial = await (await get('application/json;as=PartialObjectMetadataList;v=v1;g=meta.k8s.io')).json() as { kind: string; items: object[] };
  assert.deepEqual([partial.kind, Object.keys(partial.items[0] ?? {})], ['PartialObjectMetadataList', ['kind', 'apiVersion', 'metadata']]);
  assert.match(await (await get('application/yaml')).text(), /^kind: ConfigMapList\n/);
  assert.equal((await get('application/vnd.kubernetes.protobuf')).status, 406);
  const post = (type: string, body: string, query = '') => fetch(`${url}/api/v1/namespaces/default/configmaps${query}`, { method: 'POST', headers: { 'content-type': type }, body });
  assert.equal((await post('text/plain', 'x')).status, 415);
  assert.equal((await post('application/json', '{')).status, 400);
  assert.equal((await post('application/yaml', 'metadata: {name: y}\n')).status, 201);
  const warned = await post('application/json', '{"metadata":{"name":"z"},"nope":1}');
  assert.deepEqual([warned.status, warned.headers.get('warning')], [201, '299 - "unknown field \\"nope\\""']);
  assert.equal((await post('application/json', '{"metadata":{"name":"z2"}}', '?dryRun=Some')).status, 400);
  assert.equal((await post('application/json', `{"metadata":{"name":"big"},"data":{"a":"${'x'.repeat(3_200_000)}"}}`)).status, 413);
});

test('a watch over HTTP sends the initial events, their end, and then changes', async (t) => {
  const api = await startApi(t, { allowAll: true });
  const { url } = await startHttp(t, api);
  await api.client.create(ConfigMaps, { metadata: { name: 'x', namespace: 'default' } });
  const answer = await fetch(`${url}/api/v1/configmaps?watch=1&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true`);
  assert.ok(answer.body);
  const lines: { type: string; object: { metadata: { name?: string; annotations?: Record<string, string> } } }[] = [];
  let rest = '';
  for await (const chunk of answer.body.pipeThrough(new TextDecoderStream())) {
    rest += chunk;
    const parts = rest.split('\n');
    rest = parts.pop() ?? '';
    lines.push(...parts.map((line) => JSON.parse(line) as (typeof lines)[number]));
    if (lines.length === 2) await api.client.delete(ConfigMaps, { namespace: 'default', name: 'x' });
    if (lines.length === 3) break;
  }
  assert.deepEqual(lines.map((line) => line.type), ['ADDED', 'BOOKMARK', 'DELETED']);
  assert.deepEqual(lines[1]?.object.metadata.annotations, { 'k8s.io/initial-events-end': 'true' });
});

test('discovery has both shapes, and OpenAPI changes its hash with a definition', async (t) => {
  const api = await startApi(t, { allowAll: true });
  const { url } = await startHttp(t, api);
  const json = async (path: string, accept = 'application/json') => (await fetch(url + path, { headers: { accept } })).json() as Promise<Record<string, never>>;
  const aggregated = await json('/apis', 'application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList') as unknown as { kind: string; items: { metadata: { name: string } }[] };
  assert.equal(aggregated.kind, 'APIGroupDiscoveryList');
  assert.ok(aggregated.items.some((item) => item.metadata.name === 'apps'));
  const core = await json('/api/v1') as unknown as { resources: { name: string; shortNames?: string[] }[] };
  assert.deepEqual(core.resources.find((r) => r.name === 'pods')?.shortNames, ['po']);
  const before = await json('/openapi/v3') as unknown as { paths: Record<string, unknown> };
  await api.client.create(resource('apiextensions.k8s.io/v1', 'customresourcedefinitions', 'CustomResourceDefinition', false), {
    metadata: { name: 'widgets.example.com' },
    spec: { group: 'example.com', scope: 'Namespaced', names: { plural: 'widgets', kind: 'Widget' }, versions: [{ name: 'v1', served: true, storage: true, schema: { openAPIV3Schema: { type: 'object' } } }] },
  } as object);
  const after = await json('/openapi/v3') as unknown as { paths: Record<string, { serverRelativeURL: string }> };
  assert.deepEqual(Object.keys(after.paths).filter((path) => !(path in before.paths)), ['apis/example.com/v1']);
  const document = await json(after.paths['apis/example.com/v1']?.serverRelativeURL ?? '') as unknown as { components: { schemas: Record<string, object> } };
  assert.ok('com.example.v1.Widget' in document.components.schemas);
  assert.equal((await fetch(`${url}/apis/example.com/v1/nope`)).status, 404);
  assert.equal(await (await fetch(`${url}/readyz`)).text(), 'ok');
});
