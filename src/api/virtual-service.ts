/** VirtualService: how requests to a host are routed. Istio: networking.istio.io/v1 VirtualService. */
import { Destination, Headers, Percent, StringMatch } from './common/destination.ts';
import { AGE, resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { duration } from './schema/rules.ts';
import { boolean, int32, list, map, nullable, object, oneOfWords, required, string, uint32, type Infer } from './schema/schema.ts';

export const HttpMatch = object(
  {
    name: string(),
    uri: StringMatch,
    scheme: StringMatch,
    method: StringMatch,
    authority: StringMatch,
    headers: map(StringMatch),
    withoutHeaders: map(StringMatch),
    queryParams: map(StringMatch),
    ignoreUriCase: boolean(),
    port: uint32(),
    sourceLabels: map(string()),
    sourceNamespace: string(),
    gateways: list(string()),
    statPrefix: string(),
  },
  {
    docs: {
      uri: 'The path without its query.',
      headers: 'Keys in lower case. An empty match means that the header is present. At gateways also @request.auth.claims.NAME.',
      withoutHeaders: 'The rule does not apply when one of these matches.',
      sourceLabels: 'Applies only to sidecars of callers with these labels.',
      gateways: "Overrides the object's own gateways.",
    },
  },
);
export type HttpMatch = Infer<typeof HttpMatch>;

export const HttpRouteDestination = object({ destination: required(Destination), weight: int32(), headers: Headers }, { docs: { weight: 'Share among the destinations of this rule; the sum need not be 100.' } });
export type HttpRouteDestination = Infer<typeof HttpRouteDestination>;

export const HttpRetry = object(
  {
    attempts: int32(),
    perTryTimeout: duration(),
    retryOn: string(),
    retryRemoteLocalities: nullable(boolean()),
    retryIgnorePreviousHosts: nullable(boolean()),
    backoff: duration(),
  },
  { docs: { attempts: 'Retries after the first try; 0 turns retrying off.', retryOn: 'Comma-separated conditions and status codes, such as 5xx,reset,503.', perTryTimeout: "Default: the rule's timeout." } },
);
export type HttpRetry = Infer<typeof HttpRetry>;

export const HttpFault = object(
  {
    delay: object({ percentage: Percent, percent: int32(), fixedDelay: duration(), exponentialDelay: duration() }, { oneOf: [['fixedDelay', 'exponentialDelay']] }),
    abort: object({ percentage: Percent, httpStatus: int32(), grpcStatus: string(), http2Error: string() }, { oneOf: [['httpStatus', 'grpcStatus', 'http2Error']] }),
  },
  { docs: { delay: 'Makes callers wait.', abort: 'Answers in place of the service.' } },
);
export type HttpFault = Infer<typeof HttpFault>;

export const HttpRedirect = object(
  {
    uri: string(),
    prefixRewrite: string(),
    authority: string(),
    port: uint32(),
    derivePort: oneOfWords('FROM_PROTOCOL_DEFAULT', 'FROM_REQUEST_PORT'),
    scheme: string(),
    redirectCode: uint32(),
  },
  { oneOf: [['port', 'derivePort']], docs: { redirectCode: 'Default 301.' } },
);
export type HttpRedirect = Infer<typeof HttpRedirect>;

export const CorsPolicy = object({
  allowOrigin: list(string()),
  allowOrigins: list(StringMatch),
  allowMethods: list(string()),
  allowHeaders: list(string()),
  exposeHeaders: list(string()),
  maxAge: duration(),
  allowCredentials: nullable(boolean()),
  unmatchedPreflights: oneOfWords('UNSPECIFIED', 'FORWARD', 'IGNORE'),
});
export type CorsPolicy = Infer<typeof CorsPolicy>;

export const HttpRewrite = object(
  { uri: string(), authority: string(), uriRegexRewrite: object({ match: string(), rewrite: string() }) },
  { docs: { uri: 'After a prefix match replaces the prefix, otherwise the whole path.' } },
);
export type HttpRewrite = Infer<typeof HttpRewrite>;

export const HttpRoute = object(
  {
    name: string(),
    match: list(HttpMatch),
    route: list(HttpRouteDestination),
    redirect: HttpRedirect,
    directResponse: object({ status: required(uint32()), body: object({ string: string(), bytes: string({ format: 'byte' }) }, { oneOf: [['string', 'bytes']] }) }),
    delegate: object({ name: string(), namespace: string() }),
    rewrite: HttpRewrite,
    timeout: duration(),
    retries: HttpRetry,
    fault: HttpFault,
    mirror: Destination,
    mirrors: list(object({ destination: required(Destination), percentage: Percent })),
    mirrorPercent: nullable(uint32()),
    mirror_percent: nullable(uint32()),
    mirrorPercentage: Percent,
    corsPolicy: CorsPolicy,
    headers: Headers,
  },
  {
    docs: {
      match: 'The rule applies when any of these matches; none given: always.',
      route: 'Where matching requests go, by weight.',
      timeout: 'For the whole request, retries included; default: none.',
      mirror: 'Gets a copy of each request; its answers are thrown away.',
      mirrorPercent: 'Deprecated: use mirrorPercentage.',
      mirror_percent: 'Deprecated: use mirrorPercentage.',
    },
  },
);
export type HttpRoute = Infer<typeof HttpRoute>;

export const L4RouteDestination = object({ destination: required(Destination), weight: int32() });
export type L4RouteDestination = Infer<typeof L4RouteDestination>;

export const TlsMatch = object({
  sniHosts: required(list(string())),
  destinationSubnets: list(string()),
  port: uint32(),
  sourceLabels: map(string()),
  sourceNamespace: string(),
  gateways: list(string()),
});
export type TlsMatch = Infer<typeof TlsMatch>;

export const TlsRoute = object({ match: required(list(TlsMatch)), route: list(L4RouteDestination) });
export type TlsRoute = Infer<typeof TlsRoute>;

export const TcpMatch = object({
  destinationSubnets: list(string()),
  port: uint32(),
  sourceLabels: map(string()),
  sourceNamespace: string(),
  sourceSubnet: string(),
  gateways: list(string()),
});
export type TcpMatch = Infer<typeof TcpMatch>;

export const TcpRoute = object({ match: list(TcpMatch), route: list(L4RouteDestination) });
export type TcpRoute = Infer<typeof TcpRoute>;

export const VirtualServiceSpec = object(
  { hosts: list(string()), gateways: list(string()), http: list(HttpRoute), tls: list(TlsRoute), tcp: list(TcpRoute), exportTo: list(string()) },
  {
    docs: {
      hosts: 'The hosts that callers ask for. A short name means the namespace of this object.',
      gateways: 'Gateways that use these routes; the word mesh stands for all sidecars. Default: mesh.',
      http: 'Rules for HTTP traffic; the first that matches wins.',
      tls: 'Rules for TLS that is not terminated, by SNI.',
      tcp: 'Rules for other TCP traffic.',
      exportTo: 'Namespaces that see this object: *, . (its own), ~ (none) or names. Default: all.',
    },
  },
);
export type VirtualServiceSpec = Infer<typeof VirtualServiceSpec>;
export type VirtualService = MeshObject<VirtualServiceSpec>;

export const VirtualServiceKind: Kind<VirtualServiceSpec> = {
  group: 'networking.istio.io',
  kind: 'VirtualService',
  plural: 'virtualservices',
  shortNames: ['vs'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  columns: [
    { name: 'Gateways', jsonPath: '.spec.gateways', description: 'Gateways and sidecars that use these routes.' },
    { name: 'Hosts', jsonPath: '.spec.hosts', description: 'Hosts that these routes are for.' },
    AGE,
  ],
  spec: VirtualServiceSpec,
  description: 'How requests to a host are routed.',
};
export const VirtualServices = resourceOf<VirtualService>(VirtualServiceKind);
