/** The counts that people look for under Envoy's names, made from the state of the proxy when they are asked for. */
import type { ClusterState, ListenerState } from '../runtime-contract.ts';
import type { ClusterCount } from '../telemetry/cluster-counters.ts';
import { renderLabels } from '../telemetry/registry.ts';
import type { Look, ProxyView } from './proxy-view.ts';

export interface EnvoyStat {
  /** Envoy's dotted name: `cluster.NAME.upstream_rq_total`. */
  readonly name: string;
  /** Prometheus' name, and the tags that Envoy extracts from its own. */
  readonly metric: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly value: number;
  readonly kind: 'counter' | 'gauge';
}

const STATE_NUMBER = { LIVE: 0, DRAINING: 1, PRE_INITIALIZING: 2, INITIALIZING: 3 } as const;

/** @param clusters `called`: what nobody has called has nothing to count, and a mesh may have thousands of them */
export function collectEnvoyStats(view: ProxyView, { state, counts, heapUsed }: Look, clusters: 'all' | 'called'): EnvoyStat[] {
  const ads = view.ads();
  const stats: EnvoyStat[] = [];
  const plain = (name: string, value: number, kind: EnvoyStat['kind'] = 'gauge') => stats.push({ name, metric: `envoy_${name.replaceAll(/[.-]/g, '_')}`, labels: {}, value, kind });
  const { total, warming } = state.clusterCounts;
  plain('cluster_manager.active_clusters', total - warming);
  plain('cluster_manager.warming_clusters', warming);
  plain('cluster_manager.cds.update_success', ads.updates, 'counter');
  plain('cluster_manager.cds.update_rejected', ads.rejects, 'counter');
  plain('listener_manager.total_listeners_active', state.listeners.length);
  plain('listener_manager.workers_started', view.threads);
  plain('control_plane.connected_state', ads.connected ? 1 : 0);
  plain('http.downstream_rq_active', state.activeRequests);
  plain('server.live', view.state() === 'LIVE' ? 1 : 0);
  plain('server.state', STATE_NUMBER[view.state()]);
  plain('server.uptime', Math.floor((view.now() - view.startedMs) / 1000));
  plain('server.memory_allocated', heapUsed);
  plain('server.memory_physical_size', process.memoryUsage.rss());
  plain('tracing.opentelemetry.spans_sent', counts.spans.sent, 'counter');
  plain('tracing.opentelemetry.spans_dropped', counts.spans.dropped, 'counter');
  plain('access_log.lines_dropped', counts.linesDropped, 'counter');
  for (const cluster of clusters === 'all' ? state.clusters : state.calledClusters) stats.push(...clusterStats(cluster, counts.clusters.get(cluster.name)));
  // Names of listeners are many and tell a time series little; who asks for all of them wants to see how the threads share.
  if (clusters === 'all') for (const [stat, value, kind] of state.listeners.flatMap(listenerStats)) plain(stat, value, kind);
  for (const { name, refused } of state.listeners) {
    if (refused > 0) stats.push({ name: `listener.${name}.downstream_global_cx_overflow`, metric: 'envoy_listener_downstream_global_cx_overflow', labels: { listener_address: name }, value: refused, kind: 'counter' });
  }
  return stats;
}

/** Envoy: `listener.ADDRESS.worker_N.*`. */
function listenerStats({ name, threads = [] }: ListenerState): [stat: string, value: number, kind: EnvoyStat['kind']][] {
  return threads.flatMap(({ activeConnections, accepted }, thread): [string, number, EnvoyStat['kind']][] => [
    [`listener.${name}.worker_${thread}.downstream_cx_active`, activeConnections, 'gauge'],
    [`listener.${name}.worker_${thread}.downstream_cx_total`, accepted, 'counter'],
  ]);
}

function clusterStats(cluster: ClusterState, count: ClusterCount | undefined): EnvoyStat[] {
  const { name, hosts, open, overflows, ejections } = cluster;
  const sum = (read: (host: (typeof hosts)[number]) => number) => hosts.reduce((total, host) => total + read(host), 0);
  const of = (stat: string, value: number, kind: EnvoyStat['kind']): EnvoyStat => ({ name: `cluster.${name}.${stat}`, metric: `envoy_cluster_${stat}`, labels: { cluster_name: name }, value, kind });
  const stats = [
    of('membership_total', hosts.length, 'gauge'),
    of('membership_healthy', hosts.filter((h) => !h.ejected && h.edsHealth === 'HEALTHY').length, 'gauge'),
    of('outlier_detection.ejections_active', hosts.filter((h) => h.ejected).length, 'gauge'),
    of('outlier_detection.ejections_enforced_total', ejections.enforced, 'counter'),
    of('outlier_detection.ejections_overflow', ejections.overflow, 'counter'),
    ...Array.from(ejections.byCause, ([cause, value]) => of(`outlier_detection.ejections_enforced_${cause}`, value, 'counter')),
    ...breakerStats(cluster).map(([stat, value]) => of(`circuit_breakers.default.${stat}`, value, 'gauge')),
    of('upstream_cx_overflow', overflows.connections, 'counter'),
    of('upstream_rq_retry_overflow', overflows.retries, 'counter'),
    of('upstream_cx_active', open.connections, 'gauge'),
    of('upstream_cx_total', sum((h) => h.counters.connections), 'counter'),
    of('upstream_cx_connect_fail', sum((h) => h.counters.connectFail), 'counter'),
    of('upstream_rq_active', open.requests, 'gauge'),
    of('upstream_rq_pending_active', open.pending, 'gauge'),
    of('upstream_rq_total', sum((h) => h.counters.total), 'counter'),
    of('upstream_rq_retry', count?.retries ?? 0, 'counter'),
    of('upstream_rq_timeout', count?.timeouts ?? 0, 'counter'),
    of('upstream_rq_pending_overflow', count?.pendingOverflow ?? 0, 'counter'),
  ];
  if (count) stats.push(...codeStats(name, count.codes));
  return stats.map((stat) => ({ ...stat, metric: stat.metric.replaceAll('.', '_') }));
}

/** What is left of each limit, and whether it is met. Envoy: circuit_breakers with track_remaining. */
function breakerStats({ limits, open }: ClusterState): [stat: string, value: number][] {
  const kinds = [['cx', limits.maxConnections, open.connections], ['pending', limits.maxPending, open.pending], ['rq', limits.maxRequests, open.requests], ['retries', Math.floor(limits.maxRetries), open.retries]] as const;
  const named = { cx: 'cx_open', pending: 'rq_pending_open', rq: 'rq_open', retries: 'rq_retry_open' } as const;
  return kinds.flatMap(([kind, limit, used]): [string, number][] => [[`remaining_${kind}`, Math.max(0, limit - used)], [named[kind], used >= limit ? 1 : 0]]);
}

function codeStats(cluster: string, codes: ReadonlyMap<number, number>): EnvoyStat[] {
  const classes = new Map<string, number>();
  const stats: EnvoyStat[] = [];
  for (const [code, value] of codes) {
    const first = String(code).slice(0, 1);
    classes.set(first, (classes.get(first) ?? 0) + value);
    stats.push({ name: `cluster.${cluster}.upstream_rq_${code}`, metric: 'envoy_cluster_upstream_rq', labels: { response_code: String(code), cluster_name: cluster }, value, kind: 'counter' });
  }
  for (const [first, value] of classes) {
    stats.push({ name: `cluster.${cluster}.upstream_rq_${first}xx`, metric: 'envoy_cluster_upstream_rq_xx', labels: { response_code_class: first, cluster_name: cluster }, value, kind: 'counter' });
  }
  return stats;
}

/** Prometheus text. Clusters that nothing was sent to are left out, else a big mesh is told in every sidecar again. */
export function exposeEnvoyStats(stats: readonly EnvoyStat[]): string {
  const families = new Map<string, EnvoyStat[]>();
  for (const stat of stats) families.set(stat.metric, [...(families.get(stat.metric) ?? []), stat]);
  const used = new Set(stats.flatMap((s) => (s.kind === 'counter' && s.value > 0 && s.labels['cluster_name'] ? [s.labels['cluster_name']] : [])));
  let out = '';
  for (const [metric, members] of families) {
    const shown = members.filter((s) => s.labels['cluster_name'] === undefined || used.has(s.labels['cluster_name']));
    const [first] = shown;
    if (!first) continue;
    out += `# HELP ${metric} Envoy ${first.name.replace(first.labels['cluster_name'] ?? '\0', 'NAME')}\n# TYPE ${metric} ${first.kind}\n`;
    for (const stat of shown) {
      const labels = renderLabels(Object.keys(stat.labels), Object.values(stat.labels));
      out += `${metric}${labels === '' ? '' : `{${labels}}`} ${stat.value}\n`;
    }
  }
  return out;
}

/** `/stats`: `name: value` lines, sorted. */
export function statsText(stats: readonly EnvoyStat[], select: { filter?: RegExp | undefined; usedOnly: boolean }): string {
  return selectStats(stats, select).map((s) => `${s.name}: ${s.value}\n`).join('');
}

export const statsJson = (stats: readonly EnvoyStat[], select: { filter?: RegExp | undefined; usedOnly: boolean }) => ({ stats: selectStats(stats, select).map(({ name, value }) => ({ name, value })) });

function selectStats(stats: readonly EnvoyStat[], select: { filter?: RegExp | undefined; usedOnly: boolean }): EnvoyStat[] {
  return stats.filter((s) => (select.filter?.test(s.name) ?? true) && (!select.usedOnly || s.value > 0)).toSorted((a, b) => (a.name < b.name ? -1 : 1));
}
