/** Sidecar: what the proxies of some workloads see of the mesh, and how they listen. Istio: networking.istio.io/v1. */
import { ConnectionPool } from './common/connection-pool.ts';
import { Destination } from './common/destination.ts';
import { WorkloadSelector } from './common/selectors.ts';
import { ServerTls } from './common/server-tls.ts';
import { resourceOf, type Kind, type MeshObject } from './schema/kind.ts';
import { list, object, oneOfWords, required, string, uint32, type Infer } from './schema/schema.ts';

export const SidecarPort = object({ number: uint32(), protocol: string(), name: string(), targetPort: uint32() });
export type SidecarPort = Infer<typeof SidecarPort>;

const captureMode = () => oneOfWords('DEFAULT', 'IPTABLES', 'NONE');

export const SidecarIngress = object(
  { port: required(SidecarPort), bind: string(), captureMode: captureMode(), defaultEndpoint: string(), tls: ServerTls, connectionPool: ConnectionPool },
  { docs: { defaultEndpoint: '127.0.0.1:PORT, 0.0.0.0:PORT (the pod address) or unix:///path.' } },
);
export type SidecarIngress = Infer<typeof SidecarIngress>;

export const SidecarEgress = object(
  { port: SidecarPort, bind: string(), captureMode: captureMode(), hosts: required(list(string())) },
  { docs: { hosts: 'namespace/host: ./* is the own namespace, */* everything, ~/* nothing.' } },
);
export type SidecarEgress = Infer<typeof SidecarEgress>;

export const SidecarSpec = object(
  {
    workloadSelector: WorkloadSelector,
    ingress: list(SidecarIngress),
    egress: list(SidecarEgress),
    inboundConnectionPool: ConnectionPool,
    outboundTrafficPolicy: object({ mode: oneOfWords('REGISTRY_ONLY', 'ALLOW_ANY'), egressProxy: Destination }),
  },
  { docs: { workloadSelector: 'Left out: all workloads of the namespace, or of the mesh when the object is in the root namespace.', outboundTrafficPolicy: 'What happens to traffic for hosts that the mesh does not know.' } },
);
export type SidecarSpec = Infer<typeof SidecarSpec>;
export type Sidecar = MeshObject<SidecarSpec>;

export const SidecarKind: Kind<SidecarSpec> = {
  group: 'networking.istio.io',
  kind: 'Sidecar',
  plural: 'sidecars',
  versions: ['v1', 'v1beta1', 'v1alpha3'],
  spec: SidecarSpec,
  description: 'What the proxies of some workloads see of the mesh, and how they listen.',
};
export const Sidecars = resourceOf<Sidecar>(SidecarKind);
