/** The resolver's configuration of this pod: who answers what we do not know. Source: resolv.conf(5). */
import { isIP } from 'node:net';

export interface ResolvConf {
  /** In order; at most the three that resolvers look at. */
  readonly nameservers: readonly string[];
  /** Domains that resolvers add to short names, in order, in lower case. */
  readonly search: readonly string[];
}

const MAX_SERVERS = 3;

export function parseResolvConf(text: string): ResolvConf {
  const nameservers: string[] = [];
  let search: string[] = [];
  for (const line of text.split('\n')) {
    const [keyword, ...values] = line.replace(/[#;].*$/, '').trim().split(/\s+/);
    if (keyword === 'nameserver' && isIP(values[0]?.split('%')[0] ?? '') !== 0 && nameservers.length < MAX_SERVERS) nameservers.push(values[0] ?? '');
    // The last of `search` and `domain` holds.
    if (keyword === 'search' || keyword === 'domain') search = (keyword === 'search' ? values : values.slice(0, 1)).map((domain) => domain.toLowerCase().replace(/\.$/, '')).filter((domain) => domain !== '');
  }
  return { nameservers, search };
}
