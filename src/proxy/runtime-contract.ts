/** The face of the data path towards the rest of the sidecar: configuration in, state out. */
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import type { Incoming, Presence } from './ending.ts';
import type { OutcomeSink } from './outcome.ts';
import type { PeerMetadataCodec } from './peer-metadata.ts';
import type { SecretSource } from './secret-source.ts';
import type { SharedState } from './threads/shared-state.ts';
import type { Tracer } from './tracing.ts';

export interface ResourceUpdate {
  readonly typeUrl: string;
  readonly upserted: readonly { readonly name: string; readonly version: string; /** Encoded message, as in `Any.value`. */ readonly value: Uint8Array }[];
  readonly removed: readonly string[];
}

export interface Rejected {
  readonly name: string;
  readonly message: string;
}

export interface SocketAddress {
  readonly address: string;
  readonly port: number;
}

/** How listeners meet the machine; tests and the gateway on a developer's machine change it. */
export interface BindOptions {
  /** Where a listener is really bound; default: the address in the resource. */
  locate?(listener: string, wanted: SocketAddress): SocketAddress;
  /** False: another thread listens at sockets that are files, of which there can be only one. */
  readonly ownsPaths?: boolean;
  /** Original destination of a redirected connection by its file descriptor; default: getsockopt(SO_ORIGINAL_DST). */
  originalDestination?(fd: number): SocketAddress | undefined;
}

/** Who this proxy is, from the bootstrap. */
export interface ProxyNode {
  /** `sidecar~IP~pod.ns~ns.svc.cluster.local` */
  readonly id: string;
  readonly cluster: string;
  /** `region/zone/subzone`, for locality load balancing. */
  readonly locality?: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** What it says of itself. */
  readonly metadata?: Readonly<Record<string, unknown>>;
}

export interface RuntimeDeps {
  readonly outcomes: OutcomeSink;
  readonly secrets: SecretSource;
  readonly peer: PeerMetadataCodec;
  /** Without it requests are not traced. */
  readonly tracer?: Tracer;
  readonly clock: Clock;
  readonly log: Log;
  readonly bind: BindOptions;
  readonly node: ProxyNode;
  /** 0 ≤ random() < 1; default Math.random. */
  readonly random?: () => number;
  /** Clients connected at once, over all listeners; default: any number. */
  readonly maxConnections?: number;
  /** TLS handshakes with clients in progress at once, over all listeners; default 2000. */
  readonly maxHandshakes?: number;
  /** What this thread has in common with others that serve the same listeners; absent: it is the only one. */
  readonly shared?: SharedState;
  /** Of this process, for plugins that are given variables of it; default: none. */
  readonly env?: Readonly<Record<string, string | undefined>>;
}

export interface ResourceState {
  readonly name: string;
  readonly version: string;
  readonly value: Uint8Array;
  /** Wall time of the last accepted update, ms since the epoch. */
  readonly updatedMs: number;
  /** Newest refused version and why, while the accepted one stays in force. */
  readonly refused?: { readonly version: string; readonly message: string };
  /** False while the resource waits for others (EDS of a cluster, RDS of a listener). */
  readonly warm: boolean;
}

export interface HostState {
  readonly address: SocketAddress;
  readonly weight: number;
  readonly priority: number;
  readonly locality: { readonly region: string; readonly zone: string; readonly subZone: string };
  /** As EDS said. */
  readonly edsHealth: 'HEALTHY' | 'UNHEALTHY' | 'DEGRADED' | 'DRAINING';
  readonly ejected: boolean;
  readonly ejections: number;
  /** While it is ejected: why, and for how long still (it comes back at the interval after that). */
  readonly ejection?: { readonly cause: string; readonly leftMs: number };
  readonly activeRequests: number;
  readonly activeConnections: number;
  readonly counters: { readonly total: number; readonly success: number; readonly error: number; readonly connectFail: number; readonly connections: number };
}

export interface ClusterState {
  readonly name: string;
  readonly warm: boolean;
  readonly hosts: readonly HostState[];
  readonly limits: { readonly maxConnections: number; readonly maxPending: number; readonly maxRequests: number; readonly maxRetries: number };
  readonly open: { readonly connections: number; readonly pending: number; readonly requests: number; readonly retries: number };
  /** How often a limit was met. */
  readonly overflows: { readonly connections: number; readonly pending: number; readonly retries: number };
  readonly ejections: { readonly enforced: number; readonly overflow: number; readonly byCause: ReadonlyMap<string, number> };
}

export interface ListenerState {
  readonly name: string;
  /** Where it is bound; undefined for listeners that only receive redirected connections. */
  readonly bound?: SocketAddress;
  readonly activeConnections: number;
  /** Connections accepted since the start. */
  readonly accepted: number;
  /** Connections that were closed at once, since too many were there. */
  readonly refused: number;
  /** Of each thread, when there are several. */
  readonly threads?: readonly { readonly activeConnections: number; readonly accepted: number }[];
}

/** What of the state is worth its cost: values of resources and clusters that nobody has called are many in a big mesh. */
export interface StateWanted {
  readonly clusters: 'all' | 'called' | 'none';
  readonly resources: boolean;
}

export interface ProxyState {
  /** By type URL: listeners, clusters, routes, endpoints, secrets (values of secrets are left out). */
  readonly resources: ReadonlyMap<string, readonly ResourceState[]>;
  /** All of them; those that nobody has called are worked out when this is read. */
  readonly clusters: readonly ClusterState[];
  readonly calledClusters: readonly ClusterState[];
  readonly clusterCounts: { readonly total: number; readonly warming: number };
  readonly listeners: readonly ListenerState[];
  readonly activeRequests: number;
}

export interface ProxyRuntime {
  /** Applies one delta response; good resources take effect, bad ones are returned (one NACK) and their last good version stays. */
  apply(update: ResourceUpdate): Rejected[];
  /** Of the listeners of updates since the last call: those whose ports cannot be bound, which are refused now. Undefined when no port was to be bound. */
  bound(): Promise<Rejected[]> | undefined;
  /** Names needed now for EDS, RDS and SDS by type URL; called at once with the present state and on each change. */
  onInterest(listener: (typeUrl: string, names: ReadonlySet<string>) => void): void;
  /** A listener that was refused for its port can be bound now, and should be asked for again. */
  onPortFree(listener: (name: string) => void): void;
  /** Listeners are bound and no cluster or listener is still warming. False until the first LDS and CDS arrived. */
  ready(): boolean;
  /** Tells clients to go away (`connection: close`, GOAWAY). Everything is still accepted and answered. */
  announceEnd(): void;
  /** Resolves when nothing has been asked of the workload for a while, or after `limitMs`. */
  silence(limitMs: number): Promise<void>;
  /** Announces the end and resolves when nobody is left. @param acceptMs so long new clients are waited for; default 0 */
  drain(acceptMs?: number): Promise<void>;
  /** Ends everything now. */
  close(): Promise<void>;
  look(wanted: StateWanted): ProxyState | Promise<ProxyState>;
}

/** The data path of one thread, whose state is there at once. */
export interface DataPath extends ProxyRuntime {
  snapshot(): ProxyState;
  incoming(): Incoming;
  presence(): Presence;
  /** Ends connections that have carried no request for so long. */
  closeIdle(idleMs: number): void;
  /** Stops accepting; resolves when every connection has ended. */
  stop(): Promise<void>;
  /** Another thread has ejected hosts of a cluster, or let them in again. */
  takeEjections(cluster: string): void;
}
