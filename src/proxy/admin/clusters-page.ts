/** `/clusters` and `/listeners`, as text and in the shapes of envoy.admin.v3. */
import type { JsonObject } from '@bufbuild/protobuf';
import type { ClusterState, HostState, ListenerState } from '../runtime-contract.ts';

type Stat = readonly [name: string, value: number, type: 'COUNTER' | 'GAUGE'];

function hostStats(host: HostState): Stat[] {
  return [
    ['cx_active', host.activeConnections, 'GAUGE'],
    ['cx_connect_fail', host.counters.connectFail, 'COUNTER'],
    ['cx_total', host.counters.connections, 'COUNTER'],
    ['rq_active', host.activeRequests, 'GAUGE'],
    ['rq_error', host.counters.error, 'COUNTER'],
    ['rq_success', host.counters.success, 'COUNTER'],
    ['rq_timeout', 0, 'COUNTER'],
    ['rq_total', host.counters.total, 'COUNTER'],
  ];
}

export function clustersText(clusters: readonly ClusterState[]): string {
  return clusters.map(clusterText).join('');
}

function clusterText({ name, limits, hosts }: ClusterState): string {
  const lines = [
    `${name}::observability_name::${name}`,
    `${name}::default_priority::max_connections::${limits.maxConnections}`,
    `${name}::default_priority::max_pending_requests::${limits.maxPending}`,
    `${name}::default_priority::max_requests::${limits.maxRequests}`,
    `${name}::default_priority::max_retries::${limits.maxRetries}`,
    `${name}::added_via_api::true`,
  ];
  for (const host of hosts) {
    const head = `${name}::${host.address.address}:${host.address.port}`;
    for (const [stat, value] of hostStats(host)) lines.push(`${head}::${stat}::${value}`);
    lines.push(
      `${head}::health_flags::${healthFlags(host)}`,
      `${head}::weight::${host.weight}`,
      `${head}::region::${host.locality.region}`,
      `${head}::zone::${host.locality.zone}`,
      `${head}::sub_zone::${host.locality.subZone}`,
      `${head}::priority::${host.priority}`,
    );
    if (host.ejection) lines.push(`${head}::ejected_for::${host.ejection.cause}`, `${head}::ejected_ms_left::${host.ejection.leftMs}`);
  }
  return lines.map((line) => `${line}\n`).join('');
}

function healthFlags(host: HostState): string {
  const flags = [...(host.ejected ? ['/failed_outlier_check'] : []), ...(host.edsHealth === 'UNHEALTHY' ? ['/failed_eds_health'] : []), ...(host.edsHealth === 'DEGRADED' ? ['/degraded_eds_health'] : [])];
  return flags.length === 0 ? 'healthy' : flags.join('');
}

export function clustersJson(clusters: readonly ClusterState[]): JsonObject {
  return {
    cluster_statuses: clusters.map((cluster) => ({
      name: cluster.name,
      added_via_api: true,
      observability_name: cluster.name,
      circuit_breakers: { thresholds: [{ max_connections: cluster.limits.maxConnections, max_pending_requests: cluster.limits.maxPending, max_requests: cluster.limits.maxRequests, max_retries: cluster.limits.maxRetries }] },
      host_statuses: cluster.hosts.map((host) => ({
        address: { socket_address: { address: host.address.address, port_value: host.address.port } },
        // 64-bit numbers are strings in proto JSON; zero values are left out.
        stats: hostStats(host).map(([name, value, type]) => ({ name, ...(value === 0 ? {} : { value: String(value) }), ...(type === 'GAUGE' ? { type } : {}) })),
        health_status: { eds_health_status: host.edsHealth, ...(host.ejected ? { failed_outlier_check: true } : {}) },
        weight: host.weight,
        ...(host.priority === 0 ? {} : { priority: host.priority }),
        locality: { region: host.locality.region, zone: host.locality.zone, sub_zone: host.locality.subZone },
      })),
    })),
  };
}

export const listenersText = (listeners: readonly ListenerState[]): string => listeners.flatMap((l) => (l.bound ? [`${l.name}::${l.bound.address}:${l.bound.port}\n`] : [])).join('');

export const listenersJson = (listeners: readonly ListenerState[]): JsonObject => ({
  listener_statuses: listeners.flatMap((l) => (l.bound ? [{ name: l.name, local_address: { socket_address: { address: l.bound.address, port_value: l.bound.port } } }] : [])),
});
