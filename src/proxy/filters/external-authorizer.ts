/** Asks a service whether a request may pass, by HTTP or by gRPC. Envoy: envoy.filters.http.ext_authz. */
import type { BufferSettings, ExtAuthz } from '../../xds/generated/envoy/extensions/filters/http/ext_authz/v3/ext_authz_pb.js';
import type { HeaderValueOption } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import type { ListStringMatcher } from '../../xds/generated/envoy/type/matcher/v3/string_pb.js';
import { decode } from '../config/decode.ts';
import { ConfigError } from '../errors.ts';
import { Headers } from '../../codec/headers.ts';
import { fetchThroughCluster, type FetchResult } from '../http/fetch.ts';
import type { FilterContext, HttpFilter } from '../http/filter.ts';
import { EXPECTED_TIMEOUT } from '../http/time-limits.ts';
import { durationMs } from '../route/numbers.ts';
import { compileStringMatcher } from '../route/string-match.ts';
import { accessInput } from './access-input.ts';
import { checkMessage, PARTIAL, type SeenBody } from './check-message.ts';
import { compileMetadata } from './rbac.ts';
import type { FilterDeps } from './registry.ts';

interface Edit {
  readonly name: string;
  readonly value: string;
  readonly appends: boolean;
}

type Verdict =
  | { readonly kind: 'allowed'; readonly request: readonly Edit[]; readonly removed: readonly string[]; readonly response: readonly Edit[] }
  | { readonly kind: 'denied'; readonly status: number; readonly body: string | Buffer; readonly headers: readonly (readonly [string, string])[] }
  /** Nobody could say. */
  | { readonly kind: 'error' };

/** @param body as much of it as the authorizer is to see; undefined: it sees the head only */
type Ask = (context: FilterContext, body: SeenBody | undefined) => Promise<Verdict>;

const ERROR: Verdict = { kind: 'error' };
const DEFAULT_TIMEOUT_MS = 200;

export function createExternalAuthorizer(name: string, message: ExtAuthz, deps: FilterDeps): HttpFilter {
  const isEnabled = message.filterEnabledMetadata && compileMetadata(message.filterEnabledMetadata);
  const ask = compileService(message, deps);
  const statusOnError = message.statusOnError?.code ?? 403;
  const limits = message.withRequestBody;
  const answers = new WeakMap<FilterContext, readonly Edit[]>();

  const settle = (context: FilterContext, verdict: Verdict): void => {
    if (verdict.kind === 'allowed' || (verdict.kind === 'error' && message.failureModeAllow)) {
      if (verdict.kind === 'allowed') {
        allow(context, verdict, answers);
        if (message.clearRouteCache && verdict.request.length + verdict.removed.length > 0) context.routeAnew();
      }
      return context.resume();
    }
    const common = { flag: 'UAEX', details: verdict.kind === 'denied' ? 'ext_authz_denied' : 'ext_authz_error' };
    context.reply(verdict.kind === 'denied' ? { ...common, status: verdict.status, body: verdict.body, headers: verdict.headers } : { ...common, status: statusOnError });
  };

  return {
    name,
    onRequest(context) {
      if (isEnabled && !isEnabled(accessInput(context))) return 'continue';
      let isOver = false;
      context.atEnd(() => (isOver = true));
      const put = (body?: SeenBody) => void ask(context, body).catch(() => ERROR).then((verdict) => {
        if (!isOver) settle(context, verdict);
      });
      if (!limits || !hasBody(context)) put();
      else gather(context, limits, put);
      return 'stop';
    },
    onResponse(context, head) {
      for (const edit of answers.get(context) ?? []) apply(head.headers, edit);
    },
  };
}

/** What opens a tunnel has no body to look at. */
const hasBody = ({ request }: FilterContext): boolean => request.bodyLength !== 0 && request.upgrade === undefined && request.method !== 'CONNECT';

/** A body that is larger than the authorizer is to see is shown in part, or refused. Envoy: `with_request_body`. */
function gather(context: FilterContext, { maxRequestBytes, allowPartialMessage, packAsBytes }: BufferSettings, put: (body: SeenBody) => void): void {
  context.gatherBody(allowPartialMessage ? maxRequestBytes : maxRequestBytes + 1, (all, isWhole) => {
    if (!allowPartialMessage && all.length > maxRequestBytes) return context.reply({ status: 413, body: 'Payload Too Large', details: 'request_payload_too_large' });
    put({ bytes: all.subarray(0, maxRequestBytes), isPartial: !isWhole || all.length > maxRequestBytes, isOpaque: packAsBytes });
  });
}

function allow(context: FilterContext, verdict: Verdict & { kind: 'allowed' }, answers: WeakMap<FilterContext, readonly Edit[]>): void {
  const { headers } = context.request;
  for (const name of verdict.removed) headers.remove(name);
  for (const edit of verdict.request) apply(headers, edit);
  if (verdict.response.length > 0) answers.set(context, verdict.response);
}

function apply(headers: Headers, { name, value, appends }: Edit): void {
  if (appends) headers.add(name, value);
  else headers.set(name, value);
}

function compileService(message: ExtAuthz, deps: FilterDeps): Ask {
  const { services } = message;
  if (services.case === 'httpService') return askByHttp(message, services.value, deps);
  if (services.case === 'grpcService' && services.value.targetSpecifier.case === 'envoyGrpc') {
    return askByGrpc({ cluster: services.value.targetSpecifier.value.clusterName, timeoutMs: durationMs(services.value.timeout) ?? DEFAULT_TIMEOUT_MS }, services.value.targetSpecifier.value.authority, deps);
  }
  throw new ConfigError('ext_authz: http_service or grpc_service with envoy_grpc is needed');
}

// HTTP

type HttpServiceMessage = Extract<ExtAuthz['services'], { case: 'httpService' }>['value'];

/** Told to the authorizer, and to a client that is denied, without being listed. */
const ALWAYS_ASKED: ReadonlySet<string> = new Set(['authorization']);
const ALWAYS_TOLD: ReadonlySet<string> = new Set(['content-type', 'location', 'www-authenticate']);
/** Of the answer to us, not of the one to the client. */
const OWN_FIELDS: ReadonlySet<string> = new Set(['content-length', 'transfer-encoding', 'connection', 'date', 'server', 'x-envoy-upstream-service-time']);

function askByHttp(message: ExtAuthz, service: HttpServiceMessage, { clusters, clock }: FilterDeps): Ask {
  const upstream = service.serverUri?.httpUpstreamType;
  if (upstream?.case !== 'cluster') throw new ConfigError('ext_authz: http_service.server_uri.cluster is missing');
  const { authorizationRequest, authorizationResponse } = service;
  const asked = matcher(message.allowedHeaders ?? authorizationRequest?.allowedHeaders);
  const passedOn = matcher(authorizationResponse?.allowedUpstreamHeaders);
  const toldOnSuccess = matcher(authorizationResponse?.allowedClientHeadersOnSuccess);
  const told = authorizationResponse?.allowedClientHeaders ? matcher(authorizationResponse.allowedClientHeaders) : () => true;
  const added = (authorizationRequest?.headersToAdd ?? []).map(({ key, value }) => [key, value] as const);
  const timeoutMs = durationMs(service.serverUri?.timeout) ?? DEFAULT_TIMEOUT_MS;
  return async ({ request }, body) => {
    const headers = new Headers();
    for (const [name, value] of request.headers) if (ALWAYS_ASKED.has(name) || asked(name)) headers.add(name, value);
    for (const [name, value] of added) headers.set(name, value);
    // What every request says that a proxy makes for itself.
    headers.set('x-envoy-internal', 'true');
    headers.set(EXPECTED_TIMEOUT, String(timeoutMs));
    if (body) headers.set(PARTIAL, String(body.isPartial));
    headers.set('content-length', String(body?.bytes.length ?? 0));
    const url = `http://${request.authority}${service.pathPrefix}${request.path}`;
    const answer = await fetchThroughCluster({ cluster: upstream.value, url, method: request.method, headers, ...(body ? { body: body.bytes } : {}), timeoutMs, clusters, clock });
    if (answer.status >= 500) return ERROR;
    const pick = (wanted: (name: string) => boolean): Edit[] => [...answer.headers].flatMap(([name, value]) => (!OWN_FIELDS.has(name) && wanted(name) ? [{ name, value, appends: false }] : []));
    if (answer.status === 200) return { kind: 'allowed', request: pick(passedOn), removed: [], response: pick(toldOnSuccess) };
    return { kind: 'denied', status: answer.status, body: answer.body, headers: pick((name) => ALWAYS_TOLD.has(name) || told(name)).map(({ name, value }) => [name, value] as const) };
  };
}

function matcher(list: ListStringMatcher | undefined): (name: string) => boolean {
  const patterns = (list?.patterns ?? []).map(compileStringMatcher);
  return (name) => patterns.some((matches) => matches(name));
}

// gRPC

function askByGrpc(target: { cluster: string; timeoutMs: number }, authority: string, { clusters, clock }: FilterDeps): Ask {
  const url = `http://${authority === '' ? target.cluster.split('|').at(-1) : authority}/envoy.service.auth.v3.Authorization/Check`;
  return async (context, body) => {
    const headers = Headers.of('content-type', 'application/grpc', 'te', 'trailers', 'grpc-timeout', `${target.timeoutMs}m`);
    const answer = await fetchThroughCluster({ ...target, url, method: 'POST', headers, body: checkMessage(context, body), protocol: 'HTTP/2', clusters, clock });
    return readCheck(answer);
  };
}

function readCheck({ status, headers, trailers, body }: FetchResult): Verdict {
  const grpcStatus = trailers?.get('grpc-status') ?? headers.get('grpc-status');
  if (status !== 200 || grpcStatus !== '0' || body.length < 5 || body.readUInt32BE(1) !== body.length - 5) return ERROR;
  const { status: verdict, httpResponse } = decode('checkResponse', body.subarray(5));
  if (verdict?.code === 0 || (verdict === undefined && httpResponse.case !== 'deniedResponse')) {
    const ok = httpResponse.case === 'okResponse' ? httpResponse.value : undefined;
    return { kind: 'allowed', request: edits(ok?.headers), removed: ok?.headersToRemove.map((name) => name.toLowerCase()) ?? [], response: edits(ok?.responseHeadersToAdd) };
  }
  const denied = httpResponse.case === 'deniedResponse' ? httpResponse.value : undefined;
  return { kind: 'denied', status: denied?.status?.code || 403, body: denied?.body ?? '', headers: edits(denied?.headers).map(({ name, value }) => [name, value] as const) };
}

function edits(options: readonly HeaderValueOption[] | undefined): Edit[] {
  return (options ?? []).flatMap(({ header, append }) => {
    if (!header) return [];
    const value = header.rawValue.length > 0 ? Buffer.from(header.rawValue).toString('latin1') : header.value;
    // In this protocol, other than in routes, a field replaces unless `append` says otherwise.
    return [{ name: header.key.toLowerCase(), value, appends: append ?? false }];
  });
}
