/** AuthorizationPolicies with action CUSTOM: an external service decides about requests that a rule matches. RBAC in shadow
 * mode finds the requests and leaves a mark, by which ext_authz is switched on. One provider for each workload: with several,
 * with one that does not exist, or at a proxy that cannot ask, matching requests are denied. Istio: authz/builder extauthz. */
import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import type { ExtensionProvider } from '../../api/mesh-config.ts';
import type { Stored } from '../../kube/object.ts';
import { RBAC_Action } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import { ApiVersion } from '../../xds/generated/envoy/config/core/v3/config_source_pb.js';
import { ExtAuthzSchema } from '../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import { RBACSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { namedRules, type Authorization } from './authorization-policies.ts';
import type { Context } from './context.ts';
import { durationMs, durationOf, pack, type Init } from './message.ts';
import { outboundCluster } from './names.ts';

type ExtAuthzInit = Init<typeof ExtAuthzSchema>;

const DEFAULT_TIMEOUT_MS = 600_000;

export function externalAuthorizers(policies: readonly Stored<AuthorizationPolicy>[], context: Context): Authorization {
  if (policies.length === 0) return { http: [], tcp: [] };
  const names = new Set(policies.map((p) => p.spec?.provider?.name ?? ''));
  const [name = ''] = names;
  const provider = names.size === 1 ? context.settings.config.extensionProviders.find((p) => p.name === name) : undefined;
  const canAsk = provider !== undefined && canPut(provider, context);
  const authorizer = canAsk ? authorizerOf(provider, context) : undefined;
  if (!authorizer) return denied(policies, context);
  const prefix = `istio-ext-authz-${name}`;
  const shadowRules = { action: RBAC_Action.DENY, policies: namedRules(policies, { context, name: (id) => `${prefix}-${id}` }) };
  return {
    http: [
      { name: 'envoy.filters.http.rbac', configType: { case: 'typedConfig', value: pack(RBACSchema, { shadowRules, shadowRulesStatPrefix: 'istio_ext_authz_' }) } },
      { name: 'envoy.filters.http.ext_authz', configType: { case: 'typedConfig', value: pack(ExtAuthzSchema, { ...authorizer, ...switchedOnBy(prefix) }) } },
    ],
    // A TCP connection cannot be put to an HTTP authorizer: what the rules say of TCP is denied rather than let through.
    tcp: denied(policies, context).tcp,
  };
}

/** Our own sidecar asks with the head of a request only, and does not route anew by what the answer adds. */
function canPut({ envoyExtAuthzHttp, envoyExtAuthzGrpc }: ExtensionProvider, { proxy }: Context): boolean {
  const settings = envoyExtAuthzHttp ?? envoyExtAuthzGrpc;
  const wantsMore = settings?.includeRequestBodyInCheck !== undefined || settings?.clearRouteCache === true;
  return !proxy.lacks.has('envoy.filters.http.ext_authz') && !(wantsMore && proxy.lacks.has('envoy.filters.http.ext_authz.body'));
}

function denied(policies: readonly Stored<AuthorizationPolicy>[], context: Context): Authorization {
  const name = (id: string) => `istio-ext-authz-${id}-deny-due-to-bad-CUSTOM-action`;
  const http = { action: RBAC_Action.DENY, policies: namedRules(policies, { context, name }) };
  const tcp = { action: RBAC_Action.DENY, policies: namedRules(policies, { context, name, tcp: 'drop' }) };
  return {
    http: [{ name: 'envoy.filters.http.rbac', configType: { case: 'typedConfig', value: pack(RBACSchema, { rules: http }) } }],
    tcp: Object.keys(tcp.policies).length === 0 ? [] : [{ name: 'envoy.filters.network.rbac', configType: { case: 'typedConfig', value: pack(NetworkRbacSchema, { statPrefix: 'tcp.', rules: tcp }) } }],
  };
}

const switchedOnBy = (prefix: string): ExtAuthzInit => ({
  filterEnabledMetadata: {
    filter: 'envoy.filters.http.rbac',
    path: [{ segment: { case: 'key', value: 'istio_ext_authz_shadow_effective_policy_id' } }],
    value: { matchPattern: { case: 'stringMatch', value: { matchPattern: { case: 'prefix', value: prefix } } } },
  },
});

/** @returns undefined when the provider is of another kind, or its service is not known */
function authorizerOf(provider: ExtensionProvider, context: Context): ExtAuthzInit | undefined {
  const settings = provider.envoyExtAuthzHttp ?? provider.envoyExtAuthzGrpc;
  if (!settings) return undefined;
  const text = settings.service.slice(settings.service.indexOf('/') + 1);
  const service = context.scope.byHost.get(text);
  if (!service) return undefined;
  const cluster = outboundCluster({ port: settings.port, host: service.host });
  const timeout = durationOf(settings.timeout) ?? durationMs(DEFAULT_TIMEOUT_MS);
  const body = settings.includeRequestBodyInCheck;
  const common: ExtAuthzInit = {
    transportApiVersion: ApiVersion.V3,
    failureModeAllow: settings.failOpen ?? false,
    clearRouteCache: settings.clearRouteCache ?? false,
    statusOnError: { code: Number(settings.statusOnError ?? 403) },
    ...(body ? { withRequestBody: { maxRequestBytes: body.maxRequestBytes ?? 0, allowPartialMessage: body.allowPartialMessage ?? false, packAsBytes: body.packAsBytes ?? false } } : {}),
  };
  const http = provider.envoyExtAuthzHttp;
  if (!http) return { ...common, services: { case: 'grpcService', value: { targetSpecifier: { case: 'envoyGrpc', value: { clusterName: cluster, authority: service.host } }, timeout } } };
  return {
    ...common,
    allowedHeaders: patterns(http.includeRequestHeadersInCheck ?? http.includeHeadersInCheck),
    services: {
      case: 'httpService',
      value: {
        serverUri: { uri: `http://${service.host}`, httpUpstreamType: { case: 'cluster', value: cluster }, timeout },
        pathPrefix: http.pathPrefix ?? '',
        authorizationRequest: { headersToAdd: Object.entries(http.includeAdditionalHeadersInCheck ?? {}).map(([key, value]) => ({ key, value })) },
        authorizationResponse: {
          allowedUpstreamHeaders: patterns(http.headersToUpstreamOnAllow),
          allowedClientHeaders: patterns(http.headersToDownstreamOnDeny),
          allowedClientHeadersOnSuccess: patterns(http.headersToDownstreamOnAllow),
        },
      },
    },
  };
}

/** Names of headers: exact, `prefix*`, `*suffix`; case does not matter. */
function patterns(names: readonly string[] | undefined): ExtAuthzInit['allowedHeaders'] {
  if (!names || names.length === 0) return undefined;
  return {
    patterns: names.map((name) => ({
      ignoreCase: true,
      matchPattern: name.endsWith('*') ? { case: 'prefix', value: name.slice(0, -1) } : name.startsWith('*') ? { case: 'suffix', value: name.slice(1) } : { case: 'exact', value: name },
    })),
  };
}
