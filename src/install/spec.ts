/** From profile, files and `--set` to one checked description of what is to be installed. Precedence: the profile, then
 * files in order, then settings in order, as istioctl does. */
import { parse } from 'yaml';
import type { EnvVar, ResourceRequirements, ServicePort } from 'kubernetes-types/core/v1.d.ts';
import { errorText } from '../base/errors.ts';
import { isError, issueText, type Issue } from '../api/issue.ts';
import { decodeMeshConfig } from '../api/mesh-config.ts';
import { MeshConfigSchema } from '../api/mesh-config-schema.ts';
import type { JsonSchema } from '../api/schema/json-schema.ts';
import { stringify } from 'yaml';
import { InstallError } from './errors.ts';
import { profileTree } from './profiles.ts';
import { isTree, mergeTrees, parseSetting, treeAt, type Step, type Tree } from './tree.ts';
import { checkValues, checkVariables } from './values-check.ts';

export interface InstallOptions {
  profile?: string;
  /** Contents of IstioOperator files. */
  files?: readonly string[];
  /** `path=value`. */
  set?: readonly string[];
  /** Version of the images and of the labels. */
  version: string;
}

export interface GatewayComponent {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceType: string;
  readonly ports: readonly ServicePort[];
  readonly serviceAnnotations: Readonly<Record<string, string>>;
  readonly replicas: number;
  readonly resources: ResourceRequirements;
  readonly env: readonly EnvVar[];
}

export interface InstallSpec {
  readonly profile: string;
  readonly version: string;
  readonly namespace: string;
  readonly hub: string;
  readonly tag: string;
  /** Text of the mesh configuration, key `mesh` of ConfigMap `istio`. */
  readonly meshYaml: string;
  readonly values: Tree;
  readonly hasBase: boolean;
  readonly pilot: { readonly replicas: number; readonly resources: ResourceRequirements; readonly env: readonly EnvVar[] } | undefined;
  /** Only the injector, answered by a control plane elsewhere. */
  readonly remoteInjectionUrl: string | undefined;
  readonly ingress: readonly GatewayComponent[];
  readonly egress: readonly GatewayComponent[];
  readonly hasObserve: boolean;
  readonly hasConsole: boolean;
  /** Things worth telling that do not stop the installation. */
  readonly warnings: readonly Issue[];
}

export const ENVOY_IMAGE = 'proxy-envoy';
const TOP_LEVEL = ['profile', 'proxy', 'hub', 'tag', 'namespace', 'revision', 'meshConfig', 'values', 'components'];
/** Data planes, and the image that stands for each. */
const PROXIES: ReadonlyMap<unknown, string> = new Map([['lateen', 'proxy'], ['envoy', ENVOY_IMAGE]]);
const COMPONENTS = ['base', 'pilot', 'cni', 'ztunnel', 'ingressGateways', 'egressGateways', 'observe', 'console', 'remote'];

/** What a profile has in Istio and not here. */
const PROFILE_NOTES: Readonly<Record<string, readonly Issue[]>> = {
  stable: [{ severity: 'warning', path: 'profile', message: 'stable installs what default does: the admission policy that keeps unstable fields out is not there' }],
};

/** @throws InstallError that says which option is wrong */
export function resolveInstall(options: InstallOptions): InstallSpec {
  const files = (options.files ?? []).map(readOperator);
  // What was asked for without the profile's own values; items of lists only mean something on top of those.
  const plain = (options.set ?? []).filter((setting) => !(setting.split('=')[0] ?? '').includes('['));
  const given = plain.reduce<Tree>((tree, setting) => parseSetting(setting, tree, wantsText), files.reduce<Tree>(mergeTrees, {}));
  const profile = String(given['profile'] ?? options.profile ?? 'default');
  const overlay = files.reduce<Tree>(mergeTrees, profileTree(profile));
  const tree = (options.set ?? []).reduce<Tree>((base, setting) => parseSetting(setting, base, wantsText), overlay);
  checkNames(tree);
  const namespace = String(treeAt(tree, 'values', 'global', 'istioNamespace') ?? tree['namespace'] ?? 'istio-system');
  const hub = String(treeAt(given, 'values', 'global', 'hub') ?? tree['hub'] ?? 'lateen');
  const tag = String(treeAt(given, 'values', 'global', 'tag') ?? tree['tag'] ?? options.version);
  const mesh = meshConfigOf(tree, namespace);
  const isOn = (name: string) => treeAt(tree, 'components', name, 'enabled') === true;
  return {
    profile,
    version: options.version,
    namespace,
    hub,
    tag,
    meshYaml: mesh.yaml,
    values: valuesOf(tree, { namespace, hub, tag, proxy: proxyImage(tree) }),
    hasBase: isOn('base'),
    pilot: isOn('pilot') ? pilotOf(tree) : undefined,
    remoteInjectionUrl: isOn('remote') ? injectionUrl(tree) : undefined,
    ingress: gatewaysOf(tree, 'ingressGateways', namespace),
    egress: gatewaysOf(tree, 'egressGateways', namespace),
    hasObserve: isOn('observe'),
    hasConsole: isOn('console'),
    warnings: [...(PROFILE_NOTES[profile] ?? []), ...mesh.warnings, ...checkValues(isTree(given['values']) ? given['values'] : {}), ...variableWarnings(given)],
  };
}

/** The `spec` of an IstioOperator. */
function readOperator(text: string): Tree {
  let value: unknown;
  try {
    value = parse(text);
  } catch (error) {
    throw new InstallError('INSTALL_OPTIONS', `the options file is not valid YAML: ${errorText(error)}`, { cause: error });
  }
  if (!isTree(value) || value['kind'] !== 'IstioOperator') throw new InstallError('INSTALL_OPTIONS', 'the options file must hold an object of kind IstioOperator (apiVersion install.istio.io/v1alpha1)');
  const { spec = {} } = value;
  if (!isTree(spec)) throw new InstallError('INSTALL_OPTIONS', 'spec of the IstioOperator must be a mapping');
  return spec;
}

function checkNames(tree: Tree): void {
  const unknown = Object.keys(tree).find((key) => !TOP_LEVEL.includes(key));
  if (unknown !== undefined) throw new InstallError('INSTALL_OPTIONS', `option ${unknown} is not known; options begin with one of ${TOP_LEVEL.join(', ')}`);
  if (tree['revision'] !== undefined && tree['revision'] !== '' && tree['revision'] !== 'default') throw new InstallError('INSTALL_OPTIONS', 'option revision: there is one control plane per cluster, without a revision');
  const components = isTree(tree['components']) ? tree['components'] : {};
  const other = Object.keys(components).find((key) => !COMPONENTS.includes(key));
  if (other !== undefined) throw new InstallError('INSTALL_OPTIONS', `component ${other} is not known; the components are ${COMPONENTS.join(', ')}`);
  for (const name of ['cni', 'ztunnel']) if (treeAt(components, name, 'enabled') === true) throw new InstallError('INSTALL_OPTIONS', `component ${name} is not supported: redirection is set up by an init container, and the data plane is the sidecar`);
}

/** What the mesh configuration takes at a path: `meshConfig.defaultConfig.proxyMetadata.X=true` means the text. */
function wantsText([first, ...path]: readonly Step[]): boolean {
  if (first !== 'meshConfig') return false;
  let schema: JsonSchema | undefined = MeshConfigSchema.json;
  for (const step of path) {
    const known: Record<string, JsonSchema> = schema?.properties ?? {};
    schema = typeof step === 'number' ? schema?.items : Object.hasOwn(known, step) ? known[step] : schema?.additionalProperties;
  }
  return schema?.type === 'string';
}

function meshConfigOf(tree: Tree, namespace: string): { yaml: string; warnings: Issue[] } {
  const given = isTree(tree['meshConfig']) ? tree['meshConfig'] : {};
  const sampling = treeAt(tree, 'values', 'pilot', 'traceSampling');
  const sampled = sampling === undefined || treeAt(given, 'defaultConfig', 'tracing', 'sampling') !== undefined ? given : mergeTrees({ defaultConfig: { tracing: { sampling } } }, given);
  const mesh = mergeTrees({ rootNamespace: namespace, defaultConfig: { discoveryAddress: `istiod.${namespace}.svc:15012` } }, sampled);
  const yaml = stringify(mesh);
  const { issues } = decodeMeshConfig(yaml);
  const wrong = issues.filter(isError);
  if (wrong.length > 0) throw new InstallError('INSTALL_OPTIONS', wrong.map((issue) => `meshConfig.${issueText(issue)}`).join('; '));
  return { yaml, warnings: issues.map((issue) => ({ ...issue, path: `meshConfig.${issue.path}` })) };
}

/** Which data plane sidecars and gateways are: our own, or Envoy with our agent. */
function proxyImage(tree: Tree): string {
  const image = PROXIES.get(tree['proxy'] ?? 'lateen');
  if (image === undefined) throw new InstallError('INSTALL_OPTIONS', `option proxy: ${JSON.stringify(tree['proxy'])} is not a data plane; it is one of ${[...PROXIES.keys()].join(', ')}`);
  return image;
}

function valuesOf(tree: Tree, names: { namespace: string; hub: string; tag: string; proxy: string }): Tree {
  const values = isTree(tree['values']) ? tree['values'] : {};
  const named = mergeTrees({ global: { proxy: { image: names.proxy } } }, values);
  return mergeTrees(named, { global: { istioNamespace: names.namespace, hub: names.hub, tag: names.tag } });
}

function variableWarnings(given: Tree): Issue[] {
  const values = treeAt(given, 'values', 'pilot', 'env');
  const listed = treeAt(given, 'components', 'pilot', 'k8s', 'env');
  const names = Array.isArray(listed) ? listed.map((entry: unknown) => (isTree(entry) ? String(entry['name']) : '')) : [];
  return [...checkVariables(Object.keys(isTree(values) ? values : {}), 'values.pilot.env'), ...checkVariables(names, 'components.pilot.k8s.env')];
}

function pilotOf(tree: Tree): NonNullable<InstallSpec['pilot']> {
  const k8s = treeAt(tree, 'components', 'pilot', 'k8s');
  const settings = isTree(k8s) ? k8s : {};
  const fromValues = treeAt(tree, 'values', 'pilot', 'env');
  return {
    replicas: count(settings['replicaCount'] ?? treeAt(tree, 'values', 'pilot', 'replicaCount')),
    resources: (settings['resources'] ?? treeAt(tree, 'values', 'pilot', 'resources') ?? {}) as ResourceRequirements,
    env: [...Object.entries(isTree(fromValues) ? fromValues : {}).map(([name, value]) => ({ name, value: String(value) })), ...((settings['env'] ?? []) as EnvVar[])],
  };
}

const DEFAULT_PORTS: Readonly<Record<string, readonly ServicePort[]>> = {
  ingressGateways: [
    { name: 'status-port', port: 15021, targetPort: 15021 },
    { name: 'http2', port: 80, targetPort: 8080 },
    { name: 'https', port: 443, targetPort: 8443 },
  ],
  egressGateways: [
    { name: 'http2', port: 80, targetPort: 8080 },
    { name: 'https', port: 443, targetPort: 8443 },
  ],
};

function gatewaysOf(tree: Tree, list: 'ingressGateways' | 'egressGateways', namespace: string): GatewayComponent[] {
  const gateways = treeAt(tree, 'components', list);
  if (!Array.isArray(gateways)) return [];
  return gateways.filter(isTree).flatMap((gateway): GatewayComponent[] => {
    if (gateway['enabled'] !== true) return [];
    const name = String(gateway['name'] ?? (list === 'ingressGateways' ? 'istio-ingressgateway' : 'istio-egressgateway'));
    const k8s = isTree(gateway['k8s']) ? gateway['k8s'] : {};
    const service = isTree(k8s['service']) ? k8s['service'] : {};
    const values = treeAt(tree, 'values', 'gateways', name);
    const type = service['type'] ?? (isTree(values) ? values['type'] : undefined);
    return [
      {
        name,
        namespace: String(gateway['namespace'] ?? namespace),
        // Gateway objects select `istio: ingressgateway`.
        labels: { app: name, istio: name.replace(/^istio-/, ''), ...(isTree(gateway['label']) ? (gateway['label'] as Record<string, string>) : {}) },
        serviceType: String(type ?? (list === 'ingressGateways' ? 'LoadBalancer' : 'ClusterIP')),
        ports: Array.isArray(service['ports']) ? (service['ports'] as ServicePort[]) : (DEFAULT_PORTS[list] ?? []),
        serviceAnnotations: isTree(k8s['serviceAnnotations']) ? (k8s['serviceAnnotations'] as Record<string, string>) : {},
        replicas: count(k8s['replicaCount']),
        resources: (k8s['resources'] ?? { requests: { cpu: '100m', memory: '128Mi' }, limits: { cpu: '2000m', memory: '1024Mi' } }) as ResourceRequirements,
        env: (k8s['env'] ?? []) as EnvVar[],
      },
    ];
  });
}

function injectionUrl(tree: Tree): string {
  const url = treeAt(tree, 'values', 'istiodRemote', 'injectionURL');
  if (typeof url === 'string' && url.startsWith('https://')) return url;
  throw new InstallError('INSTALL_OPTIONS', 'profile remote needs the control plane that injects: --set values.istiodRemote.injectionURL=https://HOST:15017/inject');
}

const count = (value: unknown) => (typeof value === 'number' && Number.isInteger(value) && value >= 0 ? value : 1);
