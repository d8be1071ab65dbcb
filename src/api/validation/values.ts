/** Problems of single values; undefined when there is none. */
import { RE2JS } from 're2js';
import { parseAddress, parseCidr } from '../../base/cidr.ts';
import { parseDuration } from '../../base/duration.ts';
import { errorText } from '../../base/errors.ts';
import { labelValueError, qualifiedNameError } from '../../kube/names.ts';
import { fqdnProblem, isDnsLabel, wildcardHostProblem } from './names.ts';
import type { Report } from './report.ts';

/** Characters of a regular expression; longer ones cost every proxy memory. Istio: maximum regex program length. */
const MAX_REGEX_LENGTH = 1024;

export function durationProblem(text: string, minimumMs = 1): string | undefined {
  const ms = parseDuration(text);
  if (ms === undefined) return `${JSON.stringify(text)} is not a duration; write it as 100ms, 5s, 1m30s or 1h`;
  return ms < minimumMs ? `must be a duration of ${minimumMs}ms or more, not ${text}` : undefined;
}

export function portProblem(port: unknown): string | undefined {
  return typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535 ? undefined : `port must be between 1-65535, not ${JSON.stringify(port)}`;
}

export function percentProblem(value: number): string | undefined {
  return value >= 0 && value <= 100 ? undefined : `must be a percentage from 0 to 100, not ${value}`;
}

/** RE2, as the proxies compile it. */
export function regexProblem(pattern: string): string | undefined {
  if (pattern === '') return 'a regular expression must not be empty';
  if (pattern.length > MAX_REGEX_LENGTH) return `a regular expression may be ${MAX_REGEX_LENGTH} characters long, this one has ${pattern.length}`;
  try {
    RE2JS.compile(pattern);
    return undefined;
  } catch (error) {
    return `${JSON.stringify(pattern)} is not a regular expression of RE2: ${errorText(error)}`;
  }
}

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function headerNameProblem(name: string): string | undefined {
  return HEADER.test(name) ? undefined : `header name ${JSON.stringify(name)} may have only letters, digits and -_.!#$%&'*+^|~`;
}

export function rangeProblem(text: string): string | undefined {
  return parseCidr(text) ? undefined : `${JSON.stringify(text)} is not an address or a range such as 10.0.0.0/8`;
}

export const addressProblem = (text: string): string | undefined => (parseAddress(text) ? undefined : `${JSON.stringify(text)} is not an IP address`);

/** A DNS name, a wildcard, or an address. */
export const hostProblem = (host: string): string | undefined => (parseAddress(host) ? undefined : wildcardHostProblem(host));

/** A host that traffic can be sent to: no wildcard. */
export function destinationHostProblem(host: string): string | undefined {
  if (host.includes('*')) return `host ${JSON.stringify(host)} must name one service, a wildcard names many`;
  return parseAddress(host) ? undefined : fqdnProblem(host);
}

/** `mesh`, `name` or `namespace/name`. */
export function gatewayNameProblem(name: string): string | undefined {
  const parts = name.split('/');
  if (parts.length > 2) return `gateway ${JSON.stringify(name)} must be written as name or namespace/name`;
  const [namespace, gateway = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (namespace !== undefined && namespace !== '.' && !isDnsLabel(namespace)) return `gateway ${JSON.stringify(name)}: ${JSON.stringify(namespace)} is not a namespace`;
  return fqdnProblem(gateway) === undefined ? undefined : `gateway ${JSON.stringify(name)}: ${JSON.stringify(gateway)} is not a name`;
}

/** Protocols that ports of gateways and external services may name. */
export const PROTOCOLS: readonly string[] = ['HTTP', 'HTTPS', 'GRPC', 'GRPC-WEB', 'HTTP2', 'MONGO', 'TCP', 'TLS', 'MYSQL', 'REDIS', 'UDP', 'HBONE'];

export function protocolProblem(protocol: string): string | undefined {
  return PROTOCOLS.includes(protocol.toUpperCase()) ? undefined : `protocol ${JSON.stringify(protocol)} is not one of ${PROTOCOLS.slice(0, 8).join(', ')}`;
}

export function checkLabels(report: Report, labels: Readonly<Record<string, string>> | undefined): void {
  for (const [key, value] of Object.entries(labels ?? {})) {
    report.at(key).refuse(qualifiedNameError(key));
    report.at(key).refuse(labelValueError(String(value)));
  }
}

export function checkDuration(report: Report, text: string | undefined, minimumMs = 1): void {
  if (text !== undefined) report.refuse(durationProblem(text, minimumMs));
}

/** `*`, `.`, `~` or names of namespaces, without contradiction. */
export function checkExportTo(report: Report, exportTo: readonly string[] | undefined): void {
  const values = exportTo ?? [];
  values.forEach((value, index) => {
    if (!['*', '.', '~'].includes(value) && !isDnsLabel(value)) report.at(index).error(`${JSON.stringify(value)} is none of *, ., ~ and not the name of a namespace`);
  });
  for (const alone of ['*', '~']) if (values.includes(alone) && values.length > 1) report.error(`${alone} must stand alone`);
  if (new Set(values).size < values.length) report.error('names a namespace twice');
}
