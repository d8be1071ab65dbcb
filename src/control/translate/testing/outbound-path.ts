/** For tests: where a call of a workload ends up, by the listeners and routes that its sidecar gets. */
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import type { FilterChain } from '../../../xds/generated/envoy/config/listener/v3/listener_components_pb.js';
import type { Listener } from '../../../xds/generated/envoy/config/listener/v3/listener_pb.js';
import { HttpConnectionManagerSchema } from '../../../xds/generated/envoy/extensions/filters/network/http_connection_manager/v3/http_connection_manager_pb.js';
import { TcpProxySchema } from '../../../xds/generated/envoy/extensions/filters/network/tcp_proxy/v3/tcp_proxy_pb.js';
import type { Context } from '../context.ts';
import { buildOutboundListener, buildVirtualOutbound } from '../outbound-listeners.ts';
import { planOutbound } from '../outbound-plan.ts';
import { buildOutboundRoutes } from '../outbound-routes.ts';
import { findChain, simulate } from './simulate.ts';

export interface OutboundCall {
  /** `address:port` that the workload dials. */
  to: string;
  /** An HTTP request with this host. */
  host?: string;
  /** A TLS connection that asks for this name. */
  sni?: string;
}

const TELEMETRY = { accessLog: [], tcpLog: [], refusals: [], outcomes: [], plugins: [] };

export function outboundListeners(context: Context): Map<string, Listener> {
  const { plans, hidden } = planOutbound(context);
  const made = [...plans.map((plan) => buildOutboundListener(plan, context, TELEMETRY)), buildVirtualOutbound(hidden, context, TELEMETRY)];
  return new Map(made.map((listener) => [listener.name, listener]));
}

/** Name of the cluster, `404`, `502`, or `refused`. Neither a host nor a name: bytes that are no protocol. */
export function outboundPath(context: Context, call: OutboundCall): string {
  const listeners = outboundListeners(context);
  const colon = call.to.lastIndexOf(':');
  const address = call.to.slice(0, colon);
  const port = Number(call.to.slice(colon + 1));
  const listener = listeners.get(`${address}_${port}`) ?? listeners.get(`0.0.0.0_${port}`) ?? listeners.get('virtualOutbound');
  if (!listener) return 'refused';
  const sniffs = listener.listenerFilters.some((f) => f.name.endsWith('http_inspector'));
  const transport = call.sni === undefined || listener.listenerFilters.length === 0 ? 'raw_buffer' : 'tls';
  return leadsTo(findChain(listener, { address, port, transport, alpn: call.host !== undefined && sniffs ? ['http/1.1'] : [], serverName: call.sni }), call, context);
}

function leadsTo(chain: FilterChain | undefined, call: OutboundCall, context: Context): string {
  const config = chain?.filters.at(-1)?.configType;
  if (config?.case !== 'typedConfig') return 'refused';
  const tcp = anyUnpack(config.value, TcpProxySchema)?.clusterSpecifier;
  if (tcp) return tcp.case === 'cluster' ? tcp.value : (tcp.value?.clusters ?? []).map((c) => `${c.name} ${c.weight}`).join(', ');
  const routes = anyUnpack(config.value, HttpConnectionManagerSchema)?.routeSpecifier;
  return routes?.case === 'rds' ? simulate(buildOutboundRoutes(routes.value.routeConfigName, context), { host: call.host ?? '' }) : '?';
}
