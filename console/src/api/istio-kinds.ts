/** The kinds that the Istio config pages show, in the order people think of them. */
export interface IstioKind {
  readonly kind: string;
  readonly group: string;
  readonly version: string;
  readonly plural: string;
  /** Two or three letters for the badge. */
  readonly badge: string;
}

const NETWORKING = 'networking.istio.io';
const SECURITY = 'security.istio.io';
const GATEWAY_API = 'gateway.networking.k8s.io';

export const ISTIO_KINDS: readonly IstioKind[] = [
  { kind: 'VirtualService', group: NETWORKING, version: 'v1', plural: 'virtualservices', badge: 'VS' },
  { kind: 'DestinationRule', group: NETWORKING, version: 'v1', plural: 'destinationrules', badge: 'DR' },
  { kind: 'Gateway', group: NETWORKING, version: 'v1', plural: 'gateways', badge: 'G' },
  { kind: 'ServiceEntry', group: NETWORKING, version: 'v1', plural: 'serviceentries', badge: 'SE' },
  { kind: 'Sidecar', group: NETWORKING, version: 'v1', plural: 'sidecars', badge: 'SC' },
  { kind: 'WorkloadEntry', group: NETWORKING, version: 'v1', plural: 'workloadentries', badge: 'WE' },
  { kind: 'WorkloadGroup', group: NETWORKING, version: 'v1', plural: 'workloadgroups', badge: 'WG' },
  { kind: 'EnvoyFilter', group: NETWORKING, version: 'v1alpha3', plural: 'envoyfilters', badge: 'EF' },
  { kind: 'ProxyConfig', group: NETWORKING, version: 'v1beta1', plural: 'proxyconfigs', badge: 'PC' },
  { kind: 'PeerAuthentication', group: SECURITY, version: 'v1', plural: 'peerauthentications', badge: 'PA' },
  { kind: 'RequestAuthentication', group: SECURITY, version: 'v1', plural: 'requestauthentications', badge: 'RA' },
  { kind: 'AuthorizationPolicy', group: SECURITY, version: 'v1', plural: 'authorizationpolicies', badge: 'AP' },
  { kind: 'Telemetry', group: 'telemetry.istio.io', version: 'v1', plural: 'telemetries', badge: 'T' },
  { kind: 'WasmPlugin', group: 'extensions.istio.io', version: 'v1alpha1', plural: 'wasmplugins', badge: 'WP' },
  { kind: 'Gateway', group: GATEWAY_API, version: 'v1', plural: 'gateways', badge: 'KG' },
  { kind: 'HTTPRoute', group: GATEWAY_API, version: 'v1', plural: 'httproutes', badge: 'HR' },
  { kind: 'GRPCRoute', group: GATEWAY_API, version: 'v1', plural: 'grpcroutes', badge: 'GR' },
];

export const collectionPath = (kind: IstioKind): string => `/apis/${kind.group}/${kind.version}/${kind.plural}`;
export const objectPath = (kind: IstioKind, namespace: string, name: string): string => `/apis/${kind.group}/${kind.version}/namespaces/${encodeURIComponent(namespace)}/${kind.plural}/${encodeURIComponent(name)}`;
export const kindOf = (group: string, plural: string): IstioKind | undefined => ISTIO_KINDS.find((kind) => kind.group === group && kind.plural === plural);
