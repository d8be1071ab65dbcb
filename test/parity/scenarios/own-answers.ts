/** What a proxy answers by itself carries a reason and the object behind it. */
import { defaultMeshConfig, type MeshConfig } from '../../../src/api/mesh-config.ts';
import { ask, destinationRule, gateway, get, object, outside, post, raw, sidecar, talk, together, virtualService, type Ask, type AskExpectation, type AskOptions, type Scenario, type Step, type Talk, type TalkExpectation } from '../scenario.ts';
import { ADDRESS, WORLD_PODS } from '../lab/network.ts';

const path = (kind: string, name: string, group = 'networking'): string => `/apis/${group}.istio.io/v1/namespaces/default/${kind}/${name}`;
const VS = path('virtual-service', 'vs');
const DR = path('destination-rule', 'dr');
const GW = path('gateway', 'gw');

const GATEWAY = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.shop.test"]}]}');
const security = (kind: string, spec: string, name: string) => object('security.istio.io/v1', kind, { spec, name, namespace: 'default' });

interface Row {
  readonly what: string;
  readonly mesh: readonly string[];
  readonly step: Step;
  readonly over?: Partial<Scenario>;
}

/** What is logged of an answer that the proxy made. */
const log = (flags: string, details: string | RegExp, objects: { route?: string; host?: string; cluster?: string }): AskExpectation['log'] => ({
  flags, details, routeObject: objects.route ?? null, hostObject: objects.host ?? null, clusterObject: objects.cluster ?? null,
});

const rules = (text: string) => virtualService(`{hosts: [one], http: [${text}]}`);
const forward = 'route: [{destination: {host: one}}]';
const one = (expect: AskExpectation, options?: AskOptions): Ask => get('one/x', expect, options);
/** From outside straight to the pod with the sidecar. */
const inbound = (expect: AskExpectation, options: AskOptions = {}): Step => ask('GET', 'server/x', { from: 'world', at: `${ADDRESS.server}:8080`, ...options }, expect);

const HTTPS_ONLY = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.shop.test"], tls: {httpsRedirect: true}}]}');
/** The authorizer is an application like others: it answers as it is told in `x-app`. */
const AUTHORIZERS: Partial<MeshConfig> = { extensionProviders: [{ name: 'authorizer', envoyExtAuthzHttp: { service: 'one.default.svc.cluster.local', port: 80, includeRequestHeadersInCheck: ['x-app'] } }] };
const custom = (provider: string) => security('AuthorizationPolicy', `{selector: {matchLabels: {app: server}}, action: CUSTOM, provider: {name: ${provider}}, rules: [{}]}`, 'ask');

/** Well-formed, of the issuer, and signed by nobody. */
const TOKEN = [...[{ alg: 'RS256', kid: 'nobody' }, { iss: 'me' }].map((part) => JSON.stringify(part)), 'signature'].map((part) => Buffer.from(part).toString('base64url')).join('.');

const ROWS: readonly Row[] = [
  { what: 'no rule of the host is for the request', mesh: [rules(`{match: [{uri: {prefix: /other}}], ${forward}}`)], step: one({ status: 404, log: log('NR', 'route_not_found', { host: VS }) }) },
  {
    what: 'no Gateway has the host', mesh: [GATEWAY, virtualService(`{hosts: [a.shop.test], gateways: [gw], http: [{${forward}}]}`)],
    step: outside('b.shop.test/x', { status: 404, log: log('NR', 'route_not_found', { host: GW }) }),
  },
  { what: 'a fault aborts', mesh: [rules(`{fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, ${forward}}`)], step: one({ status: 418, log: log('FI', 'fault_filter_abort', { route: VS, host: VS }) }) },
  { what: 'a rule answers directly', mesh: [rules('{directResponse: {status: 410}}')], step: one({ status: 410, log: log('-', 'direct_response', { route: VS, host: VS }) }) },
  { what: 'a rule redirects', mesh: [rules('{redirect: {uri: /y}}')], step: one({ status: 301, log: log('-', 'direct_response', { route: VS, host: VS }) }) },
  { what: 'the time of a rule is up', mesh: [rules(`{timeout: 0.4s, ${forward}}`)], step: one({ status: 504, log: log('UT', 'response_timeout', { route: VS, host: VS }) }, { app: { delayMs: 2000 } }) },
  { what: 'a rule leads to a subset that nobody has defined', mesh: [rules('{route: [{destination: {host: one, subset: v9}}]}')], step: one({ status: 503, log: log('NC', 'cluster_not_found', { route: VS, host: VS }) }) },
  {
    what: 'nobody is in a subset', mesh: [rules('{route: [{destination: {host: one, subset: v9}}]}'), destinationRule('{host: one, subsets: [{name: v9, labels: {version: v9}}]}')],
    step: one({ status: 503, log: log('UH', 'no_healthy_upstream', { route: VS, host: VS, cluster: DR }) }),
  },
  {
    what: 'an endpoint refuses the connection', mesh: [destinationRule('{host: one, trafficPolicy: {loadBalancer: {simple: RANDOM}}}')],
    step: one({ status: 503, log: log('URX,UF', /^upstream_reset_before_response_started\{remote_connection_failure/, { cluster: DR }) }),
    over: { refuses: [`${WORLD_PODS[4]}:8080`] },
  },
  {
    what: 'an endpoint does not answer the connection', mesh: [destinationRule('{host: one, trafficPolicy: {connectionPool: {tcp: {connectTimeout: 0.1s}}}}'), rules(`{retries: {attempts: 0}, ${forward}}`)],
    step: one({ status: 503, log: log('UF', 'upstream_reset_before_response_started{connection_timeout}', { route: VS, host: VS, cluster: DR }) }),
    over: { silent: [`${WORLD_PODS[4]}:8080`] },
  },
  {
    what: 'the certificate of an endpoint is of nobody who is trusted', mesh: [destinationRule('{host: one, trafficPolicy: {tls: {mode: SIMPLE, sni: app.example}}}'), rules(`{retries: {attempts: 0}, ${forward}}`)],
    step: one({ status: 503, log: log('UF', /^upstream_reset_before_response_started\{remote_connection_failure\|TLS_error/, { route: VS, host: VS, cluster: DR }) }),
  },
  {
    what: 'more requests than a DestinationRule lets be in flight', mesh: [destinationRule('{host: one, trafficPolicy: {connectionPool: {http: {http2MaxRequests: 1}}}}')],
    step: together(one({ status: 200 }, { app: { delayMs: 400 } }), one({ status: 503, log: log('UO', 'upstream_reset_before_response_started{overflow}', { cluster: DR }) }, { app: { delayMs: 400 } })),
  },
  {
    what: 'an application resets the connection', mesh: [destinationRule('{host: one, trafficPolicy: {loadBalancer: {simple: RANDOM}}}'), rules(`{retries: {attempts: 0}, ${forward}}`)],
    step: one({ status: 503, log: log('UC', 'upstream_reset_before_response_started{connection_termination}', { route: VS, host: VS, cluster: DR }) }, { app: { reset: 'at-head' } }),
  },
  {
    what: 'an application answers something else than HTTP', mesh: [rules(`{retries: {attempts: 0}, ${forward}}`)],
    step: one({ status: 502, log: log('UPE', 'upstream_reset_before_response_started{protocol_error}', { route: VS, host: VS }) }),
    over: { apps: { 8080: 'greets' } },
  },
  {
    what: 'no try is answered in its time', mesh: [rules(`{retries: {attempts: 1, perTryTimeout: 0.4s, retryOn: 5xx}, ${forward}}`)],
    step: one({ status: 504, log: log('URX,UT', 'upstream_per_try_timeout', { route: VS, host: VS }) }, { app: { delayMs: 1500 } }),
  },
  { what: 'the host is missing', mesh: [rules(`{${forward}}`)], step: raw('one/x', 'GET /x HTTP/1.1\r\n{id}\r\n\r\n', { status: 400, log: log('-', 'missing_host_header', {}) }) },
  { what: 'an upgrade is not on offer', mesh: [rules(`{${forward}}`)], step: one({ status: 403, log: log('-', 'upgrade_failed', { route: VS, host: VS }) }, { headers: { connection: 'upgrade', upgrade: 'something' } }) },
  {
    what: 'a Gateway sends to https', mesh: [HTTPS_ONLY, virtualService(`{hosts: [a.shop.test], gateways: [gw], http: [{${forward}}]}`)],
    step: outside('a.shop.test/x', { status: 301, log: log('-', 'direct_response', { host: GW }) }),
  },
  {
    what: 'no policy allows', mesh: [security('AuthorizationPolicy', '{selector: {matchLabels: {app: server}}, rules: [{to: [{operation: {paths: [/y]}}]}]}', 'allow')],
    step: inbound({ status: 403, log: log('-', 'rbac_access_denied_matched_policy[none]', { host: path('authorization-policy', 'allow', 'security') }) }),
  },
  {
    what: 'a policy of a gateway allows nobody', mesh: [GATEWAY, virtualService(`{hosts: [a.shop.test], gateways: [gw], http: [{${forward}}]}`), object('security.istio.io/v1', 'AuthorizationPolicy', { name: 'allow', namespace: 'istio-system', spec: '{selector: {matchLabels: {istio: ingressgateway}}}' })],
    step: outside('a.shop.test/x', { status: 403, log: log('-', 'rbac_access_denied_matched_policy[none]', { route: VS, host: `${VS},/apis/security.istio.io/v1/namespaces/istio-system/authorization-policy/allow` }) }),
  },
  {
    what: 'an authorizer says no', mesh: [custom('authorizer')],
    step: inbound({ status: 403, log: log('UAEX', 'ext_authz_denied', { host: path('authorization-policy', 'ask', 'security') }) }, { app: { status: 403 } }),
    // Envoy passes on how long it has waited for the authorizer, too.
    over: { config: AUTHORIZERS, ignores: ['answer.headers.x-envoy-upstream-service-time'] },
  },
  {
    what: 'an authorizer cannot be asked', mesh: [custom('authorizer')],
    step: inbound({ status: 403, log: log('UAEX', 'ext_authz_error', { host: path('authorization-policy', 'ask', 'security') }) }),
    over: { config: AUTHORIZERS, refuses: [`${WORLD_PODS[4]}:8080`] },
  },
  {
    what: 'a policy denies', mesh: [security('AuthorizationPolicy', '{selector: {matchLabels: {app: server}}, action: DENY, rules: [{to: [{operation: {paths: [/x]}}]}]}', 'deny')],
    step: inbound({ status: 403, log: log('-', 'rbac_access_denied_matched_policy[ns[default]-policy[deny]-rule[0]]', {}) }),
  },
  {
    what: 'a token is not valid', mesh: [security('RequestAuthentication', `{selector: {matchLabels: {app: server}}, jwtRules: [{issuer: me, jwks: '{"keys": []}', fromHeaders: [{name: x-token}]}]}`, 'jwt')],
    step: ask('GET', 'server/x', { from: 'world', at: `${ADDRESS.server}:8080`, headers: { 'x-token': TOKEN } }, { status: 401, log: log('-', /^jwt_authn_access_denied/, { host: path('request-authentication', 'jwt', 'security') }) }),
  },
  {
    what: 'a Sidecar lets nobody out', mesh: [sidecar('{outboundTrafficPolicy: {mode: REGISTRY_ONLY}}')],
    step: get('nowhere.test/x', { status: 502, log: log('-', 'direct_response', { host: path('sidecar', 'default') }) }, { at: '10.96.0.13:80' }),
  },
];

/** What an external service says, and what it is asked. It is an application that does what the request's own order says. */
const asks = (more: string, spec = 'rules: [{}]') => ({
  config: { extensionProviders: [{ name: 'authz', envoyExtAuthzHttp: { service: 'one.default.svc.cluster.local', port: 80, pathPrefix: '/check', includeRequestHeadersInCheck: ['x-ask', 'x-scenario'], headersToUpstreamOnAllow: ['x-mixed-case'], ...JSON.parse(more) as object } }] },
  mesh: ['# one server', security('AuthorizationPolicy', `{selector: {matchLabels: {app: server}}, action: CUSTOM, provider: {name: authz}, ${spec}}`, 'ask')],
});
const ASKED: readonly Scenario[] = [
  {
    name: 'own answers: an authorizer allows, and adds a header', ...asks('{}'),
    steps: [post('server/x', 'body', { status: 200, body: 'server', seen: [{ at: 'one-v1', path: '/check/x', body: '', headers: { 'content-length': '0' } }, { at: 'server', body: 'body', headers: { 'x-mixed-case': 'Kept' } }] })],
  },
  {
    name: 'own answers: an authorizer sees the beginning of the body', ...asks('{"includeRequestBodyInCheck": {"maxRequestBytes": 5, "allowPartialMessage": true}}'),
    steps: [
      post('server/x', '123456789', { status: 200, body: 'server', seen: [{ body: '12345', headers: { 'x-envoy-auth-partial-body': 'true' } }, { body: '123456789' }] }),
      post('server/x', '123', { status: 200, seen: [{ body: '123', headers: { 'x-envoy-auth-partial-body': 'false' } }, { body: '123' }] }),
      get('server/x', { status: 200, seen: [{ body: '' }, { body: '' }] }),
    ],
  },
  {
    name: 'own answers: a body larger than an authorizer takes', ...asks('{"includeRequestBodyInCheck": {"maxRequestBytes": 5}}'),
    steps: [post('server/x', '12345', { status: 200, seen: [{ body: '12345' }, { body: '12345' }] }), post('server/x', '123456', { status: 413, body: 'Payload Too Large', seen: [] })],
  },
  {
    name: 'own answers: an authorizer denies', ...asks('{"includeRequestHeadersInCheck": ["x-app", "x-scenario"], "headersToDownstreamOnDeny": ["x-why"]}'),
    steps: [ask('GET', 'server/x', { from: 'world', at: `${ADDRESS.server}:8080`, app: { status: 401, headers: { 'x-why': 'because' } } }, { status: 401, headers: { 'x-why': 'because' }, seen: [{ at: 'one-v1' }], log: { flags: 'UAEX', details: 'ext_authz_denied' } })],
  },
  {
    name: 'own answers: an authorizer that fails', ...asks('{"includeRequestHeadersInCheck": ["x-app", "x-scenario"]}'),
    steps: [ask('GET', 'server/x', { from: 'world', at: `${ADDRESS.server}:8080`, app: { status: 500 } }, { status: 403, seen: [{ at: 'one-v1' }], log: { flags: 'UAEX', details: 'ext_authz_error' } })],
  },
];

/** How exchanges end that nobody answered. */
const ENDINGS: readonly Scenario[] = [
  { name: 'own answers: a client that leaves', mesh: ['# one'], steps: [get('one/x', { status: 0, end: 'timeout', log: { code: 0, flags: 'DC', details: 'downstream_remote_disconnect' } }, { leaves: 'when-seen', app: { delayMs: 1500 } })] },
  { name: 'own answers: a client that gives up its stream', mesh: ['# one'], steps: [get('one/x', { status: 0, end: 'timeout', log: { code: 0, flags: 'DR', details: 'http2.remote_reset' } }, { version: 2, leaves: 'when-seen', app: { delayMs: 1500 } })] },
  { name: 'own answers: an upstream that resets the stream', mesh: ['# one'], steps: [post('one:7070/x', 'a', { status: 503, log: { flags: 'UR', details: /remote_reset/ } }, { version: 2, app: { reset: 'at-head', streamReset: 2 } })] },
  {
    name: 'own answers: nothing happens for too long', mesh: ['# one'], config: { defaultConfig: { ...defaultMeshConfig().defaultConfig, proxyMetadata: { ISTIO_META_HTTP_STREAM_IDLE_TIMEOUT: '0.5s' } } },
    steps: [get('one/x', { status: 504, log: { flags: 'SI', details: 'stream_idle_timeout' } }, { app: { delayMs: 2000 } })],
  },
];

/** Connections that carry no HTTP: their lines have flags. The client says nothing, since a close over what was not read is a reset. */
const BYTES = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 31400, name: tcp, protocol: TCP}, hosts: ["*"]}]}');
const toBytes = (destination: string) => virtualService(`{hosts: ["*"], gateways: [gw], tcp: [{route: [{destination: ${destination}}]}]}`);
const NOBODY = destinationRule('{host: one, subsets: [{name: v9, labels: {version: v9}}]}');
const bytes = (to: string, expect: TalkExpectation, options?: Pick<Talk, 'from'>) => talk(to, [{ untilEnd: true }], { received: '', end: 'closed', ...expect }, options);
const AT_GATEWAY: Pick<Talk, 'from'> = { from: 'world' };
const CONNECTIONS: readonly Scenario[] = [
  {
    name: 'own answers: bytes for a subset that nobody is in', mesh: [NOBODY, virtualService('{hosts: [one], tcp: [{route: [{destination: {host: one, subset: v9}}]}]}')],
    steps: [bytes('one:9000', { log: { flags: 'UH', cluster: 'outbound|9000|v9|one.default.svc.cluster.local', clusterObject: DR } })],
  },
  {
    name: 'own answers: bytes for an endpoint that refuses the connection', mesh: [destinationRule('{host: one, trafficPolicy: {loadBalancer: {simple: RANDOM}}}'), '# one 9000'], refuses: [`${WORLD_PODS[4]}:9000`],
    steps: [bytes('one:9000', { log: { flags: 'UF,URX', clusterObject: DR } })],
  },
  {
    name: 'own answers: bytes at a gateway for a subset that nobody is in', mesh: [BYTES, NOBODY, toBytes('{host: one, subset: v9, port: {number: 9000}}')],
    steps: [bytes('shop.test:31400', { log: { flags: 'UH', clusterObject: DR } }, AT_GATEWAY)],
  },
  {
    name: 'own answers: bytes at a gateway for an endpoint that refuses the connection', mesh: [BYTES, destinationRule('{host: one, trafficPolicy: {loadBalancer: {simple: RANDOM}}}'), toBytes('{host: one, port: {number: 9000}}')], refuses: [`${WORLD_PODS[4]}:9000`],
    steps: [bytes('shop.test:31400', { log: { flags: 'UF,URX', clusterObject: DR } }, AT_GATEWAY)],
  },
];

/** Envoy looks when a client says something. */
const WORD: Talk['lines'] = [{ send: 'SSH-2.0-x\r\n' }, { untilEnd: true }];
const toServer = (flags: string, termination: string | null, more: TalkExpectation['log'] = {}) =>
  talk('server:9000', WORD, { received: '', log: { flags, termination, ...more } }, { from: 'world', at: `${ADDRESS.server}:9000` });
const authorization = (spec: string, name: string) => security('AuthorizationPolicy', `{selector: {matchLabels: {app: server}}, ${spec}}`, name);
/** Bytes that a policy refuses: those that deny are named in the reason, those of which one would have to allow are the object. */
const REFUSED: readonly Scenario[] = [
  {
    name: 'own answers: bytes that no policy allows', mesh: [authorization('rules: [{to: [{operation: {ports: ["7070"]}}]}]', 'allow'), '# server 9000'],
    steps: [toServer('-', 'rbac_access_denied_matched_policy[none]', { chainObject: path('authorization-policy', 'allow', 'security') })],
  },
  {
    name: 'own answers: bytes that a policy denies', mesh: [authorization('action: DENY, rules: [{to: [{operation: {ports: ["9000"]}}]}]', 'deny'), '# server 9000'],
    steps: [toServer('-', 'rbac_access_denied_matched_policy[ns[default]-policy[deny]-rule[0]]', { chainObject: null })],
  },
  {
    name: 'own answers: bytes that no policy of a gateway allows',
    mesh: [BYTES, toBytes('{host: one, port: {number: 9000}}'), object('security.istio.io/v1', 'AuthorizationPolicy', { name: 'allow', namespace: 'istio-system', spec: '{selector: {matchLabels: {istio: ingressgateway}}}' })],
    steps: [talk('shop.test:31400', WORD, { received: '', log: { flags: '-', termination: 'rbac_access_denied_matched_policy[none]', chainObject: '/apis/security.istio.io/v1/namespaces/istio-system/authorization-policy/allow' } }, AT_GATEWAY)],
  },
  {
    name: 'own answers: plain bytes where mutual TLS is asked for', mesh: [security('PeerAuthentication', '{mtls: {mode: STRICT}}', 'default'), '# server 9000'],
    steps: [talk('server:9000', WORD, { received: '', seen: [], log: { flags: 'NR', details: 'filter_chain_not_found' } }, { from: 'world', at: `${ADDRESS.server}:9000` })],
    // Envoy has not read what it looked at, so that the system says that it was lost.
    ignores: ['end'],
  },
];

const SHOP = (http: string) => [GATEWAY, virtualService(`{hosts: [a.shop.test], gateways: [gw], http: [${http}]}`)];
/** As in the mesh, so at a gateway. */
const AT_GATEWAYS: readonly Row[] = [
  { what: 'at a gateway a fault aborts', mesh: SHOP(`{fault: {abort: {httpStatus: 418, percentage: {value: 100}}}, ${forward}}`), step: outside('a.shop.test/x', { status: 418, log: log('FI', 'fault_filter_abort', { route: VS, host: VS }) }) },
  { what: 'at a gateway a rule leads to a subset that nobody has defined', mesh: SHOP('{route: [{destination: {host: one, subset: v9}}]}'), step: outside('a.shop.test/x', { status: 503, log: log('NC', 'cluster_not_found', { route: VS, host: VS }) }) },
  { what: 'at a gateway nobody is in a subset', mesh: [...SHOP('{route: [{destination: {host: one, subset: v9}}]}'), NOBODY], step: outside('a.shop.test/x', { status: 503, log: log('UH', 'no_healthy_upstream', { route: VS, host: VS, cluster: DR }) }) },
  { what: 'at a gateway the time of a rule is up', mesh: SHOP(`{timeout: 0.4s, ${forward}}`), step: outside('a.shop.test/x', { status: 504, log: log('UT', 'response_timeout', { route: VS, host: VS }) }, { app: { delayMs: 2000 } }) },
  {
    what: 'at a gateway an endpoint refuses the connection', mesh: [...SHOP(`{retries: {attempts: 0}, ${forward}}`), destinationRule('{host: one, trafficPolicy: {loadBalancer: {simple: RANDOM}}}')],
    step: outside('a.shop.test/x', { status: 503, log: log('UF', /^upstream_reset_before_response_started\{remote_connection_failure/, { route: VS, host: VS, cluster: DR }) }),
    over: { refuses: [`${WORLD_PODS[4]}:8080`] },
  },
  { what: 'at a gateway an application resets the connection', mesh: SHOP(`{retries: {attempts: 0}, ${forward}}`), step: outside('a.shop.test/x', { status: 503, log: log('UC', 'upstream_reset_before_response_started{connection_termination}', { route: VS, host: VS }) }, { app: { reset: 'at-head' } }) },
];

export const OWN_ANSWERS: readonly Scenario[] = [...ASKED, ...ENDINGS, ...CONNECTIONS, ...REFUSED, ...[...ROWS, ...AT_GATEWAYS].map(({ what, mesh, step, over = {} }) => ({ name: `own answers: ${what}`, mesh: [...mesh, '# one server'], steps: [step], ...over }))];
