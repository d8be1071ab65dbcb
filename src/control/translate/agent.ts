/** Configuration for a stock Envoy with an agent beside it, in place of Istio's own filters: see `xds/agent-contract.ts`. */
import { OUTCOME_FORMAT, PEER_NAMESPACE, PeerEnv, PeerHeader, type OutcomeLine } from '../../xds/agent-contract.ts';
import { AccessLogType } from '../../xds/generated/envoy/data/accesslog/v3/accesslog_pb.js';
import type { AccessLogSchema } from '../../xds/generated/envoy/config/accesslog/v3/accesslog_pb.js';
import { HeaderValueOption_HeaderAppendAction as AppendAction } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { RouteSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { FileAccessLogSchema } from '../../xds/generated/envoy/extensions/access_loggers/file/v3/file_pb.js';
import { HeaderMutationSchema } from '../../xds/generated/envoy/extensions/filters/http/header_mutation/v3/header_mutation_pb.js';
import { ConfigSchema as HeaderToMetadataSchema } from '../../xds/generated/envoy/extensions/filters/http/header_to_metadata/v3/header_to_metadata_pb.js';
import type { HttpFilterSchema } from '../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { pack, type Init } from './message.ts';
import type { Proxy } from './proxy.ts';

type AccessLogInit = Init<typeof AccessLogSchema>;
type HttpFilterInit = Init<typeof HttpFilterSchema>;

/** A line for the agent of everything that ends. */
export function outcomeLog(proxy: Proxy, reporter: OutcomeLine['reporter']): AccessLogInit[] {
  if (proxy.outcomes === undefined) return [];
  const format = { omitEmptyValues: true, format: { case: 'jsonFormat' as const, value: { reporter, ...OUTCOME_FORMAT } } };
  const value = pack(FileAccessLogSchema, { path: proxy.outcomes, accessLogFormat: { case: 'logFormat', value: format } });
  return [{ name: 'envoy.access_loggers.file', configType: { case: 'typedConfig', value } }];
}

/** The agent's log is also written while a connection is open; people's logs are not. */
export function onlyAtEnd(log: AccessLogInit): AccessLogInit {
  const filter: AccessLogInit['filter'] = { filterSpecifier: { case: 'logTypeFilter', value: { types: [AccessLogType.TcpConnectionEnd] } } };
  return { ...log, filter: log.filter ? { filterSpecifier: { case: 'andFilter', value: { filters: [filter, log.filter] } } } : filter };
}

/** Keeps what a peer says of itself for the log. A server's word is taken out of the response; a client's stays in the request
 * for the route to see, which takes it out. */
export function peerFilter(from: 'request' | 'response'): HttpFilterInit {
  const keep = (header: string, key: string) => ({ header, onHeaderPresent: { metadataNamespace: PEER_NAMESPACE, key } });
  const value =
    from === 'request'
      ? { requestRules: [keep(PeerHeader.value, 'value')] }
      : { responseRules: [keep(PeerHeader.value, 'value'), keep(PeerHeader.id, 'id')].map((rule) => ({ ...rule, remove: true })) };
  return { name: 'envoy.filters.http.header_to_metadata', configType: { case: 'typedConfig', value: pack(HeaderToMetadataSchema, value) } };
}

/** The proxy's word about itself, out of Envoy's environment. */
const ownWord = () =>
  ([['id', PeerEnv.id], ['value', PeerEnv.value]] as const).map(([part, variable]) => ({
    header: { key: PeerHeader[part], value: `%ENVIRONMENT(${variable})%` },
    appendAction: AppendAction.OVERWRITE_IF_EXISTS_OR_ADD,
  }));

/** Filters of a cluster whose servers are of the mesh: they are told who calls. */
export function introduction(proxy: Proxy): HttpFilterInit[] {
  if (proxy.outcomes === undefined) return [];
  const value = pack(HeaderMutationSchema, { mutations: { requestMutations: ownWord().map((append) => ({ action: { case: 'append' as const, value: append } })) } });
  return [{ name: 'envoy.filters.http.header_mutation', configType: { case: 'typedConfig', value } }];
}

/** The workload's one route again, for clients that have said who they are: only those are answered in kind. */
export function introduced(route: Init<typeof RouteSchema>): Init<typeof RouteSchema> {
  return {
    ...route,
    match: { pathSpecifier: { case: 'prefix', value: '/' }, headers: [{ name: PeerHeader.value, headerMatchSpecifier: { case: 'presentMatch', value: true } }] },
    requestHeadersToRemove: [PeerHeader.value, PeerHeader.id],
    responseHeadersToAdd: ownWord(),
  };
}
