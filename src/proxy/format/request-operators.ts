/** Operators that say in brackets which of several things about a request they mean. Source: Envoy 1.40's answers. */
import type { HttpOutcome } from '../outcome.ts';

type Reader = (outcome: HttpOutcome) => string | number | undefined;

const SNAKE: readonly string[] = [
  'OK', 'CANCELLED', 'UNKNOWN', 'INVALID_ARGUMENT', 'DEADLINE_EXCEEDED', 'NOT_FOUND', 'ALREADY_EXISTS', 'PERMISSION_DENIED', 'RESOURCE_EXHAUSTED',
  'FAILED_PRECONDITION', 'ABORTED', 'OUT_OF_RANGE', 'UNIMPLEMENTED', 'INTERNAL', 'UNAVAILABLE', 'DATA_LOSS', 'UNAUTHENTICATED',
];

/** By operator, from the argument; the argument has been checked. */
export const REQUEST_OPERATORS: Readonly<Record<string, (argument: string) => Reader | undefined>> = {
  GRPC_STATUS(argument) {
    if (argument === 'NUMBER') return (o) => o.grpcStatus;
    if (argument === 'SNAKE_STRING') return (o) => (o.grpcStatus === undefined ? undefined : (SNAKE[o.grpcStatus] ?? o.grpcStatus));
    // The names without an argument are these.
    return undefined;
  },
  PATH(argument) {
    const [query = '', source = ''] = argument.split(':');
    const read = readPath(source);
    return query === 'NQ' ? (o) => read(o)?.replace(/\?.*$/s, '') : read;
  },
  QUERY_PARAMS: () => (o) => queryOf(o) || undefined,
  QUERY_PARAM: (name) => (o) => new URLSearchParams(queryOf(o)).get(name) ?? undefined,
  RESPONSE_CODE_DETAILS: (argument) => (argument === 'ALLOW_WHITESPACES' ? (o) => o.details : undefined),
  REQUESTED_SERVER_NAME(argument) {
    const [order = '', source = ''] = argument.split(':');
    const host = readHost(source);
    if (order === 'SNI_FIRST') return (o) => o.connection.requestedServerName || host(o);
    if (order === 'HOST_FIRST') return (o) => host(o) || o.connection.requestedServerName;
    return undefined;
  },
};

const originalPath = (o: HttpOutcome): string | undefined => o.requestHeaders.get('x-envoy-original-path');
const originalHost = (o: HttpOutcome): string | undefined => o.requestHeaders.get('x-envoy-original-host');

function readPath(source: string): (outcome: HttpOutcome) => string | undefined {
  if (source === 'ORIG') return originalPath;
  return source === 'PATH' ? (o) => o.rewrittenPath : (o) => originalPath(o) ?? o.rewrittenPath;
}

function readHost(source: string): (outcome: HttpOutcome) => string | undefined {
  if (source === 'ORIG') return originalHost;
  return source === 'HOST' ? (o) => o.authority : (o) => originalHost(o) ?? o.authority;
}

/** Of the path that went on, as it was written. */
function queryOf({ rewrittenPath }: HttpOutcome): string {
  const at = rewrittenPath.indexOf('?');
  return at < 0 ? '' : rewrittenPath.slice(at + 1);
}
