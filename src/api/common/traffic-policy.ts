/** What a client does on its way to a service: load balancing, pools, ejection, TLS. Istio: TrafficPolicy. */
import { duration } from '../schema/rules.ts';
import { boolean, int32, integer, list, nullable, number, object, oneOfWords, required, string, uint32, type Infer } from '../schema/schema.ts';
import { ConnectionPool } from './connection-pool.ts';
import { PortSelector } from './destination.ts';
import { LoadBalancer } from './load-balancer.ts';

export const OutlierDetection = object(
  {
    consecutive5xxErrors: nullable(uint32()),
    consecutiveGatewayErrors: nullable(uint32()),
    consecutiveLocalOriginFailures: nullable(uint32()),
    consecutiveErrors: int32(),
    splitExternalLocalOriginErrors: boolean(),
    interval: duration(),
    baseEjectionTime: duration(),
    maxEjectionPercent: int32(),
    minHealthPercent: int32(),
    outlierDetectionHttpErrorCodes: list(integer(100, 599)),
  },
  {
    docs: {
      consecutive5xxErrors: '5xx answers in a row that eject a host; default 5, 0 turns it off.',
      interval: 'Time between sweeps; default 10s.',
      baseEjectionTime: 'First ejection lasts this long, the nth n times as long; default 30s.',
      maxEjectionPercent: 'Never more of the hosts than this; default 10. In a pool of fewer than ten hosts the default ejects none.',
      consecutiveErrors: 'Deprecated: use consecutive5xxErrors or consecutiveGatewayErrors.',
    },
  },
);
export type OutlierDetection = Infer<typeof OutlierDetection>;

export const ClientTls = object(
  {
    mode: oneOfWords('DISABLE', 'SIMPLE', 'MUTUAL', 'ISTIO_MUTUAL'),
    clientCertificate: string(),
    privateKey: string(),
    caCertificates: string(),
    caCrl: string(),
    credentialName: string(),
    subjectAltNames: list(string()),
    sni: string(),
    insecureSkipVerify: nullable(boolean()),
  },
  { docs: { mode: 'Left out: mutual TLS with endpoints in the mesh, plaintext otherwise.', clientCertificate: 'Path in the proxy; needed for MUTUAL, as privateKey.' } },
);
export type ClientTls = Infer<typeof ClientTls>;

export const PortTrafficPolicy = object({ port: PortSelector, loadBalancer: LoadBalancer, connectionPool: ConnectionPool, outlierDetection: OutlierDetection, tls: ClientTls });
export type PortTrafficPolicy = Infer<typeof PortTrafficPolicy>;

export const TrafficPolicy = object(
  {
    loadBalancer: LoadBalancer,
    connectionPool: ConnectionPool,
    outlierDetection: OutlierDetection,
    tls: ClientTls,
    portLevelSettings: list(PortTrafficPolicy, { maxItems: 4096 }),
    tunnel: object({ protocol: string(), targetHost: required(string()), targetPort: required(uint32()) }),
    proxyProtocol: object({ version: oneOfWords('V1', 'V2') }),
    retryBudget: object({ percent: nullable(number({ minimum: 0, maximum: 100 })), minRetryConcurrency: uint32(), budgetInterval: string() }),
  },
  { docs: { portLevelSettings: 'Per port of the service. What is left out takes defaults, not the values above.' } },
);
export type TrafficPolicy = Infer<typeof TrafficPolicy>;
