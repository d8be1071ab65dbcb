import type { HttpMatch, HttpRoute, TcpRoute, TlsRoute, VirtualService } from '../../api/virtual-service.ts';
import type { Stored } from '../../kube/object.ts';
import { fullHost } from './hosts.ts';
import type { MeshSettings } from './model.ts';
import { originOf, type Origin } from './origin.ts';
import { exportedTo } from './visibility.ts';
import { termsOf } from './label-terms.ts';

/** The gateway name that stands for all sidecars. */
export const MESH_GATEWAY = 'mesh';

/** A VirtualService with every name made whole and its delegates filled in. */
export interface RoutingRules {
  readonly name: string;
  readonly namespace: string;
  readonly createdMs: number;
  /** The object and its delegates. */
  readonly origins: readonly Origin[];
  readonly hosts: readonly string[];
  /** `mesh` or `namespace/name`. */
  readonly gateways: ReadonlySet<string>;
  readonly exportTo: readonly string[];
  readonly http: readonly HttpRoute[];
  readonly tls: readonly TlsRoute[];
  readonly tcp: readonly TcpRoute[];
  /** Labels of callers that routes ask for, as `key=value`: callers that differ in them have other routes. */
  readonly sourceLabels: readonly string[];
  /** True when routes differ by the caller's namespace. */
  readonly dependsOnNamespace: boolean;
}

type DelegateLookup = (namespace: string, name: string) => Stored<VirtualService> | undefined;

/** @returns undefined for a delegate, which has no hosts of its own */
export function routingRules(object: Stored<VirtualService>, settings: MeshSettings, delegate: DelegateLookup): RoutingRules | undefined {
  const { metadata, spec = {} } = object;
  if (!spec.hosts || spec.hosts.length === 0) return undefined;
  const namespace = metadata.namespace ?? '';
  const full = (host: string) => fullHost(host, namespace, settings.clusterDomain);
  const http = (spec.http ?? []).flatMap((route) => withDelegate(route, namespace, { settings, delegate }));
  const tls = (spec.tls ?? []).map((route) => ({ ...route, route: l4(route.route, full) }));
  const tcp = (spec.tcp ?? []).map((route) => ({ ...route, route: l4(route.route, full) }));
  const gateways = spec.gateways && spec.gateways.length > 0 ? spec.gateways : [MESH_GATEWAY];
  return {
    name: metadata.name,
    namespace,
    createdMs: Date.parse(metadata.creationTimestamp) || 0,
    origins: [originOf('VirtualService', metadata), ...(spec.http ?? []).flatMap((route) => (route.delegate ? [originOf('VirtualService', { namespace: route.delegate.namespace || namespace, name: route.delegate.name ?? '' })] : []))],
    hosts: spec.hosts.map(full),
    gateways: new Set(gateways.map((gateway) => gatewayName(gateway, namespace))),
    exportTo: exportedTo(spec.exportTo, settings.config.defaultVirtualServiceExportTo),
    http, tls, tcp,
    sourceLabels: [...new Set([...http, ...tls, ...tcp].flatMap((route) => (route.match ?? []).flatMap((m) => termsOf(m.sourceLabels))))],
    dependsOnNamespace: [...http, ...tls, ...tcp].some((route) => (route.match ?? []).some((m) => m.sourceNamespace !== undefined)),
  };
}

/** `name` → `namespace/name`; `mesh` stays. */
export function gatewayName(text: string, namespace: string): string {
  return text === MESH_GATEWAY || text.includes('/') ? text : `${namespace}/${text}`;
}

function withDelegate(route: HttpRoute, namespace: string, context: { settings: MeshSettings; delegate: DelegateLookup }): HttpRoute[] {
  const { settings, delegate } = context;
  const own = wholeNames(route, namespace, settings.clusterDomain);
  if (!route.delegate) return [own];
  const delegateNamespace = route.delegate.namespace || namespace;
  const target = delegate(delegateNamespace, route.delegate.name ?? '');
  if (!target || (target.spec?.hosts?.length ?? 0) > 0) return [];
  return (target.spec?.http ?? []).flatMap((inner) => {
    if (inner.delegate) return [];
    const merged = mergeRoutes(own, wholeNames(inner, delegateNamespace, settings.clusterDomain));
    return merged ? [merged] : [];
  });
}

function wholeNames(route: HttpRoute, namespace: string, clusterDomain: string): HttpRoute {
  const full = <D extends { host: string }>(destination: D): D => ({ ...destination, host: fullHost(destination.host, namespace, clusterDomain) });
  return {
    ...route,
    match: route.match?.map((m) => (m.gateways ? { ...m, gateways: m.gateways.map((g) => gatewayName(g, namespace)) } : m)),
    route: route.route?.map((r) => ({ ...r, destination: full(r.destination) })),
    mirror: route.mirror && full(route.mirror),
    mirrors: route.mirrors?.map((m) => ({ ...m, destination: full(m.destination) })),
  };
}

const l4 = <R extends { destination: { host: string } }>(routes: R[] | undefined, full: (host: string) => string): R[] =>
  (routes ?? []).map((r) => ({ ...r, destination: { ...r.destination, host: full(r.destination.host) } }));

/** The delegate's route within the root's: both must match; what the delegate leaves out comes from the root. */
function mergeRoutes(root: HttpRoute, inner: HttpRoute): HttpRoute | undefined {
  const match = mergeMatches(root.match, inner.match);
  if (match?.length === 0) return undefined;
  const { delegate: _left, ...outer } = root;
  const name = root.name && inner.name ? `${root.name}-${inner.name}` : (root.name ?? inner.name);
  return { ...outer, ...defined(inner), name, match };
}

const defined = (route: HttpRoute): HttpRoute => Object.fromEntries(Object.entries(route).filter(([, value]) => value !== undefined));

function mergeMatches(root: HttpMatch[] | undefined, inner: HttpMatch[] | undefined): HttpMatch[] | undefined {
  if (!root || root.length === 0) return inner;
  if (!inner || inner.length === 0) return root;
  return root.flatMap((r) => inner.flatMap((i) => mergeMatch(r, i) ?? []));
}

/** Both at once, or undefined when no request can match both in a way that one match can say. */
function mergeMatch(root: HttpMatch, inner: HttpMatch): HttpMatch | undefined {
  const out: Record<string, unknown> = { ...root };
  for (const [key, value] of Object.entries(inner) as [string, unknown][]) {
    const before: unknown = out[key];
    if (before === undefined || key === 'name') out[key] = key === 'name' && before ? `${String(before)}-${String(value)}` : value;
    else if (key === 'uri') {
      if (!isWithin(before, value)) return undefined;
      out[key] = value;
    } else if (isPlainObject(before) && isPlainObject(value) && !('exact' in value || 'prefix' in value || 'regex' in value)) {
      for (const name of Object.keys(value)) if (name in before && JSON.stringify(before[name]) !== JSON.stringify(value[name])) return undefined;
      out[key] = { ...before, ...value };
    } else if (JSON.stringify(before) !== JSON.stringify(value)) return undefined;
  }
  return out;
}

function isWithin(root: unknown, inner: unknown): boolean {
  if (!isPlainObject(root) || !isPlainObject(inner)) return false;
  const text = inner['exact'] ?? inner['prefix'];
  if (typeof root['prefix'] === 'string' && typeof text === 'string') return text.startsWith(root['prefix']);
  return JSON.stringify(root) === JSON.stringify(inner);
}

const isPlainObject = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
