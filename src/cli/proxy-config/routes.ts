import { configSource, list, object, text, type Json } from './dump.ts';
import type { View } from './view.ts';

export const routes: View = {
  name: 'route',
  aliases: ['routes', 'r'],
  about: 'which host and path goes where',
  path: '/config_dump',
  pick: (dump) => dump.routes,
  table: (dump, filters) => ({
    header: ['NAME', 'VHOST NAME', 'DOMAINS', 'MATCH', 'TARGET', 'VIRTUAL SERVICE'],
    rows: dump.routes
      .filter((config) => filters.name === undefined || filters.name === text(config['name']))
      .flatMap((config) => list(config['virtual_hosts']).flatMap((host) => list(host['routes']).map((route) => [
        text(config['name']), text(host['name']), describeDomains(host['domains']), describeMatch(object(route['match']) ?? {}), describeAction(route), configSource(route['metadata']),
      ]))),
  }),
};

function describeDomains(domains: unknown): string {
  const names = Array.isArray(domains) ? (domains as string[]) : [];
  return names.length > 1 ? `${names[0]}, +${names.length - 1} more` : (names[0] ?? '');
}

function describeMatch(match: Json): string {
  const path = text(match['prefix']) ? `${text(match['prefix'])}*` : text(match['path']) || text(match['path_separated_prefix']) || text(object(match['safe_regex'])?.['regex']);
  const headers = list(match['headers']).map((header) => `${header['invert_match'] ? '!' : ''}${text(header['name'])}`);
  return [path, ...headers].filter((part) => part !== '').join(' ; ');
}

function describeAction(route: Json): string {
  const action = object(route['route']);
  if (route['redirect']) return 'redirect';
  if (route['direct_response']) return `status ${text(object(route['direct_response'])?.['status'])}`;
  const weighted = list(object(action?.['weighted_clusters'])?.['clusters']);
  if (weighted.length > 0) return weighted.map((entry) => `${text(entry['name'])} ${text(entry['weight']) || '0'}%`).join(', ');
  return text(action?.['cluster']);
}
