/** How a host is picked among the endpoints of a service. Istio: LoadBalancerSettings. */
import { duration } from '../schema/rules.ts';
import { boolean, list, map, nullable, number, object, oneOfWords, required, string, uint32, uint64, type Infer } from '../schema/schema.ts';

const Failover = object({ from: string(), to: string() });

export const ConsistentHash = object(
  {
    httpHeaderName: string(),
    httpCookie: object({ name: required(string()), path: string(), ttl: string(), attributes: list(object({ name: required(string()), value: string() })) }),
    useSourceIp: boolean(),
    httpQueryParameterName: string(),
    ringHash: object({ minimumRingSize: uint64() }),
    maglev: object({ tableSize: uint64() }),
    minimumRingSize: uint64(),
  },
  {
    oneOf: [
      ['httpHeaderName', 'httpCookie', 'useSourceIp', 'httpQueryParameterName'],
      ['ringHash', 'maglev'],
    ],
    docs: { minimumRingSize: 'Deprecated: use ringHash.minimumRingSize. Default 1024.' },
  },
);
export type ConsistentHash = Infer<typeof ConsistentHash>;

export const LocalityLb = object(
  {
    distribute: list(object({ from: string(), to: map(uint32()) })),
    failover: list(Failover),
    failoverPriority: list(string()),
    enabled: nullable(boolean()),
  },
  { docs: { distribute: 'Shares per locality; each list of shares adds up to 100.', failover: 'Where a region sends traffic when its own endpoints are unhealthy.' } },
);
export type LocalityLb = Infer<typeof LocalityLb>;

const ZoneAwareLb = object({
  enabled: nullable(boolean()),
  failover: list(Failover),
  failoverPriority: list(string()),
  minClusterSize: nullable(uint32({ minimum: 1 })),
});

const Warmup = object({
  duration: required(duration()),
  minimumPercent: nullable(number({ minimum: 0, maximum: 100 })),
  aggression: nullable(number({ minimum: 0 })),
});

const BackendUtilization = object({
  errorUtilizationPenaltyPercent: uint32(),
  metricNamesForComputingUtilization: list(string()),
  weightExpirationPeriod: string(),
  weightStabilizationPeriod: string(),
  weightUpdatePeriod: string(),
});

export const LoadBalancer = object(
  {
    simple: oneOfWords('UNSPECIFIED', 'LEAST_CONN', 'RANDOM', 'PASSTHROUGH', 'ROUND_ROBIN', 'LEAST_REQUEST'),
    consistentHash: ConsistentHash,
    backendUtilization: BackendUtilization,
    localityLbSetting: LocalityLb,
    zoneAwareLbSetting: ZoneAwareLb,
    warmupDurationSecs: duration(),
    warmup: Warmup,
  },
  {
    oneOf: [['simple', 'consistentHash', 'backendUtilization']],
    docs: { simple: 'Default LEAST_REQUEST. LEAST_CONN is its old name.', warmupDurationSecs: 'Deprecated: use warmup.duration.' },
  },
);
export type LoadBalancer = Infer<typeof LoadBalancer>;
