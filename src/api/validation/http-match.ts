/** The conditions of an HTTP rule. */
import type { StringMatch } from '../common/destination.ts';
import type { HttpMatch, HttpRoute } from '../virtual-service.ts';
import { eachItem, type Report } from './report.ts';
import { checkLabels, gatewayNameProblem, headerNameProblem, portProblem, regexProblem } from './values.ts';

const CLAIMS = '@request.auth.claims';
/** Envoy: QueryParameterMatcher.name */
const MAX_PARAMETER = 1024;

export function checkHttpMatch(report: Report, match: HttpMatch): void {
  for (const field of ['uri', 'scheme', 'method', 'authority'] as const) checkStringMatch(report.at(field), match[field]);
  for (const field of ['headers', 'withoutHeaders'] as const) {
    for (const [name, value] of Object.entries(match[field] ?? {})) {
      const at = report.at(field, name);
      const isClaim = name.startsWith(CLAIMS);
      at.refuse(isClaim ? claimProblem(name) : headerNameProblem(name));
      checkStringMatch(at, value, true);
    }
  }
  for (const [name, value] of Object.entries(match.queryParams ?? {})) {
    const at = report.at('queryParams', name);
    if (name === '') at.error('the name of a query parameter must not be empty');
    if (name.length > MAX_PARAMETER) at.error(`the name of a query parameter may be ${MAX_PARAMETER} characters long, this one has ${name.length}`);
    checkStringMatch(at, value, true);
  }
  if (match.port !== undefined) report.at('port').refuse(portProblem(match.port));
  checkLabels(report.at('sourceLabels'), match.sourceLabels);
  eachItem(report.at('gateways'), match.gateways, (at, name) => at.refuse(gatewayNameProblem(name)));
}

/** `@request.auth.claims.a.b` or `@request.auth.claims[a][b]`: none of the names may be empty. */
function claimProblem(name: string): string | undefined {
  const path = name.slice(CLAIMS.length);
  const isPath = /^(?:\.[^.[\]]+)+$/.test(path) || /^(?:\[[^\]]+\])+$/.test(path);
  return isPath ? undefined : `${name} must name a claim, as ${CLAIMS}.NAME, ${CLAIMS}.NAME.INNER or ${CLAIMS}[NAME][INNER]`;
}

/** @param mayBeEmpty an empty match of a header means that it is present */
export function checkStringMatch(report: Report, match: StringMatch | null | undefined, mayBeEmpty = false): void {
  if (match === undefined || match === null) return;
  if (match.regex !== undefined) report.at('regex').refuse(regexProblem(match.regex));
  if (match.prefix === '' && !mayBeEmpty) report.at('prefix').error('must not be empty; leave the condition out to match everything');
  if (!mayBeEmpty && match.exact === undefined && match.prefix === undefined && match.regex === undefined) report.error('needs one of exact, prefix, regex');
}

/** Rules that can never be reached, since an earlier one takes all they would match. */
export function checkReachable(report: Report, routes: readonly HttpRoute[]): void {
  const seen = new Map<string, number>();
  let catchAll: number | undefined;
  routes.forEach((route, index) => {
    const at = report.at(index);
    if (catchAll !== undefined) return at.warning(`is never reached: rule ${catchAll} before it matches everything`);
    const matches = route.match ?? [];
    if (matches.length === 0) catchAll = index;
    const earlier = matches.map((match) => seen.get(canonical(match)));
    if (matches.length > 0 && earlier.every((rule) => rule !== undefined)) at.warning(`is never reached: ${earlier.length === 1 ? 'its match is' : 'its matches are'} in rule ${earlier[0]} already`);
    for (const match of matches) {
      if (isEverything(match)) catchAll ??= index;
      if (!seen.has(canonical(match))) seen.set(canonical(match), index);
    }
  });
}

/** Names are labels, not conditions. */
function canonical(match: HttpMatch): string {
  return JSON.stringify({ ...match, name: undefined }, (_key, value: unknown) =>
    typeof value === 'object' && value !== null && !Array.isArray(value) ? Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))) : value,
  );
}

function isEverything(match: HttpMatch): boolean {
  const fields = Object.keys(match).filter((field) => field !== 'name');
  return fields.length === 0 || (fields.length === 1 && (match.uri?.prefix === '/' || match.uri?.regex === '.*' || match.uri?.regex === '*'));
}
