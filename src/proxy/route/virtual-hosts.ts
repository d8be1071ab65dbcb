import { ConfigError } from '../errors.ts';
import { DomainTable } from './domain-table.ts';
import type { VirtualHost } from './route.ts';

/** A virtual host by its names. What it does is made when somebody asks for it. */
export interface NamedHost {
  readonly name: string;
  readonly domains: readonly string[];
  get(): VirtualHost;
}

/** Finds the virtual host for a Host header as Envoy does: exact name, longest `*suffix`, longest `prefix*`, `*`. Case does not matter. */
export interface VirtualHostIndex {
  find(authority: string): VirtualHost | undefined;
}

/** @param ignorePort Envoy: `ignore_port_in_host_matching`
 * @param clash what happens when two hosts have a name: Envoy refuses */
export function indexVirtualHosts(hosts: readonly NamedHost[], ignorePort: boolean, clash: 'refuse' | 'first' = 'refuse'): VirtualHostIndex {
  const exact = new DomainTable(hosts);
  const suffixes = new Map<string, NamedHost>();
  const prefixes = new Map<string, NamedHost>();
  let fallback: NamedHost | undefined;
  const refuse = (key: string, host: NamedHost, owner: NamedHost | undefined) => {
    if (owner && clash === 'refuse') throw new ConfigError(`virtual host ${host.name}: only unique values for domains are permitted, duplicate of ${JSON.stringify(key)} in ${owner.name}`);
  };
  const claim = (map: Map<string, NamedHost>, key: string, host: NamedHost) => {
    const owner = map.get(key);
    refuse(key, host, owner);
    if (!owner) map.set(key, host);
  };
  for (const [i, host] of hosts.entries()) {
    for (const raw of host.domains) {
      const domain = raw.toLowerCase();
      if (domain === '*') {
        if (fallback && clash === 'first') continue;
        if (fallback) throw new ConfigError(`virtual host ${host.name}: only a single wildcard domain is permitted`);
        fallback = host;
      } else if (domain.startsWith('*')) claim(suffixes, domain.slice(1), host);
      else if (domain.endsWith('*')) claim(prefixes, domain.slice(0, -1), host);
      else refuse(domain, host, exact.claim(domain, i));
    }
  }
  const suffixLengths = lengths(suffixes);
  const prefixLengths = lengths(prefixes);
  const match = (authority: string): NamedHost | undefined => {
    const direct = ignorePort ? undefined : exact.get(authority);
    if (direct) return direct;
    const lower = authority.toLowerCase();
    const name = ignorePort ? withoutPort(lower) : lower;
    const found = exact.get(name);
    if (found) return found;
    for (const length of suffixLengths) {
      // A wildcard stands for at least one character.
      const host = length < name.length ? suffixes.get(name.slice(name.length - length)) : undefined;
      if (host) return host;
    }
    for (const length of prefixLengths) {
      const host = length < name.length ? prefixes.get(name.slice(0, length)) : undefined;
      if (host) return host;
    }
    return fallback;
  };
  return { find: (authority) => match(authority)?.get() };
}

/** `host:80` → `host`; `[::1]:80` → `[::1]`. */
export function withoutPort(authority: string): string {
  const colon = authority.lastIndexOf(':');
  if (colon < 0 || authority.lastIndexOf(']') > colon) return authority;
  return /^\d+$/.test(authority.slice(colon + 1)) && authority.indexOf(':') === colon ? authority.slice(0, colon) : authority.startsWith('[') ? authority.slice(0, colon) : authority;
}

function lengths(map: ReadonlyMap<string, unknown>): number[] {
  return [...new Set([...map.keys()].map((key) => key.length))].sort((a, b) => b - a);
}
