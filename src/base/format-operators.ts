/** Which operators there are in formats of access logs and of header values: `%NAME%`, `%NAME(ARGUMENT)%`, `%NAME(ARGUMENT):LENGTH%`.
 * Source: what Envoy 1.40 takes in header values, and REQ_WITHOUT_QUERY, whose formatter Istio adds to access logs. */
import { ARGUMENTS } from './format-arguments.ts';

/** Without argument and length. */
const PLAIN: ReadonlySet<string> = new Set([
  'ACCESS_LOG_TYPE', 'BYTES_RECEIVED', 'BYTES_RETRANSMITTED', 'BYTES_SENT', 'CONNECTION_ID', 'CONNECTION_TERMINATION_DETAILS', 'CUSTOM_FLAGS', 'DOWNSTREAM_DETECTED_CLOSE_TYPE',
  'DOWNSTREAM_DIRECT_LOCAL_ADDRESS', 'DOWNSTREAM_DIRECT_LOCAL_PORT', 'DOWNSTREAM_DIRECT_REMOTE_ADDRESS', 'DOWNSTREAM_DIRECT_REMOTE_PORT', 'DOWNSTREAM_HANDSHAKE_DURATION', 'DOWNSTREAM_HEADER_BYTES_RECEIVED',
  'DOWNSTREAM_HEADER_BYTES_SENT', 'DOWNSTREAM_LOCAL_ADDRESS', 'DOWNSTREAM_LOCAL_CLOSE_REASON', 'DOWNSTREAM_LOCAL_DNS_SAN', 'DOWNSTREAM_LOCAL_EMAIL_SAN', 'DOWNSTREAM_LOCAL_IP_SAN', 'DOWNSTREAM_LOCAL_OTHERNAME_SAN',
  'DOWNSTREAM_LOCAL_PORT', 'DOWNSTREAM_LOCAL_SUBJECT', 'DOWNSTREAM_LOCAL_URI_SAN', 'DOWNSTREAM_PEER_CERT', 'DOWNSTREAM_PEER_DNS_SAN', 'DOWNSTREAM_PEER_EMAIL_SAN', 'DOWNSTREAM_PEER_FINGERPRINT_1',
  'DOWNSTREAM_PEER_FINGERPRINT_256', 'DOWNSTREAM_PEER_IP_SAN', 'DOWNSTREAM_PEER_ISSUER', 'DOWNSTREAM_PEER_OTHERNAME_SAN', 'DOWNSTREAM_PEER_SERIAL', 'DOWNSTREAM_PEER_SUBJECT',
  'DOWNSTREAM_PEER_URI_SAN', 'DOWNSTREAM_REMOTE_ADDRESS', 'DOWNSTREAM_REMOTE_PORT', 'DOWNSTREAM_TLS_CIPHER', 'DOWNSTREAM_TLS_GROUP', 'DOWNSTREAM_TLS_SESSION_ID', 'DOWNSTREAM_TLS_VERSION',
  'DOWNSTREAM_TRANSPORT_FAILURE_REASON', 'DOWNSTREAM_WIRE_BYTES_RECEIVED', 'DOWNSTREAM_WIRE_BYTES_SENT', 'DURATION', 'FILTER_CHAIN_NAME', 'GRPC_STATUS_NUMBER', 'HOSTNAME',
  'LOCAL_REPLY_BODY', 'PACKETS_RETRANSMITTED', 'PROTOCOL', 'REQUEST_DURATION', 'REQUEST_HEADERS_BYTES', 'REQUEST_TX_DURATION', 'RESPONSE_CODE', 'RESPONSE_DURATION', 'RESPONSE_HEADERS_BYTES', 'RESPONSE_TRAILERS_BYTES',
  'RESPONSE_FLAGS', 'RESPONSE_FLAGS_LONG', 'RESPONSE_TX_DURATION', 'ROUNDTRIP_DURATION', 'ROUTE_NAME', 'SPAN_ID', 'STREAM_ID', 'TLS_JA3_FINGERPRINT', 'TLS_JA4_FINGERPRINT', 'TRACE_ID', 'UNIQUE_ID',
  'UPSTREAM_CLUSTER', 'UPSTREAM_CLUSTER_RAW', 'UPSTREAM_CONNECTION_ID', 'UPSTREAM_CONNECTION_IDS_ATTEMPTED', 'UPSTREAM_CONNECTION_POOL_READY_DURATION', 'UPSTREAM_DETECTED_CLOSE_TYPE', 'UPSTREAM_HEADER_BYTES_RECEIVED',
  'UPSTREAM_HEADER_BYTES_SENT', 'UPSTREAM_HOST', 'UPSTREAM_HOSTS_ATTEMPTED', 'UPSTREAM_HOST_NAME', 'UPSTREAM_HOST_NAMES_ATTEMPTED', 'UPSTREAM_HOST_NAMES_ATTEMPTED_WITHOUT_PORT', 'UPSTREAM_HOST_NAME_WITHOUT_PORT', 'UPSTREAM_LOCAL_ADDRESS', 'UPSTREAM_LOCAL_CLOSE_REASON', 'UPSTREAM_LOCAL_DNS_SAN',
  'UPSTREAM_LOCAL_IP_SAN', 'UPSTREAM_LOCAL_PORT', 'UPSTREAM_LOCAL_URI_SAN', 'UPSTREAM_PEER_CERT', 'UPSTREAM_PEER_DNS_SAN', 'UPSTREAM_PEER_IP_SAN', 'UPSTREAM_PEER_ISSUER', 'UPSTREAM_PEER_SUBJECT',
  'UPSTREAM_PEER_URI_SAN', 'UPSTREAM_PROTOCOL', 'UPSTREAM_REMOTE_ADDRESS', 'UPSTREAM_REMOTE_PORT', 'UPSTREAM_REQUEST_ATTEMPT_COUNT', 'UPSTREAM_TLS_CIPHER', 'UPSTREAM_TLS_GROUP', 'UPSTREAM_TLS_SESSION_ID',
  'UPSTREAM_TLS_VERSION', 'UPSTREAM_TRANSPORT_FAILURE_REASON', 'UPSTREAM_WIRE_BYTES_RECEIVED', 'UPSTREAM_WIRE_BYTES_SENT', 'VIRTUAL_CLUSTER_NAME',
]);

export const FORMAT_OPERATORS: ReadonlySet<string> = new Set([...PLAIN, ...ARGUMENTS.keys()]);

/** Characters of an argument: what is longer is no operator. Keeps hostile texts from costing the square of their length. */
const MAX_ARGUMENT = 2000;

/** What stands as it is, `%%`, an operator, or a lone percent sign. An operator's argument may hold percent signs (START_TIME) and brackets of its own. */
export const FORMAT_PARTS = new RegExp(`%%|%([A-Z_0-9]+(?:\\(.{0,${MAX_ARGUMENT}}?\\))?(?::\\d+)?)%|[^%]+|%`, 'g');

const OPERATOR = /^([A-Z_0-9]+)(?:\((.*)\))?(:\d+)?$/;

/** Where a format stands: Istio gives access logs an operator more. */
export type FormatPlace = 'access log' | 'header value';

/** Why Envoy would refuse a format, and the way out; undefined when it would not. */
export function formatProblem(format: string, place: FormatPlace): string | undefined {
  for (const [part, operator] of format.matchAll(FORMAT_PARTS)) {
    const problem = part === '%' ? 'a lone % is the beginning of an operator, %NAME% or %NAME(ARGUMENT)%; a percent sign is written %%' : operator === undefined ? undefined : operatorProblem(operator, place);
    if (problem !== undefined) return problem;
  }
  return undefined;
}

function operatorProblem(operator: string, place: FormatPlace): string | undefined {
  const [, name = '', argument = '', length] = OPERATOR.exec(operator) ?? [];
  if (!FORMAT_OPERATORS.has(name) || (name === 'REQ_WITHOUT_QUERY' && place !== 'access log')) {
    return `there is no operator %${operator}%${name === 'REQ_WITHOUT_QUERY' ? ` in a ${place}` : ''}; they are those of Envoy's access logs, such as %REQ(NAME)% or %RESPONSE_CODE%, and a percent sign is written %%`;
  }
  const rule = ARGUMENTS.get(name);
  if (!rule) return argument !== '' || length !== undefined ? `%${name}% takes no argument and no length` : undefined;
  if (argument === '' && rule.isRequired) return `%${operator}% needs an argument, as in %${name}(${rule.example})%`;
  if (length !== undefined && !rule.mayHaveLength) return `%${name}% takes no length, which is the ${length} of %${operator}%`;
  const problem = argument === '' ? undefined : rule.problem?.(argument);
  return problem === undefined ? undefined : `%${operator}%: ${problem}, as in %${name}(${rule.example})%`;
}
