import type { HeaderMatcher, QueryParameterMatcher } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { ConfigError } from '../errors.ts';
import { compileRegex } from './regex.ts';
import { headerOf, headerSome, type RequestView } from './request-view.ts';
import { compileStringMatcher, type StringPredicate } from './string-match.ts';

export type RequestPredicate = (request: RequestView) => boolean;

/** Envoy: `config.route.v3.HeaderMatcher`. Of a header that came several times, any value will do. A missing header matches
 * nothing, inverted or not, except for `present_match`, unless `treat_missing_header_as_empty` is set. */
export function compileHeaderMatcher(matcher: HeaderMatcher): RequestPredicate {
  const name = matcher.name.toLowerCase();
  const invert = matcher.invertMatch;
  const specifier = matcher.headerMatchSpecifier;
  if (name === '') throw new ConfigError('header matcher: name is empty');
  if (specifier.case === undefined || specifier.case === 'presentMatch') {
    const present = (specifier.case === undefined ? true : specifier.value) !== invert;
    const emptyCounts = matcher.treatMissingHeaderAsEmpty;
    return (request) => (emptyCounts || headerOf(request, name) !== undefined) === present;
  }
  const matches = valuePredicate(specifier);
  // An empty value of a missing header is the same for all requests.
  const missing = matcher.treatMissingHeaderAsEmpty ? matches('') !== invert : false;
  return (request) => {
    const found = headerSome(request, name, matches);
    return found === undefined ? missing : found !== invert;
  };
}

function valuePredicate(specifier: HeaderMatcher['headerMatchSpecifier']): StringPredicate {
  switch (specifier.case) {
    case 'exactMatch':
      return (value) => value === specifier.value;
    case 'prefixMatch':
      return (value) => value.startsWith(specifier.value);
    case 'suffixMatch':
      return (value) => value.endsWith(specifier.value);
    case 'containsMatch':
      return (value) => value.includes(specifier.value);
    case 'safeRegexMatch':
      return compileRegex(specifier.value.regex);
    case 'rangeMatch': {
      const { start, end } = specifier.value;
      return (value) => /^-?\d{1,19}$/.test(value) && BigInt(value) >= start && BigInt(value) < end;
    }
    case 'stringMatch':
      return compileStringMatcher(specifier.value);
    default:
      throw new ConfigError(`header matcher: ${specifier.case ?? 'no matcher'} is not supported`);
  }
}

/** Envoy: `config.route.v3.QueryParameterMatcher`; the first parameter of that name counts, percent-decoded is not applied. */
export function compileQueryMatcher(matcher: QueryParameterMatcher): RequestPredicate {
  const { name, queryParameterMatchSpecifier: specifier } = matcher;
  if (specifier.case === 'stringMatch') {
    const matches = compileStringMatcher(specifier.value);
    return (request) => {
      const value = queryParameter(request.path, name);
      return value !== undefined && matches(value);
    };
  }
  const present = specifier.case === 'presentMatch' ? specifier.value : true;
  return (request) => (queryParameter(request.path, name) !== undefined) === present;
}

/** Raw value of the first query parameter of that name. */
export function queryParameter(path: string, name: string): string | undefined {
  const start = path.indexOf('?');
  if (start < 0) return undefined;
  for (const pair of path.slice(start + 1).split('&')) {
    const equals = pair.indexOf('=');
    const key = equals < 0 ? pair : pair.slice(0, equals);
    if (key === name) return equals < 0 ? '' : pair.slice(equals + 1);
  }
  return undefined;
}
