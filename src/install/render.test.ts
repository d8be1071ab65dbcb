import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parse } from 'yaml';
import type { KubeObject } from '../kube/object.ts';
import { isError } from '../api/issue.ts';
import { decodeMeshConfig } from '../api/mesh-config.ts';
import { decodeInjectorValues } from '../api/proxy-pod/values.ts';
import { InstallError } from './errors.ts';
import { PROFILE_NAMES } from './profiles.ts';
import { renderManifests, renderWaves } from './render.ts';
import { resolveInstall, type InstallOptions } from './spec.ts';
import { mergeTrees, parseSetting } from './tree.ts';

const render = (options: Partial<InstallOptions>) => renderManifests({ version: '1.2.3', ...options });
const names = (objects: readonly KubeObject[], kind: string) => objects.filter((object) => object.kind === kind).map((object) => object.metadata?.name ?? '').sort();
const find = (objects: readonly KubeObject[], kind: string, name: string) => objects.find((object) => object.kind === kind && object.metadata?.name === name) as (KubeObject & Record<string, never>) | undefined;

const DEPLOYMENTS: Readonly<Record<string, readonly string[]>> = {
  default: ['istio-ingressgateway', 'istiod'],
  demo: ['istio-egressgateway', 'istio-ingressgateway', 'istiod', 'lateen-console', 'lateen-observe'],
  empty: [],
  minimal: ['istiod'],
  preview: ['istio-ingressgateway', 'istiod'],
  stable: ['istio-ingressgateway', 'istiod'],
};
for (const [profile, want] of Object.entries(DEPLOYMENTS)) {
  test(`profile ${profile} installs ${want.join(', ') || 'nothing'}`, () => {
    const objects = render({ profile });
    assert.deepEqual(names(objects, 'Deployment'), want);
    assert.equal(names(objects, 'CustomResourceDefinition').length, profile === 'empty' ? 0 : 15);
  });
}

test('profile remote installs the injector only, and needs to know who answers it', () => {
  assert.throws(() => render({ profile: 'remote' }), /values\.istiodRemote\.injectionURL/);
  const objects = render({ profile: 'remote', set: ['values.istiodRemote.injectionURL=https://istiod.example.com:15017/inject'] });
  assert.deepEqual(names(objects, 'Deployment'), []);
  const webhook = find(objects, 'MutatingWebhookConfiguration', 'istio-sidecar-injector') as unknown as { webhooks: { clientConfig: { url?: string } }[] };
  assert.equal(webhook.webhooks[0]?.clientConfig.url, 'https://istiod.example.com:15017/inject');
});

test('where the mesh configuration wants a text, a setting is one, whatever it looks like', () => {
  const { meshYaml } = resolveInstall({ version: '1', set: ['meshConfig.defaultConfig.proxyMetadata.A=true', 'meshConfig.defaultConfig.proxyMetadata.B=1.0', 'meshConfig.enableTracing=false', 'meshConfig.defaultConfig.tracing.sampling=5'] });
  const { value, issues } = decodeMeshConfig(meshYaml);
  assert.deepEqual(issues.filter(isError), []);
  assert.deepEqual([value.defaultConfig.proxyMetadata, value.enableTracing, value.defaultConfig.tracing.sampling], [{ A: 'true', B: '1.0' }, false, 5]);
});

test('a profile that does not exist is answered with the ones that do', () => {
  assert.throws(
    () => render({ set: ['profile=production'] }),
    (error) => error instanceof InstallError && error.message === `profile "production" does not exist. The profiles are: ${PROFILE_NAMES.join(', ')}`,
  );
  assert.throws(() => render({ profile: 'ambient' }), /profile "ambient" is not supported: .*The profiles are: default, demo, /);
  assert.throws(() => render({ profile: 'constructor' }), /does not exist/);
});

test('every object says which component it is and who installed it, and nothing is rendered twice', () => {
  const objects = render({ profile: 'demo' });
  for (const object of objects.filter(({ kind }) => kind !== 'Namespace')) {
    assert.equal(object.metadata?.labels?.['install.operator.istio.io/owning-resource'], 'installed-state', JSON.stringify(object.metadata));
    assert.ok(object.metadata?.labels?.['operator.istio.io/component']);
  }
  const keys = objects.map((object) => `${object.kind} ${object.metadata?.namespace ?? ''}/${object.metadata?.name}`);
  assert.equal(new Set(keys).size, keys.length);
});

test('every account that a workload runs as, and every config map that istiod reads, is rendered', () => {
  const objects = render({ profile: 'demo' });
  const accounts = names(objects, 'ServiceAccount');
  for (const deployment of objects.filter(({ kind }) => kind === 'Deployment') as unknown as { spec: { template: { spec: { serviceAccountName: string } } } }[]) {
    assert.ok(accounts.includes(deployment.spec.template.spec.serviceAccountName));
  }
  assert.deepEqual(names(objects, 'ConfigMap'), ['istio', 'istio-sidecar-injector']);
  assert.deepEqual(names(objects, 'Service'), ['istio-egressgateway', 'istio-ingressgateway', 'istiod', 'jaeger-collector', 'kiali', 'prometheus', 'tracing', 'zipkin']);
});

test('the demo traces everything to the collector and logs to standard output', () => {
  const istio = find(render({ profile: 'demo' }), 'ConfigMap', 'istio') as unknown as { data: { mesh: string } };
  const { value, issues } = decodeMeshConfig(istio.data.mesh);
  assert.deepEqual(issues, []);
  assert.equal(value.accessLogFile, '/dev/stdout');
  assert.equal(value.defaultConfig.tracing.sampling, 100);
  assert.deepEqual(value.defaultProviders.tracing, ['jaeger']);
  assert.equal(value.extensionProviders.find(({ name }) => name === 'jaeger')?.opentelemetry?.port, 4318);
});

test('settings reach the objects they are about', () => {
  const objects = render({
    set: [
      'hub=registry.example.com/lateen',
      'tag=7',
      'meshConfig.outboundTrafficPolicy.mode=REGISTRY_ONLY',
      'values.global.proxy.logLevel=debug',
      'values.pilot.env.DEFAULT_WORKLOAD_CERT_TTL=20s',
      'components.egressGateways[0].enabled=true',
      'components.ingressGateways[0].k8s.service.type=NodePort',
      'components.observe.enabled=true',
    ],
  });
  const mesh = parse((find(objects, 'ConfigMap', 'istio') as unknown as { data: { mesh: string } }).data.mesh) as { outboundTrafficPolicy: unknown };
  assert.deepEqual(mesh.outboundTrafficPolicy, { mode: 'REGISTRY_ONLY' });
  const istiod = find(objects, 'Deployment', 'istiod') as unknown as { spec: { template: { spec: { containers: { image: string; env: { name: string; value?: string }[] }[] } } } };
  assert.equal(istiod.spec.template.spec.containers[0]?.image, 'registry.example.com/lateen/control:7');
  assert.equal(istiod.spec.template.spec.containers[0]?.env.find(({ name }) => name === 'DEFAULT_WORKLOAD_CERT_TTL')?.value, '20s');
  const gateway = find(objects, 'Deployment', 'istio-ingressgateway') as unknown as { spec: { template: { spec: { containers: { image: string; args: string[] }[] } } } };
  assert.equal(gateway.spec.template.spec.containers[0]?.image, 'registry.example.com/lateen/proxy:7');
  assert.ok(gateway.spec.template.spec.containers[0]?.args.includes('--proxyLogLevel=debug'));
  assert.equal((find(objects, 'Service', 'istio-ingressgateway') as unknown as { spec: { type: string } }).spec.type, 'NodePort');
  assert.deepEqual(names(objects, 'Deployment'), ['istio-egressgateway', 'istio-ingressgateway', 'istiod', 'lateen-observe']);
});

test('a file goes over its profile, gateways by name, and a setting over the file', () => {
  const file = `apiVersion: install.istio.io/v1alpha1
kind: IstioOperator
spec:
  profile: demo
  meshConfig: {accessLogFile: /tmp/log}
  components:
    ingressGateways:
    - {name: extra, namespace: edge, enabled: true, label: {istio: extra}}
    - {name: istio-ingressgateway, enabled: true, k8s: {replicaCount: 3}}
`;
  const spec = resolveInstall({ version: '1', files: [file], set: ['meshConfig.accessLogFile=/dev/null'] });
  assert.equal(spec.profile, 'demo');
  assert.match(spec.meshYaml, /accessLogFile: \/dev\/null/);
  assert.deepEqual(spec.ingress.map(({ name, namespace, replicas, labels }) => [name, namespace, replicas, labels['istio']]), [['istio-ingressgateway', 'istio-system', 3, 'ingressgateway'], ['extra', 'edge', 1, 'extra']]);
  assert.equal(spec.ingress[0]?.ports.length, 5);
});

test('variables that istiod does not read are warned of', () => {
  const warned = (...set: string[]) => resolveInstall({ version: '1', set }).warnings.map(({ path }) => path);
  assert.deepEqual(warned('values.pilot.env.PILOT_HTTP10=1', 'values.pilot.env.PILOT_TRACE_SAMPLING=5'), ['values.pilot.env.PILOT_HTTP10']);
  assert.deepEqual(warned('meshConfig.ingressClass=x'), ['meshConfig.ingressClass']);
});

const WRONG: readonly (readonly [string, Partial<InstallOptions>, RegExp])[] = [
  ['an option without value', { set: ['profile'] }, /write it as path=value/],
  ['an option that is not known', { set: ['meshconfig.a=b'] }, /option meshconfig is not known/],
  ['a component that is not known', { set: ['components.pilott.enabled=true'] }, /component pilott is not known/],
  ['a component that is not supported', { set: ['components.ztunnel.enabled=true'] }, /component ztunnel is not supported/],
  ['a revision', { set: ['revision=canary'] }, /option revision: there is one control plane/],
  ['a mesh configuration of the wrong type', { set: ['meshConfig.enableTracing=maybe'] }, /meshConfig.enableTracing: must be a boolean/],
  ['an item beyond the list', { set: ['components.ingressGateways[3].enabled=true'] }, /there is no item 3, the list has 1/],
  ['a path into the prototype', { set: ['values.__proto__.x=1'] }, /empty or forbidden part/],
  ['a file that is no IstioOperator', { files: ['kind: Pod'] }, /must hold an object of kind IstioOperator/],
  ['a file that is no YAML', { files: ['a: b: c'] }, /not valid YAML/],
];
for (const [name, options, want] of WRONG) test(`${name} is refused`, () => assert.throws(() => render(options), (error) => error instanceof InstallError && want.test(error.message)));

test('values that do nothing here are warned about, and only those that were given', () => {
  const spec = resolveInstall({ version: '1', profile: 'demo', set: ['values.global.proxy.lifecycle.x=1', 'values.pilot.traceSampling=5', 'values.gateways.istio-ingressgateway.type=ClusterIP'] });
  assert.deepEqual(spec.warnings.map(({ path }) => path), ['values.global.proxy.lifecycle.x']);
  assert.deepEqual(resolveInstall({ version: '1', profile: 'demo' }).warnings, []);
});

test('settings are read as YAML reads scalars, with dots and lists', () => {
  const setting = (text: string) => parseSetting(text, {});
  assert.deepEqual(setting('a.b=1'), { a: { b: 1 } });
  assert.deepEqual(setting('a=1.10.0'), { a: '1.10.0' });
  assert.deepEqual(setting('a=true'), { a: true });
  assert.deepEqual(setting('a={x,y}'), { a: ['x', 'y'] });
  assert.deepEqual(setting('a[0].b=x=y'), { a: [{ b: 'x=y' }] });
  assert.deepEqual(setting('a.b\\.c=x'), { a: { 'b.c': 'x' } });
  assert.deepEqual(setting('spec.a='), { a: '' });
});

test('merging does not change what is merged', () => {
  const base = { a: { b: 1, c: [1] } };
  assert.deepEqual(mergeTrees(base, { a: { b: 2, c: [] } }), { a: { b: 2, c: [] } });
  assert.deepEqual(base, { a: { b: 1, c: [1] } });
});

test('the namespace of the installation is everywhere', () => {
  const waves = renderWaves(resolveInstall({ version: '1', profile: 'demo', set: ['values.global.istioNamespace=mesh'] }));
  const objects = [...waves.base, ...waves.setting, ...waves.workloads];
  assert.ok(objects.every(({ metadata }) => metadata?.namespace === undefined || metadata.namespace === 'mesh'));
  assert.ok(names(objects, 'ValidatingWebhookConfiguration').includes('istio-validator-mesh'));
});

test('Envoy as the data plane is another image for sidecars and gateways, unless one is named', () => {
  const images = (set: string[]) => {
    const objects = render({ profile: 'demo', set });
    const gateway = find(objects, 'Deployment', 'istio-ingressgateway') as unknown as { spec: { template: { spec: { containers: { image: string }[] } } } };
    const injector = find(objects, 'ConfigMap', 'istio-sidecar-injector') as unknown as { data: { values: string } };
    return [gateway.spec.template.spec.containers[0]?.image, decodeInjectorValues(JSON.parse(injector.data.values)).proxyImage];
  };
  assert.deepEqual(images([]), ['lateen/proxy:1.2.3', 'lateen/proxy:1.2.3']);
  assert.deepEqual(images(['proxy=envoy']), ['lateen/proxy-envoy:1.2.3', 'lateen/proxy-envoy:1.2.3']);
  assert.deepEqual(images(['proxy=envoy', 'values.global.proxy.image=example.com/mine:2']), ['example.com/mine:2', 'example.com/mine:2']);
  assert.throws(() => render({ set: ['proxy=nginx'] }), /option proxy: "nginx" is not a data plane; it is one of lateen, envoy/);
});
