import type { BalancerPolicy } from './balancers.ts';
import type { BreakerLimits } from './breakers.ts';
import type { OutlierSettings } from './outlier.ts';
import type { HostConfig } from './host.ts';
import type { ConnectionLifetime } from './pool-settings.ts';
import type { ProxyProtocolVersion } from './proxy-protocol.ts';
import type { TcpKeepalive } from './transport.ts';
import type { Destination } from '../outcome.ts';
import type { JsonObject } from '@bufbuild/protobuf';
import type { TlsSettings } from '../net/tls-settings.ts';

export type Discovery =
  | { readonly kind: 'static' }
  | { readonly kind: 'eds'; readonly service: string }
  | { readonly kind: 'dns'; readonly strict: boolean; readonly refreshMs: number; readonly family: 0 | 4 | 6 }
  /** By the name that a request asks for, looked up when it does. */
  | { readonly kind: 'named'; readonly family: 0 | 4 | 6 }
  | { readonly kind: 'original-dst'; readonly useHeader: boolean; readonly headerName: string; readonly portOverride: number };

export interface TransportSettings {
  /** Undefined: in the clear. */
  readonly tls?: TlsSettings & { readonly sni: string };
  /** The server is told who is behind us, by this version of the PROXY protocol. */
  readonly announce?: ProxyProtocolVersion;
}

export interface ClusterSettings {
  readonly name: string;
  readonly discovery: Discovery;
  /** Endpoints of static and DNS clusters. */
  readonly endpoints: readonly HostConfig[];
  readonly policy: BalancerPolicy;
  /** Percent. */
  readonly panicThreshold: number;
  readonly localityWeighted: boolean;
  /** Percent, of the cluster's own endpoints; default 140. */
  readonly overprovisioning?: number;
  readonly connectTimeoutMs: number;
  readonly keepalive?: TcpKeepalive;
  readonly limits: BreakerLimits;
  readonly outlier?: OutlierSettings;
  /** `downstream`: what the client spoke. */
  readonly protocol: 'http1' | 'http2' | 'alpn' | 'downstream';
  readonly lifetime: ConnectionLifetime;
  /** The server is asked for by the host of the request, and may have to prove that it is that. Envoy: auto_sni, auto_san_validation. */
  readonly serverName?: { readonly verify: boolean };
  readonly bindFrom?: string;
  readonly transport: TransportSettings;
  /** First whose keys are all in the endpoint's `envoy.transport_socket_match` metadata. */
  readonly transportMatches: readonly { readonly name: string; readonly match: JsonObject; readonly transport: TransportSettings }[];
  readonly destination: Destination;
}
