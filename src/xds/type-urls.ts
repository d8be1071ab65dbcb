/** The resource types that ADS carries, and the order in which a change is sent. */
const PREFIX = 'type.googleapis.com/';

export const TypeUrl = {
  Cluster: `${PREFIX}envoy.config.cluster.v3.Cluster`,
  Endpoints: `${PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  Listener: `${PREFIX}envoy.config.listener.v3.Listener`,
  Route: `${PREFIX}envoy.config.route.v3.RouteConfiguration`,
  VirtualHost: `${PREFIX}envoy.config.route.v3.VirtualHost`,
  Secret: `${PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
  ExtensionConfig: `${PREFIX}envoy.config.core.v3.TypedExtensionConfig`,
  /** Values that a running Envoy looks up by name. */
  Runtime: `${PREFIX}envoy.service.runtime.v3.Runtime`,
  /** Istio's own: names for the DNS proxy of a sidecar. */
  NameTable: `${PREFIX}istio.networking.nds.v1.NameTable`,
  /** Istio's own, and of no resource: a request of this type tells how the application of a machine is; an error in it, that it is ill. */
  Health: `${PREFIX}istio.v1.HealthInformation`,
} as const;
export type TypeUrl = (typeof TypeUrl)[keyof typeof TypeUrl];

/** By this name a client announces that it takes the virtual hosts of shared routes one by one, all of them unasked, under
 * `ROUTES/NAME`: a change of one service is then a change of one resource, and not of the routes of all services. */
export const TAKES_VIRTUAL_HOSTS = 'lateen.virtual_hosts';

/** Spec: xDS "Eventual consistency considerations": clusters and endpoints before what refers to them. */
export const PUSH_ORDER: readonly string[] = [TypeUrl.Cluster, TypeUrl.Endpoints, TypeUrl.Listener, TypeUrl.Route, TypeUrl.VirtualHost, TypeUrl.Secret, TypeUrl.ExtensionConfig, TypeUrl.Runtime, TypeUrl.NameTable];

/** Types of which an empty subscription means "everything there is for me". Others are asked for by name. */
export const isWildcardType = (typeUrl: string): boolean => typeUrl === TypeUrl.Cluster || typeUrl === TypeUrl.Listener || typeUrl === TypeUrl.NameTable || typeUrl === TypeUrl.VirtualHost;

/** Types that are named by a cluster or a listener, and go with it: as long as a client asks for one that is no longer there,
 * it keeps what it has. Taking the endpoints away first would fail the requests that still use them. */
export const staysUntilGivenUp = (typeUrl: string): boolean => typeUrl === TypeUrl.Endpoints || typeUrl === TypeUrl.Route;

const SHORT: Readonly<Record<string, string>> = {
  [TypeUrl.Cluster]: 'CDS',
  [TypeUrl.Endpoints]: 'EDS',
  [TypeUrl.Listener]: 'LDS',
  [TypeUrl.Route]: 'RDS',
  [TypeUrl.VirtualHost]: 'VHDS',
  [TypeUrl.Secret]: 'SDS',
  [TypeUrl.ExtensionConfig]: 'ECDS',
  [TypeUrl.Runtime]: 'RTDS',
  [TypeUrl.NameTable]: 'NDS',
};

/** `CDS`, `EDS`, …; the last part of the message name for other types. */
export const shortType = (typeUrl: string): string => SHORT[typeUrl] ?? typeUrl.slice(typeUrl.lastIndexOf('.') + 1);

/** The type of which these bytes are the URL, if it is one of ours. */
export function knownType(bytes: Uint8Array): string | undefined {
  for (const [known, encoded] of ENCODED) if (encoded.equals(bytes)) return known;
  return undefined;
}

const ENCODED = PUSH_ORDER.map((typeUrl) => [typeUrl, Buffer.from(typeUrl)] as const);
