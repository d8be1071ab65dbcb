import { configSource, text } from './dump.ts';
import type { View } from './view.ts';

/** `outbound|9080|v1|reviews.default.svc.cluster.local` in its parts; other names are a host alone. */
export function splitClusterName(name: string): { direction: string; port: string; subset: string; host: string } {
  const parts = name.split('|');
  if (parts.length !== 4) return { direction: '-', port: '-', subset: '-', host: name };
  const [direction = '', port = '', subset = '', host = ''] = parts;
  return { direction, port, subset: subset === '' ? '-' : subset, host };
}

export const clusters: View = {
  name: 'cluster',
  aliases: ['clusters', 'c'],
  about: 'where calls can go',
  path: '/config_dump',
  pick: (dump) => dump.clusters,
  table: (dump, filters) => ({
    header: ['SERVICE FQDN', 'PORT', 'SUBSET', 'DIRECTION', 'TYPE', 'DESTINATION RULE'],
    rows: dump.clusters
      .map((cluster) => ({ ...splitClusterName(text(cluster['name'])), cluster }))
      .filter((row) => matches(filters.fqdn, row.host) && matches(filters.direction, row.direction) && matches(filters.subset, row.subset) && matches(filters.port, row.port))
      .sort((a, b) => compare(a.host, b.host) || Number(a.port) - Number(b.port) || compare(a.subset, b.subset))
      .map(({ host, port, subset, direction, cluster }) => [host, port, subset, direction, text(cluster['type']) || (cluster['cluster_type'] ? 'CUSTOM' : 'STATIC'), configSource(cluster['metadata'])]),
  }),
};

const matches = (wanted: string | undefined, value: string) => wanted === undefined || wanted === value;
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);
