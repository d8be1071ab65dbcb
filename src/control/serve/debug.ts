/** What the control plane knows and has sent, for people and tools. Paths and shapes follow Istio's debug endpoints. */
import { shortType } from '../../xds/type-urls.ts';
import { originOf, parseOrigin } from '../registry/origin.ts';
import { configDump } from './config-dump.ts';
import type { ConnectedProxy, Discovery } from './discovery.ts';
import type { Generator } from '../generate/generator.ts';
import { syncColumns, syncStatus } from './sync-status.ts';

export interface DebugDeps {
  readonly discovery: Discovery;
  readonly generator: Generator;
}

export type DebugAnswer = { readonly status: number; readonly body: unknown };

type Handler = (query: URLSearchParams, deps: DebugDeps) => DebugAnswer;

const ok = (body: unknown): DebugAnswer => ({ status: 200, body });

const HANDLERS: Readonly<Record<string, Handler>> = {
  '/debug/syncz': (_query, { discovery }) => ok(discovery.connections().map(syncRow)),
  '/debug/adsz': (_query, { discovery }) => ok({ totalClients: discovery.connections().length, clients: discovery.connections().map(client) }),
  '/debug/connections': (_query, { discovery }) => ok({ totalClients: discovery.connections().length, clients: discovery.connections().map(client) }),
  '/debug/registryz': (_query, { generator }) => ok(generator.snapshot.services.map((s) => ({ ...s, accounts: generator.snapshot.endpoints.get(s.key)?.accounts ?? [] }))),
  '/debug/endpointz': (_query, { generator }) => ok(endpoints(generator)),
  '/debug/configz': (_query, { generator }) => ok(configuration(generator)),
  '/debug/remains': (query, deps) => remains(query, deps),
  '/debug/left_out': (_query, { generator, discovery }) => ok([...generator.leftOut, ...generator.patchReports(discovery.connections().map(({ proxy }) => proxy))]),
  '/debug/mesh': (_query, { generator }) => ok(generator.snapshot.settings.config),
  '/debug/config_dump': (query, deps) => dump(query, deps),
};

/** @returns undefined for a path that is none of these */
export function answerDebug(url: URL, deps: DebugDeps): DebugAnswer | undefined {
  if (url.pathname === '/debug' || url.pathname === '/debug/' || url.pathname === '/debug/list') return ok(Object.keys(HANDLERS));
  return HANDLERS[url.pathname]?.(url.searchParams, deps);
}

/** `pod.namespace`, as people call a proxy. */
export const proxyName = ({ proxy }: ConnectedProxy): string => `${proxy.name}.${proxy.namespace}`;

function syncRow(connection: ConnectedProxy): Record<string, unknown> {
  const { proxy } = connection;
  return { cluster_id: proxy.clusterId, proxy: proxyName(connection), proxy_type: proxy.kind, istio_version: proxy.version, ...syncColumns(connection.status()) };
}

function client(connection: ConnectedProxy): Record<string, unknown> {
  const { proxy, peer, connectedAtMs } = connection;
  return {
    connectionId: proxy.id, connectedAt: new Date(connectedAtMs).toISOString(), address: peer, labels: proxy.labels,
    watches: Object.fromEntries(connection.status().map((s) => [shortType(s.typeUrl), { names: s.names, status: syncStatus(s), error: s.error }])),
  };
}

function endpoints({ snapshot }: Generator): unknown[] {
  return [...snapshot.endpoints.values()].map(({ serviceKey, byPort, accounts }) => ({
    service: serviceKey, accounts,
    ports: [...byPort].map(([port, list]) => ({ port, endpoints: list.map((e) => ({ address: `${e.address}:${e.port}`, workload: e.workloadName, mutualTls: e.speaksMutualTls, labels: e.labels })) })),
  }));
}

function configuration({ snapshot }: Generator): unknown {
  const policies = [...snapshot.hostPolicies.byNamespace.values()].flatMap((hosts) => [...hosts.values()].flat());
  return { virtualServices: snapshot.routing.map((r) => ({ ...r, gateways: [...r.gateways] })), destinationRules: policies, gateways: snapshot.gateways, sidecars: snapshot.sidecars };
}

/** What proxies still have of an object that is gone; `remains` is left out when none has anything. */
function remains(query: URLSearchParams, { discovery, generator }: DebugDeps): DebugAnswer {
  const origin = originOf(query.get('kind') ?? '', { namespace: query.get('namespace') ?? '', name: query.get('name') ?? '' });
  const { kind, namespace, name } = parseOrigin(origin);
  const isKnown = generator.snapshot.objects.get(kind)?.some(({ metadata }) => metadata.name === name && (metadata.namespace ?? '') === namespace) ?? false;
  if (isKnown) return ok({ remains: 'the control plane has not seen yet that it is gone' });
  const holds = discovery.holdersOf(origin);
  const late = discovery.connections().filter((c) => c.settledAt < generator.snapshot.number || holds(c)).map(proxyName);
  return ok(late.length === 0 ? {} : { remains: `not acknowledged yet by ${late.slice(0, 5).join(', ')}${late.length > 5 ? ` and ${late.length - 5} more` : ''}` });
}

function dump(query: URLSearchParams, { discovery, generator }: DebugDeps): DebugAnswer {
  const id = query.get('proxyID');
  if (!id) return { status: 400, body: { error: 'say which proxy: ?proxyID=POD.NAMESPACE; /debug/syncz lists them' } };
  const found = discovery.connections().find((c) => proxyName(c) === id || c.proxy.id === id || c.proxy.name === id);
  if (!found) return { status: 404, body: { error: `proxy ${id} is not connected to this control plane; /debug/syncz lists those that are` } };
  return ok(configDump(found.proxy, generator));
}
