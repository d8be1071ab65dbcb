/** One rule of a VirtualService as Envoy routes: one for each of its matches. */
import type { Destination, HeaderOperations } from '../../api/common/destination.ts';
import type { ConsistentHash } from '../../api/common/load-balancer.ts';
import type { HttpMatch, HttpRoute } from '../../api/virtual-service.ts';
import { HeaderValueOption_HeaderAppendAction as Append, type HeaderValueOptionSchema } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { RouteActionSchema, RouteAction_HashPolicySchema, RouteSchema, WeightedCluster_ClusterWeightSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { MESH_GATEWAY, type RoutingRules } from '../registry/virtual-services.ts';
import { labelsMatch } from '../registry/visibility.ts';
import { forwardsHost, hostPolicy, type Context } from './context.ts';
import { effectivePolicy, type EffectivePolicy } from './effective-policy.ts';
import { CORS_FILTER, FAULT_FILTER } from './http-filters.ts';
import { durationOf, ZERO_DURATION, type Init } from './message.ts';
import { configMetadata, outboundCluster } from './names.ts';
import { directResponse, redirect } from './redirect.ts';
import { retryPolicy } from './retry.ts';
import { corsConfig, faultConfig, fraction } from './route-filters.ts';
import { routeMatch } from './route-match.ts';

export type RouteInit = Init<typeof RouteSchema>;
type ActionInit = Init<typeof RouteActionSchema>;
type HeaderInit = Init<typeof HeaderValueOptionSchema>;

/** For whom routes are made. */
export interface RouteView {
  readonly context: Context;
  /** Of the listener: the service's port at sidecars. */
  readonly port: number;
  /** `mesh`, or the gateways (`namespace/name`) that share the listener. */
  readonly gateways: ReadonlySet<string>;
  /** A gateway's port as its clients see it; redirects name it. */
  readonly isTls?: boolean;
}

/** All routes of one set of rules, in order, as far as they are for this proxy and port. */
export function routesOf(rules: RoutingRules, view: RouteView): RouteInit[] {
  const out: RouteInit[] = [];
  for (const rule of rules.http) {
    const matches = rule.match && rule.match.length > 0 ? rule.match : [undefined];
    for (const match of matches) {
      if (match && (!isForProxy(match, view) || !canMatch(match, view.context))) continue;
      out.push(buildRoute(rule, match, { rules, view }));
      if (isCatchAll(match)) return out;
    }
  }
  return out;
}

function isForProxy(match: HttpMatch, view: RouteView): boolean {
  const { proxy, labels } = view.context;
  if (match.port !== undefined && match.port !== 0 && match.port !== view.port) return false;
  if (match.gateways && match.gateways.length > 0 && !match.gateways.some((g) => view.gateways.has(g))) return false;
  // Where the caller is concerned: a gateway does not know the caller, so these conditions are about sidecars only.
  if (!view.gateways.has(MESH_GATEWAY)) return match.sourceLabels === undefined && match.sourceNamespace === undefined;
  if (match.sourceNamespace && match.sourceNamespace !== proxy.namespace) return false;
  return labelsMatch(match.sourceLabels, labels);
}

/** A rule about claims of a token is left out where claims cannot be matched: what it guards stays out of reach. */
function canMatch(match: HttpMatch, { proxy }: Context): boolean {
  return !proxy.lacks.has('envoy.matching.dynamic_metadata') || (routeMatch(match).dynamicMetadata?.length ?? 0) === 0;
}

/** Nothing after it can be reached. */
function isCatchAll(match: HttpMatch | undefined): boolean {
  if (!match) return true;
  const init = routeMatch(match);
  const isAny = init.pathSpecifier?.case === 'prefix' && init.pathSpecifier.value === '/';
  return isAny && !init.headers?.length && !init.queryParameters?.length && !init.dynamicMetadata?.length;
}

function buildRoute(rule: HttpRoute, match: HttpMatch | undefined, at: { rules: RoutingRules; view: RouteView }): RouteInit {
  const { rules, view } = at;
  const name = [rule.name, match?.name].filter((part) => part).join('.');
  const fault = rule.fault && faultConfig(rule.fault);
  return {
    name,
    match: routeMatch(match),
    metadata: configMetadata('virtual-service', rules),
    ...headerEdits(rule.headers),
    typedPerFilterConfig: { ...(fault ? { [FAULT_FILTER]: fault } : {}), ...(rule.corsPolicy ? { [CORS_FILTER]: corsConfig(rule.corsPolicy) } : {}) },
    ...action(rule, match, view),
  };
}

function action(rule: HttpRoute, match: HttpMatch | undefined, view: RouteView): RouteInit {
  if (rule.redirect) return { action: { case: 'redirect', value: redirect(rule.redirect, view) } };
  if (rule.directResponse) return { action: { case: 'directResponse', value: directResponse(rule.directResponse) } };
  const { context } = view;
  const targets = destinations(rule);
  const [first] = targets;
  if (!first) return { action: { case: 'directResponse', value: { status: 500 } } };
  const hashPolicy = distinct(targets.flatMap((t) => hashPolicies(t.destination, view)));
  const host = authorityOf(rule);
  const value: ActionInit = {
    ...clusterSpecifier(targets, view),
    timeout: durationOf(rule.timeout) ?? ZERO_DURATION,
    // Not its successor max_stream_duration: where that stands, Envoy takes no notice of `timeout`.
    maxGrpcTimeout: durationOf(rule.timeout) ?? ZERO_DURATION,
    retryPolicy: retryPolicy(rule.retries, { fallback: context.settings.config.defaultHttpRetryPolicy, keepsHost: hashPolicy.length > 0 }),
    hashPolicy,
    requestMirrorPolicies: mirrors(rule, view),
    ...rewrite(rule, match),
    ...(host === undefined ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: host } }),
    appendXForwardedHost: forwardsHost(context),
  };
  return {
    action: { case: 'route', value },
    decorator: { operation: `${first.destination.host}:${portOf(first.destination, view)}${operationPath(match)}` },
    ...(targets.length === 1 ? mergedHeaders(rule, first) : {}),
  };
}

/** Destinations that hash alike need it said once. */
const distinct = <V>(policies: readonly V[]): V[] => [...new Map(policies.map((policy) => [JSON.stringify(policy, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value)), policy])).values()];

type Target = NonNullable<HttpRoute['route']>[number];

/** Destinations that can get traffic. With one only, its weight means nothing. */
function destinations(rule: HttpRoute): Target[] {
  const all = rule.route ?? [];
  const live = all.filter((r) => (r.weight ?? 0) > 0);
  return all.length === 1 || live.length === 0 ? all.slice(0, 1) : live;
}

function clusterSpecifier(targets: readonly Target[], view: RouteView): ActionInit {
  const [first] = targets;
  if (targets.length === 1 && first) return { clusterSpecifier: { case: 'cluster', value: destinationCluster(first.destination, view) } };
  const clusters = targets.map((t): Init<typeof WeightedCluster_ClusterWeightSchema> => {
    const { requestHeadersToAdd, requestHeadersToRemove, responseHeadersToAdd, responseHeadersToRemove } = headerEdits(t.headers);
    const host = headerHost(t.headers?.request);
    return {
      name: destinationCluster(t.destination, view), weight: t.weight, requestHeadersToAdd, requestHeadersToRemove, responseHeadersToAdd, responseHeadersToRemove,
      ...(host === undefined ? {} : { hostRewriteSpecifier: { case: 'hostRewriteLiteral', value: host } }),
    };
  });
  return { clusterSpecifier: { case: 'weightedClusters', value: { clusters } } };
}

export function destinationCluster(destination: Destination, view: Pick<RouteView, 'context' | 'port'>): string {
  return outboundCluster({ port: portOf(destination, view), subset: destination.subset, host: destination.host });
}

/** The named port; else the only one that the service has; else the one that was asked for. */
function portOf(destination: Destination, view: Pick<RouteView, 'context' | 'port'>): number {
  if (destination.port?.number) return destination.port.number;
  const ports = view.context.scope.byHost.get(destination.host)?.ports ?? [];
  const tcp = ports.filter((p) => p.protocol !== 'UDP');
  return tcp.length === 1 && tcp[0] ? tcp[0].port : view.port;
}

function mirrors(rule: HttpRoute, view: RouteView): NonNullable<ActionInit['requestMirrorPolicies']> {
  const legacy = rule.mirrorPercentage?.value ?? rule.mirrorPercent ?? rule.mirror_percent ?? 100;
  const all = [...(rule.mirror ? [{ destination: rule.mirror, share: legacy }] : []), ...(rule.mirrors ?? []).map((m) => ({ destination: m.destination, share: m.percentage?.value ?? 100 }))];
  return all
    .filter((m) => m.share > 0)
    .map((m) => ({ cluster: destinationCluster(m.destination, view), runtimeFraction: { defaultValue: fraction(m.share) }, disableShadowHostSuffixAppend: true }));
}

function rewrite(rule: HttpRoute, match: HttpMatch | undefined): ActionInit {
  const { uri, uriRegexRewrite } = rule.rewrite ?? {};
  if (uriRegexRewrite) return { regexRewrite: { pattern: { regex: uriRegexRewrite.match ?? '' }, substitution: uriRegexRewrite.rewrite ?? '' } };
  if (!uri) return {};
  // A regex has no prefix to replace: the whole path is.
  if (match?.uri?.regex !== undefined) return { regexRewrite: { pattern: { regex: '^[^?]*' }, substitution: uri.replaceAll('\\', '\\\\') } };
  return { prefixRewrite: uri };
}

function authorityOf(rule: HttpRoute): string | undefined {
  const only = (rule.route?.length ?? 0) === 1 ? rule.route?.[0]?.headers?.request : undefined;
  return rule.rewrite?.authority || headerHost(only) || headerHost(rule.headers?.request);
}

const HOST = /^(:authority|host)$/i;
const headerHost = (edits: HeaderOperations | undefined): string | undefined => Object.entries(edits?.set ?? {}).find(([name]) => HOST.test(name))?.[1];

/** With a single destination its edits are made on the route. */
function mergedHeaders(rule: HttpRoute, target: Target): RouteInit {
  const own = headerEdits(target.headers);
  const outer = headerEdits(rule.headers);
  const join = <V>(a: V[] | undefined, b: V[] | undefined): V[] => [...(a ?? []), ...(b ?? [])];
  return {
    requestHeadersToAdd: join(own.requestHeadersToAdd, outer.requestHeadersToAdd),
    requestHeadersToRemove: join(own.requestHeadersToRemove, outer.requestHeadersToRemove),
    responseHeadersToAdd: join(own.responseHeadersToAdd, outer.responseHeadersToAdd),
    responseHeadersToRemove: join(own.responseHeadersToRemove, outer.responseHeadersToRemove),
  };
}

interface HeaderEdits {
  requestHeadersToAdd?: HeaderInit[];
  requestHeadersToRemove?: string[];
  responseHeadersToAdd?: HeaderInit[];
  responseHeadersToRemove?: string[];
}

function headerEdits(headers: HttpRoute['headers']): HeaderEdits {
  if (!headers) return {};
  const { request, response } = headers;
  return {
    requestHeadersToAdd: additions(request), requestHeadersToRemove: request?.remove ?? [],
    responseHeadersToAdd: additions(response), responseHeadersToRemove: response?.remove ?? [],
  };
}

function additions(edits: HeaderOperations | undefined): HeaderInit[] {
  const header = (appendAction: Append) => ([key, value]: [string, string]): HeaderInit => ({ header: { key, value }, appendAction });
  const plain = ([name]: [string, string]) => !HOST.test(name);
  return [
    ...Object.entries(edits?.set ?? {}).filter(plain).map(header(Append.OVERWRITE_IF_EXISTS_OR_ADD)),
    ...Object.entries(edits?.add ?? {}).filter(plain).map(header(Append.APPEND_IF_EXISTS_OR_ADD)),
  ];
}

/** Sticky sessions, when the destination's policy hashes. */
export function hashPolicies(destination: Destination, view: Pick<RouteView, 'context' | 'port'>): Init<typeof RouteAction_HashPolicySchema>[] {
  const hash = destinationPolicy(destination, view).loadBalancer?.consistentHash;
  return hash ? hashBy(hash) : [];
}

export function destinationPolicy(destination: Destination, view: Pick<RouteView, 'context' | 'port'>): EffectivePolicy {
  const service = view.context.scope.byHost.get(destination.host);
  return service ? effectivePolicy(hostPolicy(view.context, service), portOf(destination, view), destination.subset) : {};
}

function hashBy(hash: ConsistentHash): Init<typeof RouteAction_HashPolicySchema>[] {
  const { httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName } = hash;
  if (httpHeaderName) return [{ policySpecifier: { case: 'header', value: { headerName: httpHeaderName } } }];
  if (httpQueryParameterName) return [{ policySpecifier: { case: 'queryParameter', value: { name: httpQueryParameterName } } }];
  if (useSourceIp) return [{ policySpecifier: { case: 'connectionProperties', value: { sourceIp: true } } }];
  if (!httpCookie) return [];
  const attributes = (httpCookie.attributes ?? []).map((a) => ({ name: a.name, value: a.value ?? '' }));
  return [{ policySpecifier: { case: 'cookie', value: { name: httpCookie.name, path: httpCookie.path ?? '', ttl: durationOf(httpCookie.ttl), attributes } } }];
}

function operationPath(match: HttpMatch | undefined): string {
  const { exact, prefix, regex } = match?.uri ?? {};
  return exact ?? (prefix === undefined ? (regex ?? '/*') : `${prefix}*`);
}
