/** Cross-origin resource sharing. Envoy: envoy.filters.http.cors; the policy comes with the route. Fetch standard §3.2. */
import type { CorsPolicy } from '../../xds/generated/envoy/extensions/filters/http/cors/v3/cors_pb.js';
import type { FilterContext, HttpFilter } from '../http/filter.ts';
import { fraction } from '../route/numbers.ts';
import { compileStringMatcher, type StringPredicate } from '../route/string-match.ts';

export interface CorsSettings {
  readonly origins: readonly StringPredicate[];
  readonly methods: string;
  readonly headers: string;
  readonly expose: string;
  readonly maxAge: string;
  readonly credentials: boolean;
  readonly privateNetwork: boolean;
  /** Preflights from other origins go to the upstream. */
  readonly forwardUnmatched: boolean;
  /** 0…1 */
  readonly share: number;
}

export function compileCorsPolicy(message: CorsPolicy): CorsSettings {
  return {
    origins: message.allowOriginStringMatch.map(compileStringMatcher),
    methods: message.allowMethods,
    headers: message.allowHeaders,
    expose: message.exposeHeaders,
    maxAge: message.maxAge,
    credentials: message.allowCredentials ?? false,
    privateNetwork: message.allowPrivateNetworkAccess ?? false,
    forwardUnmatched: message.forwardNotMatchingPreflights ?? true,
    share: message.filterEnabled === undefined ? 1 : fraction(message.filterEnabled.defaultValue, 1),
  };
}

const policyOf = (context: FilterContext, name: string): CorsSettings | undefined => (context.perRoute(name) as CorsSettings | null | undefined) ?? undefined;

export function createCorsFilter(name: string): HttpFilter {
  return {
    name,
    onRequest(context) {
      const policy = policyOf(context, name);
      const origin = context.request.headers.get('origin');
      if (!policy || origin === undefined || context.random() >= policy.share) return 'continue';
      const { request } = context;
      if (request.method !== 'OPTIONS' || !request.headers.has('access-control-request-method')) return 'continue';
      if (!policy.origins.some((matches) => matches(origin))) {
        if (policy.forwardUnmatched) return 'continue';
        context.reply({ status: 200, details: 'cors_response' });
        return 'done';
      }
      const headers: [string, string][] = [['access-control-allow-origin', origin]];
      if (policy.credentials) headers.push(['access-control-allow-credentials', 'true']);
      if (policy.methods !== '') headers.push(['access-control-allow-methods', policy.methods]);
      if (policy.headers !== '') headers.push(['access-control-allow-headers', policy.headers]);
      if (policy.maxAge !== '') headers.push(['access-control-max-age', policy.maxAge]);
      if (policy.privateNetwork && request.headers.get('access-control-request-private-network') === 'true') headers.push(['access-control-allow-private-network', 'true']);
      context.reply({ status: 200, details: 'cors_response', headers });
      return 'done';
    },
    onResponse(context, head) {
      const policy = policyOf(context, name);
      const origin = context.request.headers.get('origin');
      if (!policy || origin === undefined || !policy.origins.some((matches) => matches(origin))) return;
      head.headers.set('access-control-allow-origin', origin);
      if (policy.credentials) head.headers.set('access-control-allow-credentials', 'true');
      if (policy.expose !== '') head.headers.set('access-control-expose-headers', policy.expose);
    },
  };
}
