/** What an HTTP rule does with a request. */
import { formatProblem } from '../../base/format-operators.ts';
import type { HeaderOperations, Headers, Percent } from '../common/destination.ts';
import type { CorsPolicy, HttpFault, HttpRedirect, HttpRetry, HttpRewrite, HttpRoute } from '../virtual-service.ts';
import { checkDestination, type Scope } from './destination.ts';
import { checkHttpMatch, checkStringMatch } from './http-match.ts';
import { eachItem, type Report } from './report.ts';
import { checkDuration, headerNameProblem, lineProblem, percentProblem, portProblem, regexProblem } from './values.ts';
import { checkWeights } from './weights.ts';

const MAX_BODY = 1_048_576;
const LARGE_BODY = 102_400;

export function checkHttpRoute(report: Report, route: HttpRoute, scope: Scope, isDelegate: boolean): void {
  eachItem(report.at('match'), route.match, checkHttpMatch);
  checkAction(report, route, isDelegate);
  checkWeights(report.at('route'), route.route ?? []);
  eachItem(report.at('route'), route.route, (at, target) => {
    checkDestination(at.at('destination'), target.destination, scope);
    checkHeaders(at.at('headers'), target.headers);
  });
  if (route.redirect) checkRedirect(report.at('redirect'), route.redirect);
  if (route.rewrite) checkRewrite(report.at('rewrite'), route.rewrite);
  if (route.directResponse) checkDirectResponse(report.at('directResponse'), route.directResponse);
  checkDuration(report.at('timeout'), route.timeout);
  if (route.retries) checkRetries(report.at('retries'), route.retries);
  if (route.fault) checkFault(report.at('fault'), route.fault);
  checkMirrors(report, route, scope);
  if (route.corsPolicy) checkCors(report.at('corsPolicy'), route.corsPolicy);
  checkHeaders(report.at('headers'), route.headers);
}

/** Exactly one of the things that can be done with a request. */
function checkAction(report: Report, route: HttpRoute, isDelegate: boolean): void {
  const actions = [(route.route ?? []).length > 0 ? 'route' : '', route.redirect ? 'redirect' : '', route.directResponse ? 'directResponse' : '', route.delegate ? 'delegate' : ''].filter((action) => action !== '');
  if (actions.length === 0) report.error('HTTP route, redirect or direct_response is required: say what to do with the requests that match');
  if (actions.length > 1) report.error(`has ${actions.join(' and ')}, of which a rule can have only one`);
  if (route.delegate && isDelegate) report.at('delegate').error('a delegate cannot delegate further');
  if (route.delegate && (route.delegate.name ?? '') === '') report.at('delegate', 'name').error('is required');
  if (route.redirect && route.rewrite) report.at('rewrite').error('a rule with redirect cannot have rewrite');
  if ((route.redirect || route.directResponse) && route.fault) report.at('fault').error(`a rule with ${actions[0]} cannot have fault`);
}

function checkRedirect(report: Report, redirect: HttpRedirect): void {
  if (Object.keys(redirect).length === 0) report.error('redirect must specify URI, authority, scheme, or redirect_code');
  for (const field of ['uri', 'authority', 'prefixRewrite'] as const) report.at(field).refuse(lineProblem(redirect[field] ?? ''));
  if (redirect.scheme !== undefined && redirect.scheme !== '' && !['http', 'https'].includes(redirect.scheme)) report.at('scheme').error('must be http or https');
  if (redirect.redirectCode !== undefined && redirect.redirectCode !== 0 && (redirect.redirectCode < 300 || redirect.redirectCode > 399)) report.at('redirectCode').error(`must be a 3xx status, not ${redirect.redirectCode}`);
  if (redirect.port !== undefined && redirect.port !== 0) report.at('port').refuse(portProblem(redirect.port));
}

function checkRewrite(report: Report, rewrite: HttpRewrite): void {
  const { uri, authority, uriRegexRewrite } = rewrite;
  if (!uri && !authority && !uriRegexRewrite) report.error('rewrite must specify URI, UriRegex, or authority');
  for (const field of ['uri', 'authority'] as const) report.at(field).refuse(lineProblem(rewrite[field] ?? ''));
  if (uri && uriRegexRewrite) report.error('has uri and uriRegexRewrite, of which it can have only one');
  if (!uriRegexRewrite) return;
  report.at('uriRegexRewrite', 'match').refuse(regexProblem(uriRegexRewrite.match ?? ''));
  report.at('uriRegexRewrite', 'rewrite').refuse(uriRegexRewrite.rewrite ? lineProblem(uriRegexRewrite.rewrite) : 'is required');
}

function checkDirectResponse(report: Report, response: NonNullable<HttpRoute['directResponse']>): void {
  if (response.status < 200 || response.status > 599) report.at('status').error(`must be an HTTP status from 200 to 599, not ${response.status}`);
  const size = Buffer.byteLength(response.body?.string ?? response.body?.bytes ?? '');
  if (size > MAX_BODY) report.at('body').error(`is ${size} bytes long; at most ${MAX_BODY} are kept in the proxies`);
  else if (size > LARGE_BODY) report.at('body').warning(`is ${size} bytes long and is kept in the memory of every proxy`);
}

/** Envoy: retry policies of HTTP, then of gRPC. */
const RETRY_CONDITIONS = new Set(
  ['5xx', 'gateway-error', 'reset', 'reset-before-request', 'connect-failure', 'envoy-ratelimited', 'retriable-4xx', 'refused-stream', 'retriable-status-codes', 'retriable-headers', 'http3-post-connect-failure'].concat(
    ['cancelled', 'deadline-exceeded', 'internal', 'resource-exhausted', 'unavailable'],
  ),
);

function checkRetries(report: Report, retries: HttpRetry): void {
  const { attempts = 2, perTryTimeout, retryOn, backoff } = retries;
  if (attempts < 0) report.at('attempts').error('attempts cannot be negative');
  if (attempts === 0 && (perTryTimeout !== undefined || (retryOn ?? '') !== '')) report.error('http retry policy configured when attempts are set to 0 (disabled)');
  checkDuration(report.at('perTryTimeout'), perTryTimeout);
  checkDuration(report.at('backoff'), backoff);
  for (const condition of (retryOn ?? '').split(',').map((word) => word.trim())) {
    const isStatus = /^\d{3}$/.test(condition) && Number(condition) >= 100 && Number(condition) < 600;
    if (condition !== '' && !isStatus && !RETRY_CONDITIONS.has(condition)) report.at('retryOn').error(`${JSON.stringify(condition)} is not a valid retryOn policy; known are ${[...RETRY_CONDITIONS].join(', ')}, and status codes`);
  }
}

function checkFault(report: Report, fault: HttpFault): void {
  const { delay, abort } = fault;
  if (!delay && !abort) report.error('HTTP fault injection must have an abort and/or a delay');
  if (delay) {
    const at = report.at('delay');
    checkPercent(at.at('percentage'), delay.percentage);
    if (delay.percent !== undefined) at.at('percent').refuse(percentProblem(delay.percent));
    if (delay.percentage === undefined && delay.percent === undefined) at.warning('has no percentage, so no request is delayed; for all of them write percentage: {value: 100}');
    if (delay.fixedDelay === undefined) at.at('fixedDelay').error('is required');
    checkDuration(at.at('fixedDelay'), delay.fixedDelay);
    if (delay.exponentialDelay !== undefined) at.at('exponentialDelay').error('is not supported; use fixedDelay');
  }
  if (!abort) return;
  const at = report.at('abort');
  checkPercent(at.at('percentage'), abort.percentage);
  if (abort.percentage === undefined) at.warning('has no percentage, so no request is aborted; for all of them write percentage: {value: 100}');
  if (abort.http2Error !== undefined) at.at('http2Error').error('HTTP/2 abort fault injection not supported yet');
  if (abort.httpStatus === undefined && abort.grpcStatus === undefined) at.error('needs httpStatus or grpcStatus');
  if (abort.httpStatus !== undefined && (abort.httpStatus < 200 || abort.httpStatus > 599)) at.at('httpStatus').error(`must be an HTTP status from 200 to 599, not ${abort.httpStatus}`);
  if (abort.grpcStatus !== undefined && !GRPC_STATUSES.has(abort.grpcStatus) && !/^([0-9]|1[0-6])$/.test(abort.grpcStatus)) at.at('grpcStatus').error(`${JSON.stringify(abort.grpcStatus)} is not a status of gRPC such as UNAVAILABLE`);
}

const GRPC_STATUSES = new Set(
  'OK CANCELLED UNKNOWN INVALID_ARGUMENT DEADLINE_EXCEEDED NOT_FOUND ALREADY_EXISTS PERMISSION_DENIED RESOURCE_EXHAUSTED FAILED_PRECONDITION ABORTED OUT_OF_RANGE UNIMPLEMENTED INTERNAL UNAVAILABLE DATA_LOSS UNAUTHENTICATED'.split(' '),
);

function checkMirrors(report: Report, route: HttpRoute, scope: Scope): void {
  if (route.mirror && (route.mirrors ?? []).length > 0) report.at('mirrors').error('a rule has either mirror or mirrors');
  if (route.mirror) checkDestination(report.at('mirror'), route.mirror, scope);
  checkPercent(report.at('mirrorPercentage'), route.mirrorPercentage);
  for (const field of ['mirrorPercent', 'mirror_percent'] as const) if (typeof route[field] === 'number') report.at(field).refuse(percentProblem(route[field]));
  eachItem(report.at('mirrors'), route.mirrors, (at, mirror) => {
    checkDestination(at.at('destination'), mirror.destination, scope);
    checkPercent(at.at('percentage'), mirror.percentage);
  });
}

const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'CONNECT', 'OPTIONS', 'TRACE', '*']);

function checkCors(report: Report, cors: CorsPolicy): void {
  eachItem(report.at('allowOrigins'), cors.allowOrigins, (at, match) => checkStringMatch(at, match));
  eachItem(report.at('allowMethods'), cors.allowMethods, (at, method) => {
    if (!METHODS.has(method)) at.error(`${JSON.stringify(method)} is not a supported HTTP method`);
  });
  for (const field of ['allowHeaders', 'exposeHeaders'] as const) eachItem(report.at(field), cors[field], (at, name) => at.refuse(name === '*' ? undefined : headerNameProblem(name)));
  checkDuration(report.at('maxAge'), cors.maxAge);
}

function checkHeaders(report: Report, headers: Headers | undefined): void {
  for (const direction of ['request', 'response'] as const) checkHeaderOperations(report.at(direction), headers?.[direction]);
}

function checkHeaderOperations(report: Report, operations: HeaderOperations | undefined): void {
  for (const operation of ['set', 'add'] as const) {
    for (const [name, value] of Object.entries(operations?.[operation] ?? {})) {
      const at = report.at(operation, name);
      const isAuthority = name === ':authority' || name.toLowerCase() === 'host';
      if (isAuthority ? operation === 'add' : name.startsWith(':')) at.error('cannot be changed here; only Host or :authority can, and only with set');
      else if (!isAuthority) at.refuse(headerNameProblem(name));
      // The authority is rewritten as it stands.
      at.refuse(lineProblem(value) ?? (isAuthority ? undefined : formatProblem(value, 'header value')));
    }
  }
  eachItem(report.at('remove'), operations?.remove, (at, name) => (name.startsWith(':') || name.toLowerCase() === 'host' ? at.error(`${name} cannot be removed`) : at.refuse(headerNameProblem(name))));
}

function checkPercent(report: Report, percent: Percent | undefined): void {
  if (percent !== undefined) report.at('value').refuse(percentProblem(percent.value ?? 0));
}
