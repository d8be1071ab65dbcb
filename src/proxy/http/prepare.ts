/** What a connection manager does to a request before routing: addresses, scheme, request id, client certificate, path.
 * Envoy: "HTTP header manipulation". */
import { cidrContains, parseAddress } from '../../base/cidr.ts';
import { randomUuid } from '../../base/random.ts';
import type { Headers } from '../../codec/headers.ts';
import { normalizePath } from '../route/path.ts';
import { withoutPort } from '../route/virtual-hosts.ts';
import type { DownstreamConnection } from './connection.ts';
import type { LocalReply } from './filter.ts';
import type { ManagerSettings } from './manager-settings.ts';
import type { RequestHead } from '../../codec/stream.ts';

/** Headers by which a trusted hop steers the router. Envoy takes them from internal requests only. */
const INTERNAL_ONLY: readonly string[] = [
  'x-envoy-retriable-status-codes', 'x-envoy-retriable-header-names', 'x-envoy-retry-on', 'x-envoy-retry-grpc-on', 'x-envoy-max-retries', 'x-envoy-upstream-alt-stat-name', 'x-envoy-upstream-rq-timeout-ms',
  'x-envoy-upstream-rq-per-try-timeout-ms', 'x-envoy-upstream-rq-timeout-alt-response', 'x-envoy-expected-rq-timeout-ms', 'x-envoy-force-trace', 'x-envoy-ip-tags', 'x-envoy-hedge-on-per-try-timeout',
];
/** Taken out where requests enter the mesh. */
const EDGE_ONLY: readonly string[] = ['x-envoy-decorator-operation', 'x-envoy-original-path', 'x-envoy-original-host', 'x-envoy-external-address'];

export interface Prepared {
  /** Address of the client, seen through trusted proxies. */
  readonly clientAddress: string;
}

/** Edits the head in place. @returns facts, or a reply that ends the exchange */
export function prepareRequest(head: RequestHead, connection: DownstreamConnection, settings: ManagerSettings): Prepared | LocalReply {
  const { headers } = head;
  if (settings.underscores !== 'allow') {
    if (settings.underscores === 'drop') headers.removeIf((name) => name.includes('_'));
    else for (const [name] of headers) if (name.includes('_')) return { status: 400, body: 'Bad Request', details: 'http1.unexpected_underscore', close: true };
  }
  const clientAddress = addresses(head, connection, settings);
  if (settings.stripPort !== 'none') stripPort(head, connection, settings.stripPort);
  requestId(headers, settings);
  clientCertificate(headers, connection, settings);
  if (settings.via !== '') headers.add('via', settings.via);
  return path(head, settings) ?? { clientAddress };
}

function path(head: RequestHead, settings: ManagerSettings): LocalReply | undefined {
  if (head.method === 'CONNECT') return undefined;
  const result = normalizePath(head.path, settings.paths);
  if ('refused' in result) return { status: 400, details: result.refused, close: true };
  if ('redirect' in result) return { status: 307, details: 'path_with_escaped_slashes_redirected', headers: [['location', result.redirect]] };
  head.path = result.path;
  return undefined;
}

/** x-forwarded-for, x-forwarded-proto, x-envoy-external-address and the trust in steering headers. @returns the client's address */
function addresses(head: RequestHead, connection: DownstreamConnection, settings: ManagerSettings): string {
  const { headers } = head;
  const remote = connection.remote.address;
  const forwarded = headers.get('x-forwarded-for');
  let client = remote;
  if (settings.useRemoteAddress) {
    client = settings.trustedHops > 0 ? (hop(forwarded, settings.trustedHops - 1) ?? remote) : remote;
    if (!settings.skipXffAppend) headers.set('x-forwarded-for', forwarded === undefined ? remote : `${forwarded},${remote}`);
    if (settings.tellsPort && (settings.trustedHops === 0 || !headers.has('x-forwarded-port'))) headers.set('x-forwarded-port', String(connection.local.port));
    if (settings.trustedHops === 0 || headers.get('x-forwarded-proto') === undefined) headers.set('x-forwarded-proto', connection.secure ? 'https' : 'http');
  } else {
    client = hop(forwarded, settings.trustedHops) ?? remote;
    if (!headers.has('x-forwarded-proto')) headers.add('x-forwarded-proto', connection.secure ? 'https' : 'http');
  }
  const single = settings.useRemoteAddress ? forwarded === undefined : forwarded !== undefined && !forwarded.includes(',');
  trust(headers, settings, { client, internal: single && isInternal(client, settings) });
  const proto = headers.get('x-forwarded-proto');
  head.scheme = proto === 'https' || proto === 'http' ? proto : connection.secure ? 'https' : 'http';
  return client;
}

/** Address that many places from the right of x-forwarded-for. */
function hop(forwarded: string | undefined, fromRight: number): string | undefined {
  if (forwarded === undefined) return undefined;
  const parts = forwarded.split(',');
  const found = parts[parts.length - 1 - fromRight]?.trim();
  return found === '' ? undefined : found;
}

/** What a stranger must not say is taken out; whether it is one is told to the upstream. */
function trust(headers: Headers, settings: ManagerSettings, from: { client: string; internal: boolean }): void {
  if (from.internal) {
    headers.set('x-envoy-internal', 'true');
    return;
  }
  if (hasEnvoyHeader(headers)) {
    for (const name of INTERNAL_ONLY) headers.remove(name);
    if (settings.useRemoteAddress) for (const name of EDGE_ONLY) headers.remove(name);
    headers.remove('x-envoy-internal');
  }
  if (settings.useRemoteAddress) headers.set('x-envoy-external-address', from.client);
}

function hasEnvoyHeader(headers: Headers): boolean {
  const { list } = headers;
  for (let i = 0; i < list.length; i += 3) if (list[i]?.startsWith('x-envoy-')) return true;
  return false;
}

function isInternal(address: string, settings: ManagerSettings): boolean {
  if (settings.internalRanges.length === 0) return false;
  const bytes = parseAddress(address);
  return bytes !== undefined && settings.internalRanges.some((range) => cidrContains(range, bytes));
}

function stripPort(head: RequestHead, connection: DownstreamConnection, mode: 'matching' | 'any'): void {
  const bare = withoutPort(head.authority);
  if (bare === head.authority) return;
  if (mode === 'any' || head.authority.slice(bare.length + 1) === String(connection.originalDestination.port)) head.authority = bare;
}

/** A new id at the edge or when there is none; ids of trusted hops stay. */
function requestId(headers: Headers, settings: ManagerSettings): void {
  if (!settings.generateRequestId) return;
  const edge = settings.useRemoteAddress && !settings.preserveRequestId;
  if (edge || !headers.has('x-request-id')) headers.set('x-request-id', randomUuid());
}

/** x-forwarded-client-cert. Envoy: `forward_client_cert_details`. */
function clientCertificate(headers: Headers, connection: DownstreamConnection, settings: ManagerSettings): void {
  const mode = settings.forwardCert;
  if (mode === 'always-forward-only') return;
  const { certificate } = connection;
  if (mode === 'sanitize' || certificate === undefined) {
    headers.remove('x-forwarded-client-cert');
    return;
  }
  if (mode === 'forward-only') return;
  const element = certificateElement(connection, settings);
  const before = mode === 'append-forward' ? headers.get('x-forwarded-client-cert') : undefined;
  headers.set('x-forwarded-client-cert', before === undefined ? element : `${before},${element}`);
}

function certificateElement(connection: DownstreamConnection, settings: ManagerSettings): string {
  const { certificate, facts } = connection;
  const { certDetails } = settings;
  const parts: string[] = [];
  if (facts.downstreamOwn !== undefined) parts.push(`By=${facts.downstreamOwn}`);
  parts.push(`Hash=${certificate?.sha256 ?? ''}`);
  if (certDetails.cert) parts.push(`Cert="${encodeURIComponent(certificate?.pem ?? '')}"`);
  if (certDetails.subject) parts.push(`Subject="${(certificate?.subject ?? '').replaceAll('"', String.raw`\"`)}"`);
  if (certDetails.uri) parts.push(`URI=${certificate?.uri ?? ''}`);
  if (certDetails.dns) for (const name of certificate?.dns ?? []) parts.push(`DNS=${name}`);
  return parts.join(';');
}
