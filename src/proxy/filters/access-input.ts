import type { DownstreamConnection } from '../http/connection.ts';
import type { FilterContext } from '../http/filter.ts';
import type { AccessInput } from './rbac.ts';

export function principalsOf(connection: DownstreamConnection): readonly string[] | undefined {
  const { certificate } = connection;
  if (!certificate) return undefined;
  if (certificate.uri !== undefined) return [certificate.uri];
  return certificate.dns.length > 0 ? certificate.dns : [certificate.subject];
}

export function accessInput(context: FilterContext): AccessInput {
  const { connection } = context;
  return {
    request: context.request,
    destination: connection.originalDestination,
    sourceAddress: (connection.direct ?? connection.remote).address,
    remoteAddress: context.clientAddress,
    serverName: connection.facts.requestedServerName,
    principals: principalsOf(connection),
    metadata: (filter) => context.metadata.get(filter),
  };
}

/** For connections that carry no HTTP. */
export function connectionInput(connection: DownstreamConnection): AccessInput {
  return {
    request: undefined,
    destination: connection.originalDestination,
    sourceAddress: (connection.direct ?? connection.remote).address,
    remoteAddress: connection.remote.address,
    serverName: connection.facts.requestedServerName,
    principals: principalsOf(connection),
    metadata: () => undefined,
  };
}
