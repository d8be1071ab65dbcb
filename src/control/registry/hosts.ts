/** Host names with wildcards, as VirtualServices, Gateways and Sidecars write them. */

/** True when `pattern` (`*`, `*.example.com`, `example.com`) covers `host`, which may be a pattern itself. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  if (!pattern.startsWith('*')) return false;
  const suffix = pattern.slice(1);
  const name = host.startsWith('*') ? host.slice(1) : host;
  return name.endsWith(suffix) && (host.startsWith('*') || name.length > suffix.length);
}

/** True when some name is covered by both. */
export const hostsMeet = (a: string, b: string): boolean => hostCovers(a, b) || hostCovers(b, a);

/** The narrower of two patterns that meet. */
export const narrower = (a: string, b: string): string => (hostCovers(a, b) ? b : a);

export const isWildcard = (host: string): boolean => host.startsWith('*');

/** `reviews` in namespace default → `reviews.default.svc.cluster.local`; names with a dot and wildcards are whole already. */
export function fullHost(host: string, namespace: string, clusterDomain: string): string {
  return host.includes('.') || isWildcard(host) ? host : `${host}.${namespace}.svc.${clusterDomain}`;
}

/** Among patterns that cover `host`: itself first, then the longest. */
export function mostSpecific(patterns: Iterable<string>, host: string): string | undefined {
  let best: string | undefined;
  for (const pattern of patterns) {
    if (pattern === host) return pattern;
    if (hostCovers(pattern, host) && (best === undefined || pattern.length > best.length)) best = pattern;
  }
  return best;
}
