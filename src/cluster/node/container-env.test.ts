import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container, Pod } from 'kubernetes-types/core/v1.d.ts';
import { buildEnv } from './container-env.ts';
import type { EnvSources } from './container-env.ts';

const pod: Pod = { metadata: { name: 'p', namespace: 'ns', uid: 'u', labels: { app: 'x' }, annotations: { 'a/b': 'c' } }, spec: { containers: [], nodeName: 'lateen', serviceAccountName: 'sa' } };
const sources: EnvSources = {
  configMap: (name) => (name === 'cm' ? { data: { ONE: '1', TWO: 'from cm' } } : undefined),
  secret: (name) => (name === 's' ? { data: { KEY: Buffer.from('secret').toString('base64') } } : undefined),
  services: [
    { metadata: { name: 'kubernetes', namespace: 'default' }, spec: { clusterIP: '10.96.0.1', ports: [{ name: 'https', port: 443 }] } },
    { metadata: { name: 'my-db', namespace: 'ns' }, spec: { clusterIP: '10.96.0.9', ports: [{ port: 5432 }] } },
    { metadata: { name: 'headless', namespace: 'ns' }, spec: { clusterIP: 'None', ports: [{ port: 1 }] } },
  ],
  podIp: '10.244.0.7', hostIp: '10.244.0.1', capacity: { cpu: 2, memoryBytes: 4 * 1024 ** 3 },
};
const build = (container: Partial<Container>, of: Pod = pod) => Object.fromEntries(buildEnv(of, { name: 'c', ...container }, sources));

test('a pod finds the API server and the services of its namespace', () => {
  const env = build({});
  assert.equal(env['KUBERNETES_SERVICE_HOST'], '10.96.0.1');
  assert.equal(env['KUBERNETES_SERVICE_PORT_HTTPS'], '443');
  assert.equal(env['MY_DB_SERVICE_HOST'], '10.96.0.9');
  assert.equal(env['MY_DB_PORT_5432_TCP_ADDR'], '10.96.0.9');
  assert.equal(Object.keys(env).some((name) => name.startsWith('HEADLESS')), false);
});

test('without service links only the API server is left', () => {
  const env = build({}, { ...pod, spec: { containers: [], enableServiceLinks: false } });
  assert.equal(env['KUBERNETES_SERVICE_HOST'], '10.96.0.1');
  assert.equal(env['MY_DB_SERVICE_HOST'], undefined);
});

test('env wins over envFrom, a later source over an earlier one, and values may refer to earlier ones', () => {
  const env = build({
    envFrom: [{ configMapRef: { name: 'cm' } }, { prefix: 'S_', secretRef: { name: 's' } }],
    env: [{ name: 'TWO', value: 'own' }, { name: 'SUM', value: '$(ONE)+$(TWO)+$(S_KEY)+$(NOPE)' }],
  });
  assert.equal(env['SUM'], '1+own+secret+$(NOPE)');
});

for (const [path, want] of [
  ['metadata.name', 'p'], ['metadata.namespace', 'ns'], ['metadata.uid', 'u'], ["metadata.labels['app']", 'x'], ["metadata.annotations['a/b']", 'c'], ["metadata.labels['none']", ''],
  ['spec.nodeName', 'lateen'], ['spec.serviceAccountName', 'sa'], ['status.podIP', '10.244.0.7'], ['status.hostIP', '10.244.0.1'],
] as const) {
  test(`fieldRef ${path} is ${want || 'empty'}`, () => assert.equal(build({ env: [{ name: 'X', valueFrom: { fieldRef: { fieldPath: path } } }] })['X'], want));
}

for (const [resource, divisor, want] of [
  ['limits.cpu', undefined, '1'], ['limits.cpu', '1m', '500'], ['requests.memory', '1Mi', '64'], ['limits.memory', '1Gi', '4'], ['requests.cpu', undefined, '0'],
] as const) {
  test(`resourceFieldRef ${resource} in units of ${divisor ?? '1'} is ${want}`, () => {
    const container = { resources: { limits: { cpu: '500m' }, requests: { memory: '64Mi' } }, env: [{ name: 'X', valueFrom: { resourceFieldRef: { resource, divisor } } }] };
    assert.equal(build(container)['X'], want);
  });
}

for (const [why, container, message] of [
  ['a missing ConfigMap', { envFrom: [{ configMapRef: { name: 'no' } }] }, 'configmap "no" not found'],
  ['a missing Secret', { env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 'no', key: 'k' } } }] }, 'secret "no" not found'],
  ['a missing key', { env: [{ name: 'X', valueFrom: { configMapKeyRef: { name: 'cm', key: 'k' } } }] }, "couldn't find key k in ConfigMap ns/cm"],
] as const) {
  test(`${why} is said in Kubernetes' words`, () => assert.throws(() => build(container as unknown as Partial<Container>), { reason: 'CreateContainerConfigError', message }));
}

test('what is optional may be missing', () => {
  const env = build({ envFrom: [{ configMapRef: { name: 'no', optional: true } }], env: [{ name: 'X', valueFrom: { secretKeyRef: { name: 's', key: 'no', optional: true } } }] });
  assert.equal('X' in env, false);
});
