import type { HttpMatch } from '../../api/virtual-service.ts';
import type { StringMatch } from '../../api/common/destination.ts';
import type { HeaderMatcherSchema, QueryParameterMatcherSchema, RouteMatchSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { MetadataMatcherSchema } from '../../xds/generated/envoy/type/matcher/v3/metadata_pb.js';
import type { ValueMatcherSchema } from '../../xds/generated/envoy/type/matcher/v3/value_pb.js';
import type { StringMatcherSchema } from '../../xds/generated/envoy/type/matcher/v3/string_pb.js';
import type { Init } from './message.ts';

export type RouteMatchInit = Init<typeof RouteMatchSchema>;
type HeaderInit = Init<typeof HeaderMatcherSchema>;
type StringInit = Init<typeof StringMatcherSchema>;
type MetadataInit = Init<typeof MetadataMatcherSchema>;

const CLAIMS = /^@request\.auth\.claims(?:\.|(?=\[))(.+)$/;
/** Written as fields of their own; Istio ignores them among the headers. */
const NOT_HEADERS: ReadonlySet<string> = new Set(['uri', 'scheme', 'method', 'authority']);

/** One match of a VirtualService. No match at all takes every request. */
export function routeMatch(match: HttpMatch | undefined): RouteMatchInit {
  if (!match) return { pathSpecifier: { case: 'prefix', value: '/' } };
  const headers = Object.entries(match.headers ?? {}).filter(([name]) => !NOT_HEADERS.has(name));
  const without = Object.entries(match.withoutHeaders ?? {}).filter(([name]) => !NOT_HEADERS.has(name));
  return {
    pathSpecifier: pathSpecifier(match.uri),
    ...(match.ignoreUriCase === true ? { caseSensitive: false } : {}),
    headers: [
      ...headers.filter(([name]) => !CLAIMS.test(name)).map(([name, value]) => headerMatcher(name, value)),
      ...without.filter(([name]) => !CLAIMS.test(name)).map(([name, value]) => inverted(headerMatcher(name, value))),
      ...pseudo(':method', match.method),
      ...pseudo(':authority', match.authority),
      ...pseudo(':scheme', match.scheme),
    ],
    queryParameters: Object.entries(match.queryParams ?? {}).map(([name, value]) => queryMatcher(name, value)),
    dynamicMetadata: [
      ...headers.flatMap(([name, value]) => claimMatcher(name, value, false)),
      ...without.flatMap(([name, value]) => claimMatcher(name, value, true)),
    ],
  };
}

function pathSpecifier(uri: StringMatch | undefined): RouteMatchInit['pathSpecifier'] {
  if (uri?.exact !== undefined) return { case: 'path', value: uri.exact };
  if (uri?.regex !== undefined) return { case: 'safeRegex', value: { regex: uri.regex } };
  return { case: 'prefix', value: uri?.prefix ?? '/' };
}

export function stringMatcher(match: StringMatch): StringInit | undefined {
  if (match.exact !== undefined) return { matchPattern: { case: 'exact', value: match.exact } };
  if (match.prefix !== undefined && match.prefix !== '') return { matchPattern: { case: 'prefix', value: match.prefix } };
  return match.regex === undefined ? undefined : { matchPattern: { case: 'safeRegex', value: { regex: match.regex } } };
}

function headerMatcher(name: string, match: StringMatch): HeaderInit {
  const matcher = stringMatcher(match);
  if (!matcher || match.regex === '*') return { name, headerMatchSpecifier: { case: 'presentMatch', value: true } };
  return { name, headerMatchSpecifier: { case: 'stringMatch', value: matcher } };
}

/** A header that is absent does not match the value either, so the request passes. */
const inverted = (matcher: HeaderInit): HeaderInit => ({
  ...matcher, invertMatch: true, treatMissingHeaderAsEmpty: matcher.headerMatchSpecifier?.case !== 'presentMatch',
});

const pseudo = (name: string, match: StringMatch | undefined): HeaderInit[] => (match ? [headerMatcher(name, match)] : []);

function queryMatcher(name: string, match: StringMatch): Init<typeof QueryParameterMatcherSchema> {
  const value = stringMatcher(match);
  return { name, queryParameterMatchSpecifier: value ? { case: 'stringMatch', value } : { case: 'presentMatch', value: true } };
}

/** `@request.auth.claims.group` or `@request.auth.claims[nested][key]`: what the JWT filter left in the metadata. */
function claimMatcher(name: string, match: StringMatch, invert: boolean): MetadataInit[] {
  const text = CLAIMS.exec(name)?.[1];
  if (text === undefined) return [];
  const path = text.startsWith('[') ? [...text.matchAll(/\[([^\]]+)\]/g)].map((m) => m[1] ?? '') : text.split('.');
  return [{ filter: 'envoy.filters.http.jwt_authn', path: ['payload', ...path].map((key) => ({ segment: { case: 'key', value: key } })), value: claimValue(stringMatcher(match)), invert }];
}

/** The claim's text, or one of a list of texts; without a matcher, that there is one. */
function claimValue(matcher: StringInit | undefined): Init<typeof ValueMatcherSchema> {
  if (!matcher) return { matchPattern: { case: 'presentMatch', value: true } };
  const text = { matchPattern: { case: 'stringMatch' as const, value: matcher } };
  return { matchPattern: { case: 'orMatch', value: { valueMatchers: [text, { matchPattern: { case: 'listMatch', value: { matchPattern: { case: 'oneOf', value: text } } } }] } } };
}
