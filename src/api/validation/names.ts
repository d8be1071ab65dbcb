/** Names of hosts, labels and namespaces: what is allowed, and what is meant. */

/** `reviews` in namespace `default` is `reviews.default.svc.cluster.local`; names with a dot, `*` and addresses stay. */
export function qualifyHost(host: string, namespace: string, clusterDomain = 'cluster.local'): string {
  return host.includes('.') || host === '*' || host.includes(':') ? host : `${host}.${namespace}.svc.${clusterDomain}`;
}

const LABEL = /^[a-zA-Z0-9]([-a-zA-Z0-9]*[a-zA-Z0-9])?$/;
const DNS_LABEL = /^[a-z0-9]([-a-z0-9]*[a-z0-9])?$/;

/** RFC 1123 label: lower case, as names of namespaces and subsets. */
export const isDnsLabel = (text: string): boolean => text.length <= 63 && DNS_LABEL.test(text);

/** Wildcard included; Envoy takes no longer server name. */
const MAX_HOST_LENGTH = 255;
const tooLong = (host: string) => `host name ${JSON.stringify(host)} is longer than ${MAX_HOST_LENGTH} characters`;

/** A DNS name, without wildcard. */
export function fqdnProblem(host: string): string | undefined {
  if (host === '') return 'a host name must not be empty';
  if (host.length > MAX_HOST_LENGTH) return tooLong(host);
  const labels = host.replace(/\.$/, '').split('.');
  const bad = labels.find((label) => label.length > 63 || !LABEL.test(label));
  if (bad === undefined) return /^\d+$/.test(labels.at(-1) ?? '') ? `host name ${JSON.stringify(host)} ends with the number ${labels.at(-1)}, which no domain does` : undefined;
  if (host.includes('*')) return `host name ${JSON.stringify(host)}: a wildcard may stand only alone or as the whole first label, as in *.example.com`;
  return `host name ${JSON.stringify(host)}: ${bad === '' ? 'a label is empty' : `${JSON.stringify(bad)} is not a DNS label (letters, digits and hyphens)`}`;
}

/** A DNS name, `*`, or `*.name`. */
export function wildcardHostProblem(host: string): string | undefined {
  if (host === '*') return undefined;
  if (host.length > MAX_HOST_LENGTH) return tooLong(host);
  return fqdnProblem(host.startsWith('*.') ? host.slice(2) : host.startsWith('*-') ? host.slice(2) : host);
}

/** Whether a wildcard or exact pattern covers a host: `*` all, `*.a` every name under a. */
export function hostCovers(pattern: string, host: string): boolean {
  if (pattern === '*' || pattern === host) return true;
  return pattern.startsWith('*') && host.replace(/^\*/, '').endsWith(pattern.slice(1));
}
