import type { RouteMatch } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { ConfigError } from '../errors.ts';
import { compileHeaderMatcher, compileQueryMatcher, type RequestPredicate } from './header-match.ts';
import { compileMetadataMatcher } from './metadata-match.ts';
import { fraction } from './numbers.ts';
import { compileRegex } from './regex.ts';
import { pathOnly } from './request-view.ts';

/** Envoy: `config.route.v3.RouteMatch`: path, headers, query and fraction must all hold. */
export function compileRouteMatch(match: RouteMatch | undefined, random: () => number): RequestPredicate {
  if (match === undefined) throw new ConfigError('match is missing');
  const path = compilePath(match);
  const rest: RequestPredicate[] = [...match.headers.map(compileHeaderMatcher), ...match.queryParameters.map(compileQueryMatcher)];
  if (match.grpc) rest.push((request) => isGrpc(request.headers.get('content-type')));
  for (const matcher of match.dynamicMetadata) {
    const matches = compileMetadataMatcher(matcher);
    rest.push((request) => matches(request.metadata?.get(matcher.filter)));
  }
  const share = match.runtimeFraction === undefined ? 1 : fraction(match.runtimeFraction.defaultValue, 1);
  if (share < 1) rest.push(() => random() < share);
  if (rest.length === 0) return path;
  return (request) => path(request) && rest.every((matches) => matches(request));
}

export function isGrpc(contentType: string | undefined): boolean {
  return contentType !== undefined && contentType.startsWith('application/grpc') && (contentType.length === 16 || contentType[16] === '+' || contentType[16] === ';');
}

function compilePath(match: RouteMatch): RequestPredicate {
  const fold = match.caseSensitive === false;
  const specifier = match.pathSpecifier;
  switch (specifier.case) {
    case 'prefix': {
      if (specifier.value === '/') return (request) => request.path.charCodeAt(0) === 0x2f || request.path === '*';
      if (specifier.value === '') return () => true;
      const want = fold ? specifier.value.toLowerCase() : specifier.value;
      return (request) => (fold ? request.path.toLowerCase() : request.path).startsWith(want);
    }
    case 'path': {
      const want = fold ? specifier.value.toLowerCase() : specifier.value;
      return (request) => {
        const path = pathOnly(request.path);
        return (fold ? path.toLowerCase() : path) === want;
      };
    }
    case 'pathSeparatedPrefix': {
      const want = fold ? specifier.value.toLowerCase() : specifier.value;
      return (request) => {
        const whole = pathOnly(request.path);
        const path = fold ? whole.toLowerCase() : whole;
        return path.startsWith(want) && (path.length === want.length || path.charCodeAt(want.length) === 0x2f);
      };
    }
    case 'safeRegex': {
      const matches = compileRegex(specifier.value.regex);
      return (request) => matches(pathOnly(request.path));
    }
    case 'connectMatcher':
      return (request) => request.method === 'CONNECT';
    default:
      throw new ConfigError(`match: path specifier ${specifier.case ?? '(none)'} is not supported`);
  }
}
