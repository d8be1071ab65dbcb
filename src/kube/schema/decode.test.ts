import assert from 'node:assert/strict';
import { test } from 'node:test';
import { builtinSchemas, refTo } from './builtin.ts';
import { decodeBuiltin } from './decode.ts';

const decode = (kind: string, value: object) => decodeBuiltin(value as Record<string, unknown>, refTo(`io.k8s.api.${kind}`), builtinSchemas);

for (const [name, kind, object, message] of [
  ['a string for a number', 'apps.v1.Deployment', { spec: { replicas: '1' } }, 'json: cannot unmarshal string into Go struct field DeploymentSpec.spec.replicas of type int32'],
  ['a number for a string', 'core.v1.Pod', { spec: { containers: [{ env: [{ value: 1 }] }] } }, 'json: cannot unmarshal number into Go struct field EnvVar.spec.containers.env.value of type string'],
  ['an object for a list', 'core.v1.Pod', { spec: { containers: {} } }, 'json: cannot unmarshal object into Go struct field PodSpec.spec.containers of type []v1.Container'],
  ['a fraction', 'apps.v1.Deployment', { spec: { replicas: 1.5 } }, 'json: cannot unmarshal number 1.5 into Go struct field DeploymentSpec.spec.replicas of type int32'],
  ['a number that is too large', 'apps.v1.Deployment', { spec: { replicas: 3_000_000_000 } }, 'json: cannot unmarshal number 3000000000 into Go struct field DeploymentSpec.spec.replicas of type int32'],
  ['labels that are no strings', 'core.v1.Pod', { metadata: { labels: { a: true } } }, 'json: cannot unmarshal bool into Go struct field ObjectMeta.metadata.labels.a of type string'],
  ['what is no base64', 'core.v1.Secret', { data: { a: '!!' } }, 'illegal base64 data at input byte 0'],
  ['what is no quantity', 'core.v1.PersistentVolumeClaim', { spec: { resources: { requests: { storage: '5 Gi' } } } }, "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'"],
] as const) {
  test(`${name} is refused in Go's words`, () => assert.equal(decode(kind, object).error, message));
}

test('unknown fields are dropped and named by their path', () => {
  const { value, unknown } = decode('core.v1.Pod', { spec: { foo: 1, containers: [{ name: 'a' }, { name: 'b', bar: {} }] } });
  assert.deepEqual(unknown, ['spec.foo', 'spec.containers[1].bar']);
  assert.deepEqual(value, { spec: { containers: [{ name: 'a' }, { name: 'b' }] } });
});

test('null counts as absent, amounts become canonical, and a port may be a name', () => {
  assert.deepEqual(decode('core.v1.Service', { spec: { selector: null, ports: [{ port: 80, targetPort: 'http' }] } }).value, { spec: { ports: [{ port: 80, targetPort: 'http' }] } });
  const limits = { cpu: 0.5, memory: '1024Mi' };
  assert.deepEqual(decode('core.v1.Container', { resources: { limits } }).value, { resources: { limits: { cpu: '500m', memory: '1Gi' } } });
});
