import type { JsonObject } from '@bufbuild/protobuf';
import { formatAddress } from '../net/format-address.ts';
import type { PeerMetadata } from '../outcome.ts';
import { workloadMetadata } from '../peer-metadata.ts';
import type { HostState, SocketAddress } from '../runtime-contract.ts';
import type { HostPool } from './host-pool.ts';
import { forget, type OutlierMemory, OwnMemory } from './outlier-memory.ts';
import type { UpstreamTransport } from './transport.ts';

export interface Locality {
  readonly region: string;
  readonly zone: string;
  readonly subZone: string;
}

export const NO_LOCALITY: Locality = { region: '', zone: '', subZone: '' };

/** One endpoint as configuration describes it. */
export interface HostConfig {
  readonly address: SocketAddress;
  /** Name for host rewriting and SNI; empty: none. */
  readonly hostname: string;
  readonly weight: number;
  readonly priority: number;
  readonly locality: Locality;
  readonly localityWeight: number;
  readonly health: HostState['edsHealth'];
  readonly metadata: Readonly<Record<string, JsonObject>>;
}

/** One endpoint with what happened to it. It outlives updates that keep its address. */
export class Host {
  /** `ip:port` */
  readonly key: string;
  config: HostConfig;
  transport: UpstreamTransport;
  activeRequests = 0;
  activeConnections = 0;
  /** Monotonic ms since when it may get traffic: where slow start begins. */
  healthySinceMs: number | undefined;
  readonly counters = { total: 0, success: 0, error: 0, connectFail: 0, connections: 0 };
  outlier: OutlierMemory;
  /** Pools by protocol, made when first used. */
  readonly pools = new Map<string, HostPool>();
  /** Monotonic ms until which others are preferred, because somebody found nobody there. */
  unreachableUntil = 0;
  /** Set when the endpoint left the cluster. */
  removed = false;
  #peer: PeerMetadata | undefined;

  constructor(config: HostConfig, transport: UpstreamTransport, outlier: OutlierMemory = new OwnMemory()) {
    this.key = formatAddress(config.address);
    this.config = config;
    this.transport = transport;
    this.outlier = outlier;
  }

  get ejected(): boolean {
    return this.outlier.ejected;
  }

  /** Speaks the mesh's mutual TLS. Istio: endpoint metadata `tlsMode: istio`. */
  get inMesh(): boolean {
    return this.config.metadata['envoy.transport_socket_match']?.['tlsMode'] === 'istio';
  }

  /** What the control plane says of the workload; a peer's own headers tell the same with more detail. */
  get peerMetadata(): PeerMetadata | undefined {
    return (this.#peer ??= workloadMetadata(this.config.metadata['istio']?.['workload']));
  }

  /** What other rules have held against it counts no more. */
  pardon(): void {
    forget(this.outlier);
  }

  /** What is known of it is kept there from now on. */
  keepIn(memory: OutlierMemory): void {
    this.outlier.close();
    this.outlier = memory;
  }

  /** It has left its cluster: what its last requests say of it is nobody's concern. */
  leave(): void {
    this.keepIn(new OwnMemory());
  }

  /** May receive traffic when the cluster is not in panic. */
  get healthy(): boolean {
    return !this.ejected && this.config.health === 'HEALTHY';
  }

  /** @param now monotonic ms */
  state(now: number): HostState {
    const { address, weight, priority, locality, health } = this.config;
    return {
      address, weight, priority, locality, edsHealth: health, ejected: this.ejected, ejections: this.outlier.ejections,
      ...(this.ejected && this.outlier.cause ? { ejection: { cause: this.outlier.cause, leftMs: Math.max(0, this.outlier.ejectedAtMs + this.outlier.lengthMs - now) } } : {}),
      activeRequests: this.activeRequests, activeConnections: this.activeConnections, counters: { ...this.counters },
    };
  }
}
