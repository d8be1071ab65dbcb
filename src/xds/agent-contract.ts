/** What the control plane and the agent beside a stock Envoy agree on. Stock Envoy has neither `istio.stats` nor the peer
 * metadata filter of Istio's build: the agent asks, in its node metadata, to be told of every request and connection by a line
 * of JSON, and counts them; who is at the other end travels in Istio's headers, which ordinary Envoy filters set and read. */

/** Node metadata: path of the file that Envoy writes the lines to, in practice a pipe whose reader is the agent. */
export const OUTCOMES_METADATA = 'LATEEN_OUTCOMES';

/** Node metadata: name of the layer of Envoy's runtime that the control plane fills, and of the resource with its values. An Envoy that says so
 * also fetches by name what policies say and the routes of its own ports, so that its listeners need not change with them. */
export const RUNTIME_METADATA = 'LATEEN_RUNTIME';
export const RUNTIME_LAYER = 'lateen';

/** Envoy's environment: what this proxy tells its peers of itself, so that listeners and clusters need not differ by pod. */
export const PeerEnv = { id: 'LATEEN_PEER_ID', value: 'LATEEN_PEER_METADATA' } as const;

/** Istio: the headers by which sidecars tell each other who they are. */
export const PeerHeader = { id: 'x-envoy-peer-metadata-id', value: 'x-envoy-peer-metadata' } as const;

/** Dynamic metadata in which Envoy keeps what the peer sent until the line is written. */
export const PEER_NAMESPACE = 'lateen.peer';

/** One line, of a request that has ended or of a connection. What does not apply is left out. */
export interface OutcomeLine {
  readonly reporter: 'source' | 'destination';
  /** Envoy's AccessLogType: `DownstreamEnd`; `TcpPeriodic`, `TcpConnectionEnd`. */
  readonly type: string;
  /** Tells the lines of one TCP connection from those of others. */
  readonly connection?: number;
  /** `UF,URX`; `-` when nothing went wrong. */
  readonly flags: string;
  /** Whole ms. */
  readonly duration: number;
  /** Bytes, of a connection since its beginning. */
  readonly received: number;
  readonly sent: number;
  /** 0 for TCP, and when the client went away first. */
  readonly code: number;
  readonly grpc?: number;
  readonly authority?: string;
  readonly contentType?: string;
  readonly cluster?: string;
  /** The cluster's `istio` metadata: the services behind it. */
  readonly services?: readonly { readonly host?: string; readonly name?: string; readonly namespace?: string }[];
  /** `ip:port` of the endpoint. */
  readonly host?: string;
  /** The endpoint's `istio` metadata. */
  readonly workload?: string;
  /** Value of the peer's metadata header. */
  readonly peer?: string;
  /** SPIFFE URIs: of the client and ours on its connection, of the server and ours on that. */
  readonly downstreamPeer?: string;
  readonly downstreamOwn?: string;
  readonly upstreamPeer?: string;
  readonly upstreamOwn?: string;
}

/** Envoy's command operators for the fields of a line. */
export const OUTCOME_FORMAT: Readonly<Record<Exclude<keyof OutcomeLine, 'reporter'>, string>> = {
  type: '%ACCESS_LOG_TYPE%',
  connection: '%CONNECTION_ID%',
  flags: '%RESPONSE_FLAGS%',
  duration: '%DURATION%',
  received: '%BYTES_RECEIVED%',
  sent: '%BYTES_SENT%',
  code: '%RESPONSE_CODE%',
  grpc: '%GRPC_STATUS_NUMBER%',
  authority: '%REQ(:AUTHORITY)%',
  contentType: '%REQ(CONTENT-TYPE)%',
  cluster: '%UPSTREAM_CLUSTER_RAW%',
  services: '%CLUSTER_METADATA(istio:services)%',
  host: '%UPSTREAM_HOST%',
  workload: '%UPSTREAM_METADATA(istio:workload)%',
  peer: `%DYNAMIC_METADATA(${PEER_NAMESPACE}:value)%`,
  downstreamPeer: '%DOWNSTREAM_PEER_URI_SAN%',
  downstreamOwn: '%DOWNSTREAM_LOCAL_URI_SAN%',
  upstreamPeer: '%UPSTREAM_PEER_URI_SAN%',
  upstreamOwn: '%UPSTREAM_LOCAL_URI_SAN%',
};
