/** Gateway: ports, hosts and certificates of a proxy at the edge. Istio: networking.istio.io/v1 Gateway. */
import { ServerTls } from './common/server-tls.ts';
import { resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { list, map, object, required, string, uint32, type Infer } from './schema/schema.ts';

export const GatewayPort = object(
  { number: required(uint32()), protocol: required(string()), name: required(string()), targetPort: uint32() },
  { docs: { protocol: 'HTTP, HTTPS, GRPC, GRPC-WEB, HTTP2, MONGO, TCP or TLS.' } },
);
export type GatewayPort = Infer<typeof GatewayPort>;

export const GatewayServer = object(
  { port: required(GatewayPort), bind: string(), hosts: required(list(string())), tls: ServerTls, defaultEndpoint: string(), name: string() },
  { docs: { hosts: 'DNS names, * alone or in front, each after an optional namespace/.', name: 'Unique in the object.' } },
);
export type GatewayServer = Infer<typeof GatewayServer>;

export const GatewaySpec = object(
  { servers: list(GatewayServer), selector: map(string()) },
  { docs: { selector: 'Labels of the gateway pods, in all namespaces. Default install: istio: ingressgateway.' } },
);
export type GatewaySpec = Infer<typeof GatewaySpec>;
export type Gateway = MeshObject<GatewaySpec>;

export const GatewayKind: Kind<GatewaySpec> = {
  group: 'networking.istio.io',
  kind: 'Gateway',
  plural: 'gateways',
  shortNames: ['gw'],
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  spec: GatewaySpec,
  description: 'Ports, hosts and certificates of a proxy at the edge of the mesh.',
};
export const Gateways = resourceOf<Gateway>(GatewayKind);
