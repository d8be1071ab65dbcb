/** Endpoints come with their health from `/clusters?format=json`, not from the config dump. */
import { list, object, socketAddress, text, type Json } from './dump.ts';
import type { Filters, Table } from './view.ts';

export function endpointTable(clusters: Json, filters: Filters): Table {
  const rows = list(clusters['cluster_statuses']).flatMap((cluster) => list(cluster['host_statuses']).map((host) => {
    const at = socketAddress(host['address']);
    const health = object(host['health_status']) ?? {};
    return { endpoint: at ? `${at.address}:${at.port}` : '', address: at?.address, port: String(at?.port), cluster: text(cluster['name']), status: text(health['eds_health_status']) || 'HEALTHY', ejected: health['failed_outlier_check'] === true };
  }));
  const shown = rows.filter((row) =>
    (filters.cluster === undefined || filters.cluster === row.cluster) && (filters.address === undefined || filters.address === row.address) &&
    (filters.port === undefined || filters.port === row.port) && (filters.status === undefined || filters.status.toUpperCase() === row.status));
  return {
    header: ['ENDPOINT', 'STATUS', 'OUTLIER CHECK', 'CLUSTER'],
    rows: shown.map((row) => [row.endpoint, row.status, row.ejected ? 'FAILED' : 'OK', row.cluster]).sort((a, b) => ((a[0] ?? '') < (b[0] ?? '') ? -1 : 1)),
  };
}
