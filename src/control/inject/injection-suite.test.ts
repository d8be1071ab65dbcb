/** Istio's own injection cases: what goes in, and what must come out. */
import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { parseAllDocuments } from 'yaml';
import { defaultMeshConfig } from '../../api/mesh-config.ts';
import type { KubeObject } from '../../kube/object.ts';
import { formatQuantity, parseQuantity } from '../../kube/quantity.ts';
import { defaultInjectConfig, type InjectConfig } from '../../api/proxy-pod/config.ts';
import { InjectionError } from '../../api/proxy-pod/errors.ts';
import { injectObject } from './inject-object.ts';
import { decodeInjectorValues } from '../../api/proxy-pod/values.ts';

const SUITE = new URL('../../../../shared/data/suites/istio-injection/', import.meta.url);

/** Cases whose input has another name or that set something beside the defaults. */
interface Setting {
  input?: string;
  values?: Record<string, unknown>;
  mesh?: Record<string, unknown>;
}
const proxy = (settings: Record<string, unknown>) => ({ global: { proxy: settings } });
const classic = { pilot: { env: { ENABLE_NATIVE_SIDECARS: 'false' } } };
const resources = (limits: Record<string, unknown>, requests: Record<string, unknown>) => ({ values: proxy({ resources: { limits, requests } }) });
const SETTINGS: Readonly<Record<string, Setting>> = {
  'hello-always.yaml': { input: 'hello.yaml', values: { global: { imagePullPolicy: 'Always' } } },
  'hello-never.yaml': { input: 'hello.yaml', values: { global: { imagePullPolicy: 'Never' } } },
  'hello-tproxy.yaml': { input: 'hello.yaml', mesh: { interceptionMode: 'TPROXY' } },
  'hello.proxyHoldsApplication.yaml': { input: 'hello.yaml', values: proxy({ holdApplicationUntilProxyStarts: true }) },
  'hello-probes.proxyHoldsApplication.yaml': { input: 'hello-probes.yaml', values: proxy({ holdApplicationUntilProxyStarts: true }) },
  'hello-image-secrets-in-values.yaml': { input: 'hello.yaml', values: { global: { imagePullSecrets: ['barSecret'] } } },
  'hello.yaml.proxyImageName': { input: 'hello.yaml', values: { global: { hub: 'registry.istio.io/testing', proxy: { image: 'proxyTest' }, proxy_init: { image: 'proxyv2' } } } },
  'hello.yaml.proxyInitImageName': { input: 'hello.yaml', values: { global: { hub: 'registry.istio.io/testing', proxy: { image: 'proxyv2' }, proxy_init: { image: 'proxyInitTest' } } } },
  'hello-multiple-image-secrets.yaml': { input: 'hello-image-pull-secret.yaml', values: { global: { imagePullSecrets: ['barSecret'] } } },
  'format-duration.yaml': { mesh: { drainDuration: '23s' } },
  'status_params.yaml': { values: proxy({ statusPort: 123, readinessInitialDelaySeconds: 100, readinessPeriodSeconds: 200, readinessFailureThreshold: 300 }) },
  'proxy-override-args-native.yaml': { input: 'proxy-override-args.yaml' },
  'proxy-resources-null.yaml': resources({ cpu: null, memory: '500Mi' }, { cpu: null, memory: '150Mi' }),
  'proxy-resources-null-no-init.yaml': resources({ cpu: null, memory: '500Mi' }, { cpu: null, memory: '150Mi' }),
  'proxy-resources-mixed-null.yaml': resources({ cpu: null, memory: '500Mi', 'ephemeral-storage': null }, { cpu: '100m', memory: null, 'ephemeral-storage': '1Gi' }),
  'proxy-resources-zero.yaml': resources({ cpu: '0', memory: '500Mi' }, { cpu: '0', memory: '150Mi' }),
  'native-sidecar-opt-in.yaml': { values: classic },
  ...Object.fromEntries(
    [
      ['cronjob', 'cronjob.yaml'],
      ['daemonset', 'daemonset.yaml'],
      ['hello', 'hello.yaml'],
      ['job', 'job.yaml'],
      ['native-sidecar', 'native-sidecar.yaml'],
      ['pod', 'pod.yaml'],
      ['replicaset', 'replicaset.yaml'],
      ['statefulset', 'statefulset.yaml'],
    ].map(([name, input = '']) => [`${name}-old-version.yaml`, { input, values: classic }]),
  ),
};

/** Cases that are not run, with the reason. */
const NO_CNI = 'redirection is set up by the init container: there is no CNI plugin';
const NO_GO_TEMPLATES = 'templates are built in, Go templates of users are not run';
const NO_INPUT = 'the sample of the suite lacks its input';
const LEFT_OUT: Readonly<Record<string, string>> = {
  'cronjob-old-version.yaml': NO_INPUT,
  'job-old-version.yaml': NO_INPUT,
  'pod-old-version.yaml': NO_INPUT,
  'replicaset-old-version.yaml': NO_INPUT,
  'custom-template.yaml': NO_GO_TEMPLATES,
  'sidecar-spire.yaml': NO_GO_TEMPLATES,
  'grpc-agent.yaml': 'proxyless gRPC is not injected',
  'hello.yaml.cni': NO_CNI,
  'hello-cncf-networks.yaml': NO_CNI,
  'hello-existing-cncf-networks.yaml': NO_CNI,
  'hello-openshift-tproxy.yaml': NO_CNI,
  'hello-fips-140-3.yaml': 'its variables are for the Go run time',
  'hello-probes-localhost.yaml': 'probes are always sent to the pod address, the legacy switch to localhost is not there',
  'hello-mount-mtls-certs.yaml': 'certificates are never in secrets',
  'hello-template-in-values.yaml': 'podDNSSearchNamespaces is deprecated',
};

function configFor(setting: Setting): InjectConfig {
  const mesh = defaultMeshConfig();
  const given = structuredClone(setting.values ?? {}) as { global?: { proxy?: object } };
  const values = { ...given, global: { ...given.global, proxy: { agentCommand: ['pilot-agent'], holdApplicationUntilQuiet: false, ...given.global?.proxy } } };
  return defaultInjectConfig({ mesh: { ...mesh, defaultConfig: { ...mesh.defaultConfig, ...setting.mesh } }, values: decodeInjectorValues(values) });
}

const documents = (name: string) =>
  parseAllDocuments(readFileSync(new URL(name, SUITE), 'utf8'))
    .map((document) => document.toJS() as KubeObject | null)
    .filter((object): object is KubeObject => object !== null);

/** One way of writing each thing: images of the proxy alike, quantities and JSON in text read, empty objects left out. */
function canonical(value: unknown, key = ''): unknown {
  if (Array.isArray(value)) {
    const items = value.filter((item) => !isRevocationList(item)).map((item) => canonical(item));
    // Variables that do not refer to each other may come in any order.
    return items.length === 0 ? undefined : key === 'env' ? items.sort((a, b) => ((a as { name: string }).name < (b as { name: string }).name ? -1 : 1)) : items;
  }
  if (typeof value === 'object' && value !== null) {
    const fields = Object.entries(value).map(([name, field]) => [name, key === 'requests' || key === 'limits' ? quantity(field) : canonical(field, name)] as const);
    const kept = fields.filter(([, field]) => field !== undefined && field !== null);
    return kept.length === 0 ? undefined : Object.fromEntries(kept.sort(([a], [b]) => (a < b ? -1 : 1)));
  }
  if (key === 'creationTimestamp') return undefined;
  if (key === 'image' && typeof value === 'string' && /^(registry\.istio\.io\/testing\/proxyv2|lateen\/proxy):/.test(value)) return 'PROXY';
  if (typeof value === 'string' && /^\s*[[{]/.test(value)) return parsed(value);
  return value === '' && key !== '' ? undefined : value;
}

/** The volume of revocation lists, its mount, and its name among the volumes: left out here, since there are none. */
function isRevocationList(item: unknown): boolean {
  return item === 'istio-ca-crl' || (typeof item === 'object' && item !== null && 'name' in item && item.name === 'istio-ca-crl');
}

function parsed(text: string): unknown {
  try {
    return canonical(JSON.parse(text)) ?? 'nothing';
  } catch {
    return text;
  }
}

function quantity(value: unknown): unknown {
  const amount = parseQuantity(String(value));
  return amount === undefined ? value : formatQuantity(amount);
}

/** What injection may touch: the metadata and the pod. Around it the suite's Go program prints zero values. */
function relevant(object: KubeObject): unknown {
  const { kind, metadata, spec } = object as KubeObject & { spec?: { template?: unknown } };
  return canonical({ kind, metadata, ...(spec?.template === undefined ? { spec } : { template: spec.template }) });
}

for (const file of readdirSync(SUITE).filter((name) => name.endsWith('.injected')).sort()) {
  const name = file.replace(/\.injected$/, '');
  const skip = LEFT_OUT[name];
  test(`injection gives what Istio gives for ${name}`, { skip: skip ?? false }, () => {
    const setting = SETTINGS[name] ?? {};
    const config = configFor(setting);
    const want = documents(file);
    const got = documents(setting.input ?? name).map((object) => injectObject(object, config));
    assert.ok(want.length > 0);
    assert.deepEqual(got.map(relevant), want.map(relevant));
  });
}

for (const name of ['traffic-annotations-bad-excludeipranges.yaml', 'traffic-annotations-bad-includeipranges.yaml']) {
  test(`${name} is refused with the annotation's name`, () => {
    assert.throws(() => documents(name).map((object) => injectObject(object, defaultInjectConfig())), (error) => error instanceof InjectionError && /OutboundIPRanges: .* is not a range/.test(error.message));
  });
}
