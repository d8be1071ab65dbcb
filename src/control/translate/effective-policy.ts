import type { ConnectionPool } from '../../api/common/connection-pool.ts';
import type { LoadBalancer } from '../../api/common/load-balancer.ts';
import type { ClientTls, OutlierDetection, TrafficPolicy } from '../../api/common/traffic-policy.ts';
import type { HostPolicy } from '../registry/destination-rules.ts';

/** What a DestinationRule says for one port and subset. */
export interface EffectivePolicy {
  readonly loadBalancer?: LoadBalancer;
  readonly connectionPool?: ConnectionPool;
  readonly outlierDetection?: OutlierDetection;
  readonly tls?: ClientTls;
}

/** A subset overrides the host's policy block by block. Settings of a port stand for themselves: blocks that they leave out
 * take defaults. Istio: util.MergeTrafficPolicy. */
export function effectivePolicy(policy: HostPolicy | undefined, port: number, subset?: string): EffectivePolicy {
  if (!policy) return {};
  const base: TrafficPolicy = policy.trafficPolicy ?? {};
  const over: TrafficPolicy = policy.subsets.find((s) => s.name === subset)?.trafficPolicy ?? {};
  const onPort = [over, base].map((p) => p.portLevelSettings?.find((s) => s.port?.number === port)).find((s) => s !== undefined);
  if (onPort) return { loadBalancer: onPort.loadBalancer, connectionPool: onPort.connectionPool, outlierDetection: onPort.outlierDetection, tls: onPort.tls };
  return {
    loadBalancer: over.loadBalancer ?? base.loadBalancer,
    connectionPool: over.connectionPool ?? base.connectionPool,
    outlierDetection: over.outlierDetection ?? base.outlierDetection,
    tls: over.tls ?? base.tls,
  };
}
