/** Limits on connections and requests to one upstream host. Istio: ConnectionPoolSettings. */
import { duration } from '../schema/rules.ts';
import { boolean, int32, object, oneOfWords, string, uint32, type Infer } from '../schema/schema.ts';

const TcpSettings = object(
  {
    maxConnections: int32(),
    connectTimeout: duration(),
    tcpKeepalive: object({ probes: uint32(), time: duration(), interval: duration() }),
    maxConnectionDuration: duration(),
    idleTimeout: string(),
  },
  { docs: { maxConnections: 'HTTP/1.1 or TCP connections to a host; default 2^32-1.', connectTimeout: 'Default 10s.' } },
);

const HttpSettings = object(
  {
    http1MaxPendingRequests: int32(),
    http2MaxRequests: int32(),
    maxRequestsPerConnection: int32(),
    maxRetries: int32(),
    idleTimeout: duration(),
    h2UpgradePolicy: oneOfWords('DEFAULT', 'DO_NOT_UPGRADE', 'UPGRADE'),
    useClientProtocol: boolean(),
    maxConcurrentStreams: int32(),
    http2KeepAlive: object({ interval: duration(), timeout: duration() }),
  },
  {
    docs: {
      http1MaxPendingRequests: 'Requests that may wait for a connection; default 2^32-1.',
      http2MaxRequests: 'Requests in flight to the service; default 2^32-1.',
      maxRequestsPerConnection: '0 (default): no limit; 1: no keep-alive.',
      maxRetries: 'Retries in flight to all hosts of the service; default 2^32-1.',
      idleTimeout: 'How long an unused connection is kept; default 1h.',
    },
  },
);

export const ConnectionPool = object({ tcp: TcpSettings, http: HttpSettings });
export type ConnectionPool = Infer<typeof ConnectionPool>;
