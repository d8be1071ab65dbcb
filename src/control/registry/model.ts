/** What the mesh knows of services and workloads, whichever objects it was read from. All of it is immutable: an unchanged
 * thing keeps its identity from one snapshot to the next, which is how later steps see what has to be made again. */
import type { MeshConfig } from '../../api/mesh-config.ts';
import { originOf, type Origin } from './origin.ts';

/** Istio: protocol.Instance. `Unsupported` means undeclared: the proxies find out. */
export type Protocol = 'HTTP' | 'HTTP2' | 'GRPC' | 'GRPC-Web' | 'HTTPS' | 'TLS' | 'TCP' | 'Mongo' | 'Redis' | 'MySQL' | 'UDP' | 'Unsupported';

export interface ServicePort {
  readonly name: string;
  readonly port: number;
  readonly protocol: Protocol;
  /** Number or name of the pod's port. Set of Kubernetes services; of ServiceEntries a number. */
  readonly targetPort: number | string;
  /** How many of its endpoints take mutual TLS. Without any endpoint: `all`, since there is nobody to be called otherwise. */
  readonly mutualTls: Share;
}

export type Share = 'all' | 'some' | 'none';

/** How clients find endpoints. `passthrough`: the address that the caller dialled. `dynamic-dns`: the name that it asks for. */
export type Resolution = 'endpoints' | 'passthrough' | 'dns' | 'dns-round-robin' | 'dynamic-dns' | 'alias';

export interface MeshService {
  /** `namespace/host`: unique. */
  readonly key: string;
  readonly host: string;
  /** Of the object that it was read from. */
  readonly name: string;
  readonly namespace: string;
  readonly origin: 'Kubernetes' | 'External';
  /** Names of the ServiceEntries of its namespace that it is made of, or that add endpoints to it. */
  readonly entries: readonly string[];
  readonly ports: readonly ServicePort[];
  /** Virtual addresses or ranges; empty of headless services. */
  readonly addresses: readonly string[];
  /** By which the cluster knows it besides: external IPs and those of a load balancer. */
  readonly externalAddresses: readonly string[];
  /** Given by the control plane to an entry that names none: used by proxies that answer their workload's DNS queries. */
  readonly allocatedAddresses: readonly string[];
  readonly resolution: Resolution;
  readonly isMeshExternal: boolean;
  readonly exportTo: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly selector?: Readonly<Record<string, string>>;
  /** Of `alias`: the name that stands behind this one. */
  readonly aliasOf?: string;
  readonly subjectAltNames: readonly string[];
  /** Pods are endpoints also when they are not ready or about to end. Kubernetes: `publishNotReadyAddresses`. */
  readonly publishesNotReady: boolean;
  /** Endpoints of the caller's own zone and region come first, whether or not anybody watches for failures.
   * Kubernetes: `trafficDistribution`. */
  readonly prefersNear: boolean;
  /** Milliseconds since the epoch: the oldest of two objects wins a conflict. */
  readonly createdMs: number;
}

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subzone: string;
}

export interface Endpoint {
  /** IP address, host name (of `dns`), or `unix:///path`. */
  readonly address: string;
  readonly port: number;
  readonly labels: Readonly<Record<string, string>>;
  readonly namespace: string;
  readonly serviceAccount: string;
  readonly workloadName: string;
  /** Of a pod that has a DNS name of its own under its service's: `web-0`. */
  readonly hostname: string;
  readonly locality: Locality;
  /** Relative; 0 stands for 1. */
  readonly weight: number;
  /** True when a sidecar terminates mutual TLS there. */
  readonly speaksMutualTls: boolean;
}

/** All endpoints that take traffic, by port of the service. */
export interface ServiceEndpoints {
  readonly serviceKey: string;
  readonly byPort: ReadonlyMap<number, readonly Endpoint[]>;
  /** Identities behind the service, sorted: `namespace/account`. */
  readonly accounts: readonly string[];
  /** Mesh objects that endpoints come from: WorkloadEntries. */
  readonly origins: readonly Origin[];
}

export interface Workload {
  readonly name: string;
  readonly namespace: string;
  readonly address: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly serviceAccount: string;
  /** Of the owner: the Deployment's name for a Deployment's pod. */
  readonly workloadName: string;
  readonly locality: Locality;
  readonly speaksMutualTls: boolean;
  /** Port names of the containers: how a Service's named targetPort is found. */
  readonly namedPorts: ReadonlyMap<string, number>;
  /** False when it must not get traffic: not ready, terminating or ended. */
  readonly isReady: boolean;
}

export interface MeshSettings {
  readonly config: MeshConfig;
  /** `cluster.local` */
  readonly clusterDomain: string;
  /** `Kubernetes` */
  readonly clusterId: string;
}

/** The mesh objects behind a service; a Kubernetes Service is none. */
export const serviceOrigins = ({ namespace, entries }: Pick<MeshService, 'namespace' | 'entries'>): Origin[] => entries.map((name) => originOf('ServiceEntry', { namespace, name }));

export const isHttp = (protocol: Protocol): boolean => protocol === 'HTTP' || protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'GRPC-Web';
export const isHttp2 = (protocol: Protocol): boolean => protocol === 'HTTP2' || protocol === 'GRPC' || protocol === 'GRPC-Web';
export const isTls = (protocol: Protocol): boolean => protocol === 'HTTPS' || protocol === 'TLS';
/** A Kubernetes service without an address of its own: clients call its pods. */
export const isHeadless = (service: MeshService): boolean => service.origin === 'Kubernetes' && service.resolution === 'passthrough';
export const isDetected = (protocol: Protocol): boolean => protocol === 'Unsupported';

/** Of a service's key, `namespace/host`. */
export const hostOfKey = (key: string): string => key.slice(key.indexOf('/') + 1);
