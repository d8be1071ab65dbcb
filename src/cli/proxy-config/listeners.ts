import { list, object, socketAddress, text, type Json } from './dump.ts';
import type { View } from './view.ts';

export const listeners: View = {
  name: 'listener',
  aliases: ['listeners', 'l'],
  about: 'what is accepted, and where it is sent',
  path: '/config_dump',
  pick: (dump) => dump.listeners,
  table: (dump, filters) => ({
    header: ['ADDRESSES', 'PORT', 'MATCH', 'DESTINATION'],
    rows: dump.listeners.flatMap((listener) => {
      const at = socketAddress(listener['address']);
      const hidden = (filters.port !== undefined && filters.port !== String(at?.port)) || (filters.address !== undefined && filters.address !== at?.address);
      if (!at || hidden) return [];
      const chains = [...list(listener['filter_chains']), ...list([listener['default_filter_chain']])];
      return chains.map((chain) => [at.address, String(at.port), describeMatch(chain['filter_chain_match'], chain === listener['default_filter_chain']), describeTarget(chain)]);
    }),
  }),
};

function describeMatch(match: unknown, isDefault: boolean): string {
  const fields = object(match) ?? {};
  const parts: string[] = [];
  if (list(fields['prefix_ranges']).length > 0) parts.push(`Addr: ${list(fields['prefix_ranges']).map((range) => `${text(range['address_prefix'])}/${text(range['prefix_len']) || '32'}`).join(',')}`);
  if (fields['destination_port']) parts.push(`Port: ${text(fields['destination_port'])}`);
  if (Array.isArray(fields['server_names'])) parts.push(`SNI: ${fields['server_names'].join(',')}`);
  if (fields['transport_protocol']) parts.push(`Trans: ${text(fields['transport_protocol'])}`);
  if (Array.isArray(fields['application_protocols'])) parts.push(`App: ${fields['application_protocols'].join(',')}`);
  return parts.length > 0 ? parts.join('; ') : isDefault ? 'ALL (default)' : 'ALL';
}

function describeTarget(chain: Json): string {
  const last = list(chain['filters']).at(-1);
  const config = object(last?.['typed_config']) ?? {};
  const rds = object(config['rds']);
  if (rds) return `Route: ${text(rds['route_config_name'])}`;
  const inline = object(config['route_config']);
  if (inline) return `Inline Route: ${inlineTargets(inline)}`;
  const weighted = list(object(config['weighted_clusters'])?.['clusters']);
  if (weighted.length > 0) return `Cluster: ${weighted.map((entry) => text(entry['name'])).join(', ')}`;
  return config['cluster'] ? `Cluster: ${text(config['cluster'])}` : text(last?.['name']);
}

function inlineTargets(route: Json): string {
  const targets = list(route['virtual_hosts']).flatMap((host) => list(host['routes']).map((entry) => text(object(entry['route'])?.['cluster']) || text(entry['name'])));
  return [...new Set(targets)].join(', ');
}
