/** Helm values that have an effect here. Istio's charts have many more: one that does nothing is said, not swallowed. */
import type { Issue } from '../api/issue.ts';
import { isTree, type Tree } from './tree.ts';

/** Paths under `values`; a path stands for everything below it, `*` for one key. */
const KNOWN: readonly string[] = [
  ...'hub tag istioNamespace imagePullPolicy imagePullSecrets caAddress multiCluster.clusterName meshID network logging.level logAsJson proxy_init.image'.split(' ').map((name) => `global.${name}`),
  ...'image clusterDomain resources logLevel componentLogLevel statusPort readinessInitialDelaySeconds readinessPeriodSeconds readinessFailureThreshold startupProbe privileged includeIPRanges excludeIPRanges includeInboundPorts excludeInboundPorts includeOutboundPorts excludeOutboundPorts holdApplicationUntilProxyStarts holdApplicationUntilQuiet agentCommand drainCommand autoInject'
    .split(' ')
    .map((name) => `global.proxy.${name}`),
  ...'env resources replicaCount traceSampling'.split(' ').map((name) => `pilot.${name}`),
  ...'rewriteAppHTTPProbe neverInjectSelector alwaysInjectSelector injectedAnnotations'.split(' ').map((name) => `sidecarInjectorWebhook.${name}`),
  'gateways.*.type',
  'istiodRemote.injectionURL',
];

/** Variables that istiod reads. */
const KNOWN_ENV: ReadonlySet<string> = new Set([
  'CITADEL_SELF_SIGNED_CA_CERT_TTL', 'CLUSTER_ID', 'DEFAULT_WORKLOAD_CERT_TTL', 'ENABLE_NATIVE_SIDECARS', 'LATEEN_VERSION', 'MAX_WORKLOAD_CERT_TTL', 'PILOT_DEBOUNCE_AFTER', 'PILOT_DEBOUNCE_MAX',
  'PILOT_ENABLE_IP_AUTOALLOCATE', 'PILOT_ENABLE_WORKLOAD_ENTRY_AUTOREGISTRATION', 'PILOT_TRACE_SAMPLING', 'PILOT_WORKLOAD_ENTRY_GRACE_PERIOD', 'POD_NAME', 'POD_NAMESPACE', 'REVISION', 'TOKEN_AUDIENCES', 'TRUST_DOMAIN',
]);

/** One warning for each variable of istiod that it does not read. @param names under `values.pilot.env` or `components.pilot.k8s.env` */
export const checkVariables = (names: readonly string[], path: string): Issue[] =>
  names.filter((name) => !KNOWN_ENV.has(name)).map((name) => ({ severity: 'warning', path: `${path}.${name}`, message: `has no effect; variables that istiod reads are ${[...KNOWN_ENV].join(', ')}` }));

/** One warning for each value without effect. */
export function checkValues(values: Tree): Issue[] {
  const known = KNOWN.map((path) => path.split('.'));
  return leaves(values, [])
    .filter((path) => !known.some((want) => want.every((key, index) => key === '*' || key === path[index])))
    .map((path) => ({ severity: 'warning', path: `values.${path.join('.')}`, message: 'has no effect' }));
}

function leaves(value: unknown, path: readonly string[]): (readonly string[])[] {
  if (isTree(value) && path.length === 0 && Object.keys(value).length === 0) return [];
  return isTree(value) && Object.keys(value).length > 0 ? Object.entries(value).flatMap(([key, child]) => leaves(child, [...path, key])) : [path];
}
