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
/** Instructions of the compiled program. Istio lets Envoy take 32,768 of its own, which are up to seven for one of these. */
const MAX_REGEX_PROGRAM = 4_000;
/** Three octal digits of more than a byte, behind a backslash that is not escaped itself: RE2 refuses them. */
const WIDE_OCTAL = /(?<!\\)(?:\\\\)*\\[4-7][0-7]{2}/;
/** What Envoy can count: 2^63 ns. */
const MAX_DURATION_MS = 9_223_372_036_000;
/** Envoy: HeaderValue. */
const MAX_HEADER_BYTES = 16_384;
/** RFC 6066 §3. */
const MAX_SNI_BYTES = 255;

export function durationProblem(text: string, minimumMs = 1): string | undefined {
  const ms = parseDuration(text);
  if (ms === undefined) return `${JSON.stringify(text)} is not a duration; write it as 100ms, 5s, 1m30s or 1h`;
  if (ms > MAX_DURATION_MS) return `must be a duration of 2562047h or less, not ${text}`;
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
  if (WIDE_OCTAL.test(pattern)) return `${JSON.stringify(pattern)} is not a regular expression of RE2: \\400 and above is more than a byte; write \\x{…}`;
  try {
    const size = RE2JS.compile(pattern).programSize();
    return size <= MAX_REGEX_PROGRAM ? undefined : `${JSON.stringify(pattern)} repeats so much that it is compiled to ${size} instructions; proxies take ${MAX_REGEX_PROGRAM}. Count less exactly, with * or +`;
  } catch (error) {
    return `${JSON.stringify(pattern)} is not a regular expression of RE2: ${errorText(error)}`;
  }
}

const HEADER = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;

export function headerNameProblem(name: string): string | undefined {
  if (name.length > MAX_HEADER_BYTES) return `a header name may be ${MAX_HEADER_BYTES} characters long, this one has ${name.length}`;
  return HEADER.test(name) ? undefined : `header name ${JSON.stringify(name)} may have only letters, digits and -_.!#$%&'*+^|~`;
}

/** Of a text that goes into a head as it is. Envoy: well-known regex HTTP_HEADER_VALUE. */
export function lineProblem(text: string): string | undefined {
  const bytes = Buffer.byteLength(text);
  if (bytes > MAX_HEADER_BYTES) return `may be ${MAX_HEADER_BYTES} bytes long, and is ${bytes}`;
  return /[\0\r\n]/.test(text) ? `${JSON.stringify(text.slice(0, 200))} must be one line, without line breaks and NUL: it stands in the head of a message` : undefined;
}

export function sniProblem(sni: string): string | undefined {
  const bytes = Buffer.byteLength(sni);
  if (bytes > MAX_SNI_BYTES) return `a server name may be ${MAX_SNI_BYTES} bytes long, this one has ${bytes}`;
  return sni.includes('\0') ? 'a server name must not contain NUL' : undefined;
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
