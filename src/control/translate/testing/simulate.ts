/** For tests: what Envoy would do with routes and filter chains, as far as our translation uses them. Written from Envoy's
 * documentation, apart from the translation, so that both would have to be wrong in the same way. */
import { cidrContains, parseAddress, parseCidr } from '../../../base/cidr.ts';
import type { FilterChain } from '../../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import type { HeaderMatcher, Route, RouteMatch, VirtualHost } from '../../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { RouteConfiguration } from '../../../xds/generated/envoy/config/route/v3/route_pb.js';
import type { StringMatcher } from '../../../xds/generated/envoy/type/matcher/v3/string_pb.js';

export interface Call {
  host: string;
  path?: string;
  method?: string;
  headers?: Record<string, string>;
}

export function findRoute(config: RouteConfiguration, call: Call): Route | undefined {
  return virtualHost(config, call.host)?.routes.find((r) => r.match && routeMatches(r.match, call));
}

/** Name of the cluster, `a 90, b 10`, or what happens instead. */
export function simulate(config: RouteConfiguration, call: Call): string {
  const action = findRoute(config, call)?.action;
  if (!action) return '404';
  if (action.case === 'directResponse') return String(action.value.status);
  if (action.case === 'redirect') return 'redirect';
  if (action.case !== 'route') return String(action.case);
  const { clusterSpecifier } = action.value;
  if (clusterSpecifier.case === 'cluster') return clusterSpecifier.value;
  if (clusterSpecifier.case !== 'weightedClusters') return '?';
  return clusterSpecifier.value.clusters.map((c) => `${c.name} ${c.weight}`).join(', ');
}

function virtualHost(config: RouteConfiguration, host: string): VirtualHost | undefined {
  const name = host.toLowerCase();
  const covers = (pattern: string) => pattern === '*' || (pattern.startsWith('*') ? name.endsWith(pattern.slice(1)) : pattern.endsWith('*') && name.startsWith(pattern.slice(0, -1)));
  const exact = config.virtualHosts.find((h) => h.domains.some((d) => d.toLowerCase() === name));
  if (exact) return exact;
  const patterns = config.virtualHosts.flatMap((h) => h.domains.filter(covers).map((d) => [d, h] as const));
  return patterns.toSorted(([a], [b]) => b.length - a.length)[0]?.[1];
}

function routeMatches(match: RouteMatch, call: Call): boolean {
  const [path = '/', query = ''] = (call.path ?? '/').split('?');
  const params = new URLSearchParams(query);
  const headers = { ':method': call.method ?? 'GET', ':authority': call.host, ...call.headers };
  return (
    pathMatches(match, path) &&
    match.headers.every((h) => headerMatches(h, headers)) &&
    match.queryParameters.every((q) => {
      const value = params.get(q.name);
      if (value === null) return false;
      return q.queryParameterMatchSpecifier.case === 'stringMatch' ? textMatches(q.queryParameterMatchSpecifier.value, value) : true;
    })
  );
}

function pathMatches(match: RouteMatch, path: string): boolean {
  const fold = (text: string) => (match.caseSensitive === false ? text.toLowerCase() : text);
  const { pathSpecifier: p } = match;
  if (p.case === 'prefix') return fold(path).startsWith(fold(p.value));
  if (p.case === 'path') return fold(path) === fold(p.value);
  return p.case === 'safeRegex' && new RegExp(`^(?:${p.value.regex})$`).test(path);
}

function headerMatches(matcher: HeaderMatcher, headers: Readonly<Record<string, string>>): boolean {
  const value = headers[matcher.name] ?? (matcher.treatMissingHeaderAsEmpty ? '' : undefined);
  const { headerMatchSpecifier: m } = matcher;
  if (m.case === 'presentMatch') return (value !== undefined) === m.value ? !matcher.invertMatch : matcher.invertMatch;
  if (value === undefined) return false;
  const isMatch = m.case === 'stringMatch' && textMatches(m.value, value);
  return isMatch !== matcher.invertMatch;
}

export function textMatches(matcher: StringMatcher, text: string): boolean {
  const fold = (t: string) => (matcher.ignoreCase ? t.toLowerCase() : t);
  const { matchPattern: m } = matcher;
  switch (m.case) {
    case 'exact': return fold(text) === fold(m.value);
    case 'prefix': return fold(text).startsWith(fold(m.value));
    case 'suffix': return fold(text).endsWith(fold(m.value));
    case 'contains': return fold(text).includes(fold(m.value));
    case 'safeRegex': return new RegExp(`^(?:${m.value.regex})$`).test(text);
    default: return false;
  }
}

export interface Connection {
  port: number;
  /** Where the caller dialled; default: no address that any chain names. */
  address?: string;
  transport: 'tls' | 'raw_buffer';
  alpn?: readonly string[];
  serverName?: string;
}

/** The chain of a listener that takes a connection: Envoy decides by port, then address, then name, then transport, then protocol, and does
 * not go back when a later step finds nothing. */
export function findChain(listener: Listener, connection: Connection): FilterChain | undefined {
  const steps: ((chain: FilterChain) => 'exact' | 'any' | 'no')[] = [
    ({ filterChainMatch: m }) => (m?.destinationPort === undefined ? 'any' : m.destinationPort === connection.port ? 'exact' : 'no'),
    ({ filterChainMatch: m }) => (!m || m.prefixRanges.length === 0 ? 'any' : m.prefixRanges.some((r) => contains(`${r.addressPrefix}/${r.prefixLen}`, connection.address)) ? 'exact' : 'no'),
    ({ filterChainMatch: m }) => (!m || m.serverNames.length === 0 ? 'any' : m.serverNames.some((n) => n === connection.serverName || (n.startsWith('*.') && connection.serverName?.endsWith(n.slice(1)))) ? 'exact' : 'no'),
    ({ filterChainMatch: m }) => (!m || m.transportProtocol === '' ? 'any' : m.transportProtocol === connection.transport ? 'exact' : 'no'),
    ({ filterChainMatch: m }) => (!m || m.applicationProtocols.length === 0 ? 'any' : m.applicationProtocols.some((p) => connection.alpn?.includes(p)) ? 'exact' : 'no'),
  ];
  let left = listener.filterChains;
  for (const step of steps) {
    const exact = left.filter((c) => step(c) === 'exact');
    left = exact.length > 0 ? exact : left.filter((c) => step(c) === 'any');
  }
  return left[0] ?? listener.defaultFilterChain;
}

function contains(range: string, address: string | undefined): boolean {
  const cidr = parseCidr(range);
  const bytes = address === undefined ? undefined : parseAddress(address);
  return cidr !== undefined && bytes !== undefined && cidrContains(cidr, bytes);
}
