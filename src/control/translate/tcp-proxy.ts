import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { onlyAtEnd } from './agent.ts';
import type { NetworkFilterInit } from './http-filters.ts';
import { durationOf, pack, type Init } from './message.ts';
import type { TelemetryPlan } from './telemetry.ts';

export interface TcpTarget {
  readonly cluster: string;
  /** Only with several targets; those with 0 are left out. */
  readonly weight: number;
}

export interface TcpProxyOptions {
  readonly statPrefix: string;
  readonly targets: readonly TcpTarget[];
  readonly telemetry: TelemetryPlan;
  /** Duration text; default none. */
  readonly idleTimeout?: string;
  readonly sourceHash?: boolean;
}

function logs({ accessLog, outcomes }: TelemetryPlan): Init<typeof TcpProxySchema> {
  if (outcomes.length === 0) return { accessLog: [...accessLog] };
  return { accessLog: [...accessLog.map(onlyAtEnd), ...outcomes], accessLogOptions: { flushAccessLogOnConnected: true } };
}

/** The filter that passes bytes on. */
export function tcpProxy(options: TcpProxyOptions): NetworkFilterInit {
  const { statPrefix, targets, telemetry } = options;
  const live = targets.length > 1 ? targets.filter((t) => t.weight > 0) : targets;
  const [only] = live;
  const value: Init<typeof TcpProxySchema> = {
    statPrefix,
    ...logs(telemetry),
    idleTimeout: durationOf(options.idleTimeout),
    hashPolicy: options.sourceHash ? [{ policySpecifier: { case: 'sourceIp', value: {} } }] : [],
    clusterSpecifier:
      live.length === 1 && only
        ? { case: 'cluster', value: only.cluster }
        : { case: 'weightedClusters', value: { clusters: live.map((t) => ({ name: t.cluster, weight: t.weight })) } },
  };
  return { name: 'envoy.filters.network.tcp_proxy', configType: { case: 'typedConfig', value: pack(TcpProxySchema, value) } };
}
