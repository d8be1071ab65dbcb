import { filter, type Scenario } from './scenario.ts';

const to = (fields: object = {}) => ({ route: { cluster: 'app', ...fields } });
const fault = (fields: Record<string, unknown>) => filter('envoy.filters.http.fault', 'envoy.extensions.filters.http.fault.v3.HTTPFault', fields);
const rbac = (fields: Record<string, unknown>) => filter('envoy.filters.http.rbac', 'envoy.extensions.filters.http.rbac.v3.RBAC', fields);
const ALWAYS = { numerator: 100, denominator: 'HUNDRED' };
const only = (match: object, response = 204) => ({ match, direct_response: { status: response } });

export const SCENARIOS: readonly Scenario[] = [
  // Routing
  { name: 'a plain request is answered by the upstream', compare: ['content-type', 'x-mixed-case'], sees: ['x-forwarded-proto', 'host'] },
  { name: 'no virtual host matches', virtualHost: { domains: ['elsewhere.example'] } },
  { name: 'no route matches', route: { match: { path: '/only' } } },
  { name: 'an exact path ignores the query', routes: [only({ path: '/a' })], path: '/a?b=c' },
  { name: 'an exact path does not match a longer one', routes: [only({ path: '/a' })], path: '/a/' },
  { name: 'a prefix matches', routes: [only({ prefix: '/a' })], path: '/abc' },
  { name: 'a separated prefix does not match in the middle of a segment', routes: [only({ path_separated_prefix: '/a' })], path: '/abc' },
  { name: 'a separated prefix matches a child', routes: [only({ path_separated_prefix: '/a' })], path: '/a/b' },
  { name: 'a regular expression has to match the whole path', routes: [only({ safe_regex: { regex: '/a\\d+' } })], path: '/a12b' },
  { name: 'a regular expression matches', routes: [only({ safe_regex: { regex: '/a\\d+' } })], path: '/a12?x=1' },
  { name: 'a path matches in any case when told so', routes: [only({ path: '/ABC', case_sensitive: false })], path: '/abc' },
  { name: 'a header matches exactly', routes: [only({ prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] })], headers: ['end-user: jason'] },
  { name: 'a header that is absent does not match', routes: [only({ prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' } }] })] },
  { name: 'an inverted header match holds when the header differs', routes: [only({ prefix: '/', headers: [{ name: 'end-user', string_match: { exact: 'jason' }, invert_match: true }] })], headers: ['end-user: other'] },
  { name: 'a header’s presence matches', routes: [only({ prefix: '/', headers: [{ name: 'x-flag', present_match: true }] })], headers: ['x-flag: '] },
  { name: 'a header prefix in any case matches', routes: [only({ prefix: '/', headers: [{ name: 'x-kind', string_match: { prefix: 'AB', ignore_case: true } }] })], headers: ['x-kind: abc'] },
  { name: 'the method matches as a header', routes: [only({ prefix: '/', headers: [{ name: ':method', string_match: { exact: 'DELETE' } }] })], method: 'DELETE' },
  { name: 'a query parameter matches', routes: [only({ prefix: '/', query_parameters: [{ name: 'v', string_match: { exact: '2' } }] })], path: '/?u=1&v=2' },
  { name: 'a direct response with a body', routes: [{ match: { prefix: '/' }, direct_response: { status: 418, body: { inline_string: 'short and stout' } } }] },
  { name: 'the port in Host does not matter to a domain', virtualHost: { domains: ['shop.example'] }, headers: ['host: shop.example:8080'], manager: { strip_any_host_port: true }, sees: ['host'] },
  { name: 'a wildcard domain matches', virtualHost: { domains: ['*.example'] }, headers: ['host: shop.example'], sees: ['host'] },
  // Redirects and rewrites
  { name: 'a redirect to another host', routes: [{ match: { prefix: '/' }, redirect: { host_redirect: 'new.example' } }], path: '/p?q=1', compare: ['location'] },
  { name: 'a redirect to https with 308', routes: [{ match: { prefix: '/' }, redirect: { https_redirect: true, response_code: 'PERMANENT_REDIRECT' } }], path: '/p', compare: ['location'] },
  { name: 'a redirect that replaces the path', routes: [{ match: { prefix: '/' }, redirect: { path_redirect: '/new' } }], path: '/old?q=1', compare: ['location'] },
  { name: 'a redirect that replaces the prefix and drops the query', routes: [{ match: { prefix: '/old' }, redirect: { prefix_rewrite: '/new', strip_query: true } }], path: '/old/x?q=1', compare: ['location'] },
  { name: 'a prefix is rewritten', route: { match: { prefix: '/api' }, ...to({ prefix_rewrite: '/v2' }) }, path: '/api/x?y=1', sees: [] },
  { name: 'a prefix with its slash is rewritten to the root', route: { match: { prefix: '/api/' }, ...to({ prefix_rewrite: '/' }) }, path: '/api/x' },
  { name: 'a path is rewritten by a regular expression', route: to({ regex_rewrite: { pattern: { regex: '^/user/(\\d+)$' }, substitution: '/u/\\1/home' } }), path: '/user/42' },
  { name: 'the host is rewritten', route: to({ host_rewrite_literal: 'inner.example' }), sees: ['host'] },
  // Headers
  { name: 'request headers are set, added and removed', route: { ...to(), request_headers_to_add: [{ header: { key: 'x-a', value: '1' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }, { header: { key: 'x-b', value: '2' }, append_action: 'APPEND_IF_EXISTS_OR_ADD' }], request_headers_to_remove: ['x-c'] }, headers: ['x-a: 0', 'x-b: 1', 'x-c: gone'], sees: ['x-a', 'x-b', 'x-c'] },
  { name: 'response headers are set and removed', route: { ...to(), response_headers_to_add: [{ header: { key: 'x-r', value: 'yes' }, append_action: 'OVERWRITE_IF_EXISTS_OR_ADD' }], response_headers_to_remove: ['x-mixed-case'] }, compare: ['x-r', 'x-mixed-case'] },
  { name: 'a header only if absent', route: { ...to(), request_headers_to_add: [{ header: { key: 'x-a', value: 'new' }, append_action: 'ADD_IF_ABSENT' }] }, headers: ['x-a: old'], sees: ['x-a'] },
  { name: 'x-forwarded-for is appended for an edge proxy', manager: { use_remote_address: true }, headers: ['x-forwarded-for: 10.0.0.1'], sees: ['x-forwarded-for', 'x-envoy-external-address'] },
  { name: 'x-forwarded-for is left alone inside the mesh', headers: ['x-forwarded-for: 10.0.0.1'], sees: ['x-forwarded-for'] },
  { name: 'hop-by-hop headers do not travel', headers: ['connection: x-hop', 'x-hop: 1', 'keep-alive: timeout=5', 'te: gzip'], sees: ['keep-alive', 'proxy-connection', 'te'] },
  { name: 'the server header is the proxy’s', manager: { server_name: 'istio-envoy' }, compare: ['server'] },
  { name: 'the server header passes through', manager: { server_header_transformation: 'PASS_THROUGH' }, compare: ['server'] },
  // Time-outs and retries
  { name: 'a route’s time-out answers 504', route: to({ timeout: '0.2s' }), path: '/delay/1500' },
  { name: 'a retry on 5xx gets the second answer', route: to({ retry_policy: { retry_on: '5xx', num_retries: 2 } }), path: '/status/503,200' },
  { name: 'retries run out', route: to({ retry_policy: { retry_on: '5xx', num_retries: 1 } }), path: '/status/503' },
  { name: 'no retry on a status that is not listed', route: to({ retry_policy: { retry_on: 'gateway-error', num_retries: 2 } }), path: '/status/500,200' },
  { name: 'a retry on a listed status', route: to({ retry_policy: { retry_on: 'retriable-status-codes', num_retries: 2, retriable_status_codes: [418] } }), path: '/status/418,200' },
  { name: 'a retry on a retriable 4xx', route: to({ retry_policy: { retry_on: 'retriable-4xx', num_retries: 1 } }), path: '/status/409,200' },
  { name: 'a reset before the head is retried', route: to({ retry_policy: { retry_on: 'reset', num_retries: 1 } }), path: '/reset' },
  { name: 'a try’s own time-out is retried, then reported', route: to({ timeout: '2s', retry_policy: { retry_on: '5xx', num_retries: 1, per_try_timeout: '0.15s' } }), path: '/delay/1500' },
  { name: 'the attempt count is told to the upstream', virtualHost: { include_request_attempt_count: true }, sees: ['x-envoy-attempt-count'] },
  { name: 'the caller’s x-envoy-upstream-rq-timeout-ms is honoured', headers: ['x-envoy-upstream-rq-timeout-ms: 150'], path: '/delay/1500' },
  // Upstream failures
  { name: 'no endpoint', endpoints: [] },
  { name: 'connection refused', endpoints: ['closed'] },
  { name: 'the upstream resets before it answers', path: '/reset' },
  { name: 'an unknown cluster', route: { route: { cluster: 'nowhere' } } },
  { name: 'a cluster not found answers 404 when told so', route: { route: { cluster: 'nowhere', cluster_not_found_response_code: 'NOT_FOUND' } } },
  { name: 'a refused endpoint is left for another by a retry', endpoints: ['closed', 'up'], route: to({ retry_policy: { retry_on: 'connect-failure', num_retries: 5 } }) },
  // Faults
  { name: 'an injected abort', filters: [fault({ abort: { http_status: 555, percentage: ALWAYS } })] },
  { name: 'an injected delay passes on', filters: [fault({ delay: { fixed_delay: '0.1s', percentage: ALWAYS } })] },
  { name: 'an injected delay and abort', filters: [fault({ delay: { fixed_delay: '0.05s', percentage: ALWAYS }, abort: { http_status: 503, percentage: ALWAYS } })] },
  { name: 'a fault only for a header', filters: [fault({ abort: { http_status: 500, percentage: ALWAYS }, headers: [{ name: 'x-fault', string_match: { exact: 'yes' } }] })], headers: ['x-fault: no'] },
  // Authorization
  { name: 'a DENY rule on the path', filters: [rbac({ rules: { action: 'DENY', policies: { p: { permissions: [{ url_path: { path: { exact: '/secret' } } }], principals: [{ any: true }] } } } })], path: '/secret?x=1' },
  { name: 'an ALLOW rule that does not hold', filters: [rbac({ rules: { action: 'ALLOW', policies: { p: { permissions: [{ header: { name: ':method', string_match: { exact: 'GET' } } }], principals: [{ any: true }] } } } })], method: 'POST', body: 'x' },
  { name: 'an ALLOW rule that holds', filters: [rbac({ rules: { action: 'ALLOW', policies: { p: { permissions: [{ any: true }], principals: [{ header: { name: 'x-user', string_match: { prefix: 'ad' } } }] } } } })], headers: ['x-user: admin'] },
  { name: 'an ALLOW without policies denies', filters: [rbac({ rules: { action: 'ALLOW' } })] },
  { name: 'a NOT rule', filters: [rbac({ rules: { action: 'DENY', policies: { p: { permissions: [{ not_rule: { url_path: { path: { prefix: '/open' } } } }], principals: [{ any: true }] } } } })], path: '/open/x' },
  // Paths as they are checked and sent
  { name: 'dot segments are resolved before routing', manager: { normalize_path: true }, routes: [only({ prefix: '/admin' }, 403)], path: '/a/../admin' },
  { name: 'slashes are merged before routing', manager: { normalize_path: true, merge_slashes: true }, routes: [only({ prefix: '/admin' }, 403)], path: '//admin' },
  { name: 'an escaped slash is refused when told so', manager: { normalize_path: true, path_with_escaped_slashes_action: 'REJECT_REQUEST' }, path: '/a%2Fb' },
  { name: 'an escaped slash is unescaped and forwarded', manager: { normalize_path: true, path_with_escaped_slashes_action: 'UNESCAPE_AND_FORWARD' }, path: '/a%2Fb' },
  // Bodies and framing
  { name: 'a body with a length arrives', method: 'POST', body: 'hello' },
  { name: 'a chunked request arrives', raw: 'POST / HTTP/1.1\r\nHost: x\r\n{id}\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n' },
  { name: 'a chunked response arrives', path: '/chunks/3' },
  { name: '100-continue', raw: 'POST / HTTP/1.1\r\nHost: x\r\n{id}\r\nContent-Length: 5\r\nExpect: 100-continue\r\n\r\nhello' },
  { name: 'a HEAD request has no body', method: 'HEAD' },
  { name: 'length and chunked together are refused', raw: 'POST / HTTP/1.1\r\nHost: x\r\n{id}\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n' },
  { name: 'two lengths are refused', raw: 'POST / HTTP/1.1\r\nHost: x\r\n{id}\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\nhello' },
  { name: 'a bad length is refused', raw: 'POST / HTTP/1.1\r\nHost: x\r\n{id}\r\nContent-Length: 5x\r\n\r\nhello' },
  { name: 'no Host is refused', raw: 'GET / HTTP/1.1\r\n{id}\r\n\r\n' },
  { name: 'a folded header', raw: 'GET / HTTP/1.1\r\nHost: x\r\n{id}\r\nX-A: 1\r\n 2\r\n\r\n' },
  { name: 'a space before the colon is refused', raw: 'GET / HTTP/1.1\r\nHost: x\r\n{id}\r\nX-A : 1\r\n\r\n' },
  { name: 'HTTP/1.0 is told to upgrade', raw: 'GET / HTTP/1.0\r\nHost: x\r\n{id}\r\n\r\n' },
  { name: 'HTTP/1.0 is accepted when told so', manager: { http_protocol_options: { accept_http_10: true, default_host_for_http_10: 'x' } }, raw: 'GET / HTTP/1.0\r\n{id}\r\n\r\n' },
  // Rate limits and CORS
  { name: 'CORS preflight', filters: [filter('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors')], virtualHost: { typed_per_filter_config: { 'envoy.filters.http.cors': { '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy', allow_origin_string_match: [{ exact: 'https://a.example' }], allow_methods: 'GET,POST', max_age: '600' } } }, method: 'OPTIONS', headers: ['origin: https://a.example', 'access-control-request-method: POST'], compare: ['access-control-allow-origin', 'access-control-allow-methods', 'access-control-max-age'] },
  { name: 'CORS from an origin that is not allowed', filters: [filter('envoy.filters.http.cors', 'envoy.extensions.filters.http.cors.v3.Cors')], virtualHost: { typed_per_filter_config: { 'envoy.filters.http.cors': { '@type': 'type.googleapis.com/envoy.extensions.filters.http.cors.v3.CorsPolicy', allow_origin_string_match: [{ exact: 'https://a.example' }] } } }, headers: ['origin: https://b.example'], compare: ['access-control-allow-origin'] },
  { name: 'a local rate limit answers 429', filters: [filter('envoy.filters.http.local_ratelimit', 'envoy.extensions.filters.http.local_ratelimit.v3.LocalRateLimit', { stat_prefix: 'rl', token_bucket: { max_tokens: 1, tokens_per_fill: 1, fill_interval: '3600s' }, filter_enabled: { default_value: ALWAYS }, filter_enforced: { default_value: ALWAYS } })], manager: { stat_prefix: 'limited' }, headers: ['x-warm: 1'] },
];
