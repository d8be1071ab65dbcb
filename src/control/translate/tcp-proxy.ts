import { TcpProxySchema } from '../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import { onlyAtEnd } from './agent.ts';
import { resolveNameFilter } from './dynamic-hosts.ts';
import type { NetworkFilterInit } from './http-filters.ts';
import { durationMs, durationOf, pack, type Init } from './message.ts';
import type { TelemetryPlan } from './telemetry.ts';

/** What the policy of a destination says about connections to it that are not HTTP. */
export interface TcpPolicy {
  /** Duration text; default none. */
  readonly idleTimeout?: string;
  readonly sourceHash?: boolean;
  /** The name that a TLS client asks for is looked up, and called under this port. */
  readonly namePort?: number;
  /** Through a proxy: CONNECT (or POST) to this `host:port` instead of the bare bytes. */
  readonly tunnel?: { readonly target: string; readonly usePost: boolean };
}

export interface TcpTarget extends TcpPolicy {
  readonly cluster: string;
  /** Only with several targets; those with 0 are left out. */
  readonly weight: number;
}

export interface TcpProxyOptions {
  readonly statPrefix: string;
  readonly targets: readonly TcpTarget[];
  readonly telemetry: TelemetryPlan;
}

/** So often the agent is told of a connection that is open. Not when it is made: then the client's certificate may not be known yet. */
const REPORT_MS = 5000;

function logs({ tcpLog, outcomes }: TelemetryPlan): Init<typeof TcpProxySchema> {
  if (outcomes.length === 0) return { accessLog: [...tcpLog] };
  return { accessLog: [...tcpLog.map(onlyAtEnd), ...outcomes], accessLogOptions: { accessLogFlushInterval: durationMs(REPORT_MS) } };
}

/** Goes in front of the filter that passes bytes on to them. */
export function namesOf(targets: readonly TcpTarget[]): NetworkFilterInit[] {
  const port = targets.find((t) => t.namePort !== undefined)?.namePort;
  return port === undefined ? [] : [resolveNameFilter(port)];
}

/** The filter that passes bytes on. Time-out and hashing hold for a connection before it is decided where it goes: the first target that
 * has them gives them. A tunnel needs a single target. Istio: buildOutboundNetworkFilters. */
export function tcpProxy(options: TcpProxyOptions): NetworkFilterInit {
  const { statPrefix, targets, telemetry } = options;
  const live = targets.length > 1 ? targets.filter((t) => t.weight > 0) : targets;
  const [only] = live;
  const value: Init<typeof TcpProxySchema> = {
    statPrefix,
    ...logs(telemetry),
    idleTimeout: durationOf(live.find((t) => t.idleTimeout !== undefined)?.idleTimeout),
    hashPolicy: live.some((t) => t.sourceHash) ? [{ policySpecifier: { case: 'sourceIp', value: {} } }] : [],
    tunnelingConfig: live.length === 1 && only?.tunnel ? { hostname: only.tunnel.target, usePost: only.tunnel.usePost } : undefined,
    clusterSpecifier:
      live.length === 1 && only
        ? { case: 'cluster', value: only.cluster }
        : { case: 'weightedClusters', value: { clusters: live.map((t) => ({ name: t.cluster, weight: t.weight })) } },
  };
  return { name: 'envoy.filters.network.tcp_proxy', configType: { case: 'typedConfig', value: pack(TcpProxySchema, value) } };
}
