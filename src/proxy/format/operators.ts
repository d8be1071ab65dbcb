/** Command operators of access-log formats and of header values. Source: Envoy "Substitution formatting". Each is compiled once to
 * a function of the outcome, or of what is known so far; undefined where there is nothing to tell. */
import { hostname } from 'node:os';
import { networkText } from '../../base/cidr.ts';
import { FORMAT_OPERATORS } from '../../base/format-operators.ts';
import type { ConfigMetadata, HttpOutcome, Outcome } from '../outcome.ts';
import { REQUEST_OPERATORS } from './request-operators.ts';
import { formatTime } from './time-format.ts';

export type Value = string | number | undefined;
export type Operator = (outcome: Outcome) => Value;

type Simple = Readonly<Record<string, Operator>>;

const http = (read: (outcome: HttpOutcome) => Value): Operator => (outcome) => (outcome.kind === 'http' ? read(outcome) : undefined);
const received = (outcome: Outcome) => (outcome.kind === 'http' ? outcome.requestBytes : outcome.receivedBytes);
const sent = (outcome: Outcome) => (outcome.kind === 'http' ? outcome.responseBytes : outcome.sentBytes);
const host = (address: string | undefined) => address?.replace(/:\d+$/, '').replace(/^\[|\]$/g, '');
const port = (address: string | undefined) => (address === undefined ? undefined : Number(/:(\d+)$/.exec(address)?.[1] ?? 0));

const FLAG_NAMES: Readonly<Record<string, string>> = {
  UH: 'NoHealthyUpstream', UF: 'UpstreamConnectionFailure', UO: 'UpstreamOverflow', NR: 'NoRouteFound', URX: 'UpstreamRetryLimitExceeded', NC: 'NoClusterFound', DT: 'DurationTimeout',
  DC: 'DownstreamConnectionTermination', LH: 'FailedLocalHealthCheck', UT: 'UpstreamRequestTimeout', LR: 'LocalReset', UR: 'UpstreamRemoteReset', UC: 'UpstreamConnectionTermination',
  DI: 'DelayInjected', FI: 'FaultInjected', RL: 'RateLimited', UAEX: 'UnauthorizedExternalService', RLSE: 'RateLimitServiceError', IH: 'InvalidEnvoyRequestHeaders', SI: 'StreamIdleTimeout',
  DPE: 'DownstreamProtocolError', UPE: 'UpstreamProtocolError', UMSDR: 'UpstreamMaxStreamDurationReached', OM: 'OverloadManagerTerminated', DF: 'DnsResolutionFailed', DO: 'DropOverload',
};

const SIMPLE: Simple = {
  PROTOCOL: http((o) => o.protocol),
  RESPONSE_CODE: (o) => (o.kind === 'http' ? o.responseCode : 0),
  // Unlike all else, these say that there is nothing.
  RESPONSE_FLAGS: (o) => (o.flags.length === 0 ? '-' : o.flags.join(',')),
  RESPONSE_FLAGS_LONG: (o) => (o.flags.length === 0 ? '-' : o.flags.map((flag) => FLAG_NAMES[flag] ?? flag).join(',')),
  RESPONSE_CODE_DETAILS: (o) => (o.kind === 'http' ? o.details.replaceAll(' ', '_') : o.refusal),
  // Of connections; a request's details are its response code details.
  CONNECTION_TERMINATION_DETAILS: (o) => (o.kind === 'tcp' ? o.details : undefined),
  UPSTREAM_TRANSPORT_FAILURE_REASON: (o) => o.upstream?.transportFailure?.replaceAll(' ', '_'),
  BYTES_RECEIVED: received,
  BYTES_SENT: sent,
  DURATION: (o) => Math.round(o.durationMs),
  RESPONSE_DURATION: (o) => (o.upstream?.serviceTimeMs === undefined ? undefined : Math.round(o.upstream.serviceTimeMs)),
  UPSTREAM_HOST: (o) => o.upstream?.host,
  UPSTREAM_CLUSTER: (o) => o.upstream?.destination.cluster,
  UPSTREAM_CLUSTER_RAW: (o) => o.upstream?.destination.cluster,
  UPSTREAM_REMOTE_ADDRESS: (o) => o.upstream?.host,
  UPSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (o) => host(o.upstream?.host),
  UPSTREAM_REMOTE_PORT: (o) => port(o.upstream?.host),
  UPSTREAM_LOCAL_ADDRESS: (o) => o.upstream?.local,
  UPSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (o) => host(o.upstream?.local),
  UPSTREAM_LOCAL_PORT: (o) => port(o.upstream?.local),
  UPSTREAM_REQUEST_ATTEMPT_COUNT: (o) => o.upstream?.attempts ?? 0,
  UPSTREAM_PEER_URI_SAN: (o) => o.upstream?.peer,
  UPSTREAM_LOCAL_URI_SAN: (o) => o.upstream?.own,
  DOWNSTREAM_LOCAL_ADDRESS: (o) => o.connection.downstreamLocal,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (o) => host(o.connection.downstreamLocal),
  DOWNSTREAM_LOCAL_PORT: (o) => port(o.connection.downstreamLocal),
  DOWNSTREAM_REMOTE_ADDRESS: (o) => o.connection.downstreamRemote,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (o) => host(o.connection.downstreamRemote),
  DOWNSTREAM_REMOTE_PORT: (o) => port(o.connection.downstreamRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (o) => o.connection.downstreamDirect ?? o.connection.downstreamRemote,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (o) => host(o.connection.downstreamDirect ?? o.connection.downstreamRemote),
  DOWNSTREAM_PEER_URI_SAN: (o) => o.connection.downstreamPeer,
  DOWNSTREAM_LOCAL_URI_SAN: (o) => o.connection.downstreamOwn,
  DOWNSTREAM_TLS_VERSION: (o) => o.connection.tlsVersion,
  REQUESTED_SERVER_NAME: (o) => o.connection.requestedServerName,
  ROUTE_NAME: http((o) => o.routeName),
  GRPC_STATUS_NUMBER: http((o) => o.grpcStatus),
  GRPC_STATUS: http((o) => (o.grpcStatus === undefined ? undefined : (GRPC_STATUS_NAMES[o.grpcStatus] ?? String(o.grpcStatus)))),
  TRACE_ID: http((o) => o.span?.traceId),
  SPAN_ID: http((o) => o.span?.spanId),
  HOSTNAME: () => hostname(),
};

const GRPC_STATUS_NAMES: readonly string[] = [
  'OK', 'Canceled', 'Unknown', 'InvalidArgument', 'DeadlineExceeded', 'NotFound', 'AlreadyExists', 'PermissionDenied', 'ResourceExhausted',
  'FailedPrecondition', 'Aborted', 'OutOfRange', 'Unimplemented', 'Internal', 'Unavailable', 'DataLoss', 'Unauthenticated',
];

/** @param text between the percent signs, e.g. `REQ(X-ENVOY-ORIGINAL-PATH?:PATH):20`. Undefined: there is no such operator. */
export function compileOperator(text: string): Operator | undefined {
  const match = /^([A-Z_0-9]+)(?:\((.*)\))?(?::(\d+))?$/s.exec(text);
  if (!match) return undefined;
  const [, name = '', argument, limit] = match;
  const operator = argument === undefined ? (SIMPLE[name] ?? (name === 'START_TIME' ? formatTime('') : withArgument(name, ''))) : withArgument(name, argument);
  // What this proxy does not keep is known, and empty.
  if (!operator) return FORMAT_OPERATORS.has(name) ? () => undefined : undefined;
  return limit === undefined ? operator : truncate(operator, Number(limit));
}

function withArgument(name: string, argument: string): Operator | undefined {
  if (name === 'START_TIME') return formatTime(argument);
  if (name === 'ENVIRONMENT') {
    const value = process.env[argument];
    return () => value;
  }
  if (name === 'METADATA') return metadataOperator(argument);
  if (name === 'CLUSTER_METADATA') return metadataOperator(`CLUSTER:${argument}`);
  if (name === 'DYNAMIC_METADATA') return dynamicOperator(argument);
  if (name === 'REQ' || name === 'REQUEST_HEADER') return headerOperator('REQ', argument);
  if (name === 'RESP' || name === 'RESPONSE_HEADER') return headerOperator('RESP', argument);
  if (name === 'REQ_WITHOUT_QUERY') {
    const read = headerOperator('REQ', argument);
    return (outcome) => String(read(outcome) ?? '').replace(/\?.*$/s, '') || undefined;
  }
  if (name.endsWith('_ADDRESS_WITHOUT_PORT') && /^\d+$/.test(argument)) return maskedOperator(SIMPLE[name], Number(argument));
  const read = REQUEST_OPERATORS[name]?.(argument);
  // An argument that asks for nothing special, such as an empty one, means the operator as it is.
  return read ? http(read) : SIMPLE[name];
}

/** The network of an address. Envoy: a prefix that is too long is as long as the address. */
function maskedOperator(read: Operator | undefined, length: number): Operator | undefined {
  if (!read) return undefined;
  return (outcome) => {
    const address = read(outcome);
    if (typeof address !== 'string' || address === '') return undefined;
    const bits = address.includes(':') ? 128 : 32;
    return length >= bits ? `${address}/${bits}` : networkText(`${address}/${length}`);
  };
}

/** Whose metadata can be asked for. Envoy has more; those are empty here. */
const METADATA: Readonly<Record<string, (outcome: Outcome) => ConfigMetadata | undefined>> = {
  ROUTE: (o) => (o.kind === 'http' ? o.routeMetadata : undefined),
  VIRTUAL_HOST: (o) => (o.kind === 'http' ? o.virtualHostMetadata : undefined),
  CLUSTER: (o) => o.upstream?.destination.metadata,
  LISTENER_FILTER_CHAIN: (o) => o.connection.chainMetadata,
};

/** `TYPE:NAMESPACE:KEY[:KEY…]` */
function metadataOperator(argument: string): Operator {
  const [type = '', namespace = '', ...keys] = argument.split(':');
  const read = METADATA[type] ?? (() => undefined);
  return (outcome) => valueAt(read(outcome)?.[namespace], keys);
}

/** `NAMESPACE:KEY[:KEY…]`, of what filters found out. */
function dynamicOperator(argument: string): Operator {
  const [namespace = '', ...keys] = argument.split(':');
  return http((outcome) => valueAt(outcome.metadata?.get(namespace), keys));
}

function valueAt(root: unknown, keys: readonly string[]): Value {
  let value = root;
  for (const key of keys) value = typeof value === 'object' && value !== null && Object.hasOwn(value, key) ? (value as Record<string, unknown>)[key] : undefined;
  if (value === undefined || value === null) return undefined;
  return typeof value === 'string' || typeof value === 'number' ? value : JSON.stringify(value);
}

/** `MAIN?ALTERNATIVE`; pseudo-headers are read from the outcome. */
function headerOperator(side: 'REQ' | 'RESP', argument: string): Operator {
  const [main = '', alternative] = argument.toLowerCase().split('?');
  const read = side === 'REQ' ? requestHeader : (outcome: HttpOutcome, header: string) => outcome.responseHeaders.get(header);
  return http((outcome) => read(outcome, main) ?? (alternative === undefined ? undefined : read(outcome, alternative)));
}

function requestHeader(outcome: HttpOutcome, name: string): string | undefined {
  switch (name) {
    case ':method': return outcome.method;
    case ':path': return outcome.rewrittenPath;
    case ':authority': return outcome.authority;
    case ':scheme': return outcome.requestHeaders.get('x-forwarded-proto') ?? 'http';
    default: return outcome.requestHeaders.get(name);
  }
}

function truncate(operator: Operator, length: number): Operator {
  return (outcome) => {
    const value = operator(outcome);
    return typeof value === 'string' ? value.slice(0, length) : value;
  };
}

/** For filters. */
export const responseCodeOf = (outcome: Outcome): number => (outcome.kind === 'http' ? outcome.responseCode : 0);
