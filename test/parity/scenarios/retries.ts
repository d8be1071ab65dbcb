/** Retries and time-outs, of routes and by headers. */
import { APP_SUBSETS, get, grpc, post, serviceEntry, virtualService, type AskExpectation, type Scenario } from '../scenario.ts';
import type { AppOrder } from '../lab/app.ts';
import { OUTSIDE_HOSTS } from '../lab/network.ts';

const R = 'VirtualService.http[].retries';
const retrying = (retries: string, more = ''): string => virtualService(`{hosts: [one], http: [{${more}retries: {${retries}}, route: [{destination: {host: one}}]}]}`);
const on = (words: string, attempts = 2): string => retrying(`attempts: ${attempts}, retryOn: "${words}", backoff: 1ms`);

const tries = (n: number) => ({ seen: Array.from({ length: n }, (_, i) => ({ headers: { 'x-envoy-attempt-count': String(i + 1) } })), log: { attempts: n } });

interface Row {
  readonly words: string;
  readonly when: string;
  readonly app: AppOrder;
  readonly tries: number;
  readonly status: number;
}

const then = (status: number): AppOrder => ({ status: [status, 200] });

/** Each word of retryOn beside what it retries, and what it leaves alone. */
const WORDS: readonly Row[] = [
  { words: '5xx', when: 'a 500', app: then(500), tries: 2, status: 200 },
  { words: '5xx', when: 'a 429', app: then(429), tries: 1, status: 429 },
  { words: '5xx', when: 'a reset before the head', app: { reset: 'at-head', resets: 1 }, tries: 2, status: 200 },
  { words: 'gateway-error', when: 'a 502', app: then(502), tries: 2, status: 200 },
  { words: 'gateway-error', when: 'a 500', app: then(500), tries: 1, status: 500 },
  { words: 'gateway-error', when: 'a reset before the head', app: { reset: 'at-head', resets: 1 }, tries: 2, status: 200 },
  { words: 'reset', when: 'a reset before the head', app: { reset: 'at-head', resets: 1 }, tries: 2, status: 200 },
  { words: 'reset', when: 'a 503', app: then(503), tries: 1, status: 503 },
  { words: 'reset-before-request', when: 'a reset after the request', app: { reset: 'at-head', resets: 1 }, tries: 1, status: 503 },
  { words: 'connect-failure', when: 'a reset before the head', app: { reset: 'at-head', resets: 1 }, tries: 1, status: 503 },
  { words: 'retriable-4xx', when: 'a 409', app: then(409), tries: 2, status: 200 },
  { words: 'retriable-4xx', when: 'a 404', app: then(404), tries: 1, status: 404 },
  { words: 'refused-stream', when: 'a 503', app: then(503), tries: 1, status: 503 },
  { words: 'envoy-ratelimited', when: 'a 429 that says so', app: { status: 429, headers: { 'x-envoy-ratelimited': 'true' } }, tries: 3, status: 429 },
  { words: '5xx', when: 'a 503 that says that it is rate limited', app: { status: [503, 200], headers: { 'x-envoy-ratelimited': 'true' } }, tries: 1, status: 503 },
  { words: '503,reset', when: 'a listed code', app: then(503), tries: 2, status: 200 },
  { words: '503,reset', when: 'another code', app: then(502), tries: 1, status: 502 },
  { words: '418', when: 'a listed 418', app: then(418), tries: 2, status: 200 },
  { words: 'retriable-status-codes,429', when: 'a listed 429', app: then(429), tries: 2, status: 200 },
  { words: '5xx,retriable-4xx', when: 'a 409', app: then(409), tries: 2, status: 200 },
  { words: 'http3-post-connect-failure', when: 'a 503', app: then(503), tries: 1, status: 503 },
  { words: '5xx, gateway-error', when: 'a 500, with a space between the words', app: then(500), tries: 2, status: 200 },
];

const GRPC_WORDS: readonly (readonly [word: string, code: number, other: number])[] = [
  ['cancelled', 1, 13], ['deadline-exceeded', 4, 1], ['resource-exhausted', 8, 4], ['internal', 13, 8], ['unavailable', 14, 13],
];

const slow = { delayMs: 3000 };

/** A retry draws up to six hosts for one that was not tried. With one of two that refuses, three tries end there once in 2¹³, of five once in 5¹³. */
const SHOP_OF_FIVE = serviceEntry(`{hosts: [shop.test], addresses: [10.250.9.1], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [${OUTSIDE_HOSTS.slice(0, 5).map((address) => `{address: ${address}}`).join(', ')}]}`);

export const RETRIES: readonly Scenario[] = [
  ...WORDS.map(({ words, when, app, tries: n, status }): Scenario => ({ name: `retryOn ${words}: ${when}`, covers: words === '5xx' && when === 'a 500' ? [`${R}.retryOn`, R] : [], mesh: on(words), steps: [get('one/', { status, ...tries(n) }, { app })] })),
  ...GRPC_WORDS.map(([word, code, other]): Scenario => ({ name: `retryOn ${word} of gRPC`, mesh: on(word), steps: [grpc('one:7070/a.B/C', tries(2), { app: { grpcStatus: [code, 0] } }), grpc('one:7070/a.B/C', tries(1), { app: { grpcStatus: [other, 0] } })] })),
  { name: 'retryOn refused-stream: a stream that is refused', mesh: on('refused-stream'), steps: [post('one:7070/', 'pay', { status: 200, ...tries(2) }, { version: 2, app: { reset: 'at-head', streamReset: 7, resets: 1 } }), post('one:7070/', 'pay', { status: 503, ...tries(1) }, { version: 2, app: { reset: 'at-head', streamReset: 8, resets: 1 } })] },
  { name: 'a gRPC status in trailers comes too late for a retry', mesh: on('unavailable'), steps: [grpc('one:7070/a.B/C', tries(1), { app: { grpcStatus: 0, trailers: { 'grpc-status': '14' } } })] },
  { name: 'retries run out', covers: [`${R}.attempts`], without: { [`${R}.attempts`]: 0 }, mesh: on('5xx', 3), steps: [get('one/', { status: 503, ...tries(4), log: { flags: 'URX', details: 'via_upstream', attempts: 4 } }, { app: { status: 503 } })] },
  { name: 'retries after resets run out', mesh: on('reset', 1), steps: [get('one/', { status: 503, ...tries(2) }, { app: { reset: 'at-head' } })] },
  { name: 'no retries with 0 attempts', mesh: retrying('attempts: 0'), steps: [get('one/', { status: 503, ...tries(1) }, { app: { status: 503 } }), get('one/', { status: 503, ...tries(1) }, { app: { reset: 'at-head' } })] },
  { name: 'by default answers of HTTP are not retried, of gRPC those that say that nothing was done', mesh: virtualService('{hosts: [one], http: [{route: [{destination: {host: one}}]}]}'), steps: [get('one/', { status: 503, ...tries(1) }, { app: then(503) }), get('one/', { status: 500, ...tries(1) }, { app: { status: 500 } }), grpc('one:7070/a.B/C', tries(2), { app: { grpcStatus: [14, 0] } })] },
  { name: 'without any rule the same is retried as with one', mesh: [], steps: [get('one/', { status: 503, ...tries(1) }, { app: then(503) }), grpc('one:7070/a.B/C', tries(2), { app: { grpcStatus: [1, 0] } }), grpc('one:7070/a.B/C', tries(1), { app: { grpcStatus: [13, 0] } })] },
  { name: 'attempts alone keep the default conditions', mesh: retrying('attempts: 4, backoff: 1ms'), steps: [get('one/', { status: 503 }, { app: { status: 503 } }), get('one/', { status: 500, ...tries(1) }, { app: { status: 500 } })] },
  { name: 'each try has its own time', covers: [`${R}.perTryTimeout`], mesh: retrying('attempts: 1, retryOn: "5xx", perTryTimeout: 400ms, backoff: 1ms'), steps: [get('one/', { status: 200, ...tries(2), log: { attempts: 2 } }, { app: { delaysMs: [3000, 0] } }), get('one/', { status: 504, body: 'upstream request timeout', log: { details: 'upstream_per_try_timeout' } }, { app: slow })] },
  { name: 'a try that took too long is not retried on other conditions', mesh: retrying('attempts: 1, retryOn: "retriable-4xx", perTryTimeout: 400ms'), steps: [get('one/', { status: 504, log: { flags: 'UT' } }, { app: slow })] },
  { name: 'the rule’s time-out is for all tries together', mesh: retrying('attempts: 5, retryOn: "5xx", perTryTimeout: 150ms, backoff: 1ms', 'timeout: 400ms, '), steps: [get('one/', { status: 504, log: { flags: 'UT', details: 'response_timeout' } }, { app: slow })], ignores: ['log.attempts', 'seen'] },
  { name: 'a backoff puts tries apart', covers: [`${R}.backoff`], mesh: retrying('attempts: 1, retryOn: "5xx", backoff: 500h', 'timeout: 400ms, '), steps: [get('one/', { status: 504, log: { flags: 'UT', details: 'response_timeout' } }, { app: then(503) })] },
  { name: 'a retried request brings its body again', mesh: on('5xx'), steps: [post('one/', 'hello', { status: 200, seen: [{ body: 'hello' }, { body: 'hello' }] }, { app: then(503) })] },
  { name: 'a POST whose bytes have arrived is not sent again after a reset', mesh: [], steps: [post('one/', 'pay', { status: 503, seen: [{ body: 'pay' }] }, { app: { reset: 'at-head' } }), post('one/', 'pay', { status: 200, end: 'closed', seen: [{ body: 'pay' }] }, { app: { reset: 'after-head' } })] },
  { name: 'a POST is sent again when the rule asks for it', mesh: on('reset'), steps: [post('one/', 'pay', { status: 200, seen: [{ body: 'pay' }, { body: 'pay' }] }, { app: { reset: 'at-head', resets: 1 } })] },
  { name: 'a reset after the head is never retried', mesh: on('5xx,reset'), steps: [get('one/', { status: 200, end: 'closed', seen: [{}] }, { app: { reset: 'in-body' } })] },
  { name: 'a connection that is refused is tried elsewhere', mesh: virtualService('{hosts: [app], http: [{retries: {attempts: 10, retryOn: connect-failure, backoff: 1ms}, route: [{destination: {host: app}}]}]}'), refuses: ['10.244.3.2:8080'], steps: [get('app/', { status: 200, body: 'app-v1' }), get('app/', { status: 200, body: 'app-v1' }), get('app/', { status: 200, body: 'app-v1' })], ignores: ['log.attempts', 'seen.headers.x-envoy-attempt-count'] },
  { name: 'no connection is tried again by default, elsewhere', mesh: SHOP_OF_FIVE, refuses: [`${OUTSIDE_HOSTS[1]}:80`], steps: [get('shop.test/', { shares: { 200: 1 } }, { times: 400, tally: 'status' })] },
  { name: 'retries look for a host that was not tried', covers: [`${R}.retryIgnorePreviousHosts`], without: { [`${R}.retryIgnorePreviousHosts`]: true }, mesh: [APP_SUBSETS, virtualService('{hosts: [app], http: [{retries: {attempts: 1, retryOn: "5xx", backoff: 1ms, retryIgnorePreviousHosts: false}, route: [{destination: {host: app}}]}]}')], steps: [get('app/', { shares: { 503: 0.25, 200: 0.75 } }, { times: 700, tally: 'status', app: { in: ['app-v2'], status: 503 } })] },
  { name: 'retries without a host that was not tried', mesh: on('5xx', 1), steps: [get('one/', { status: 503, ...tries(2) }, { app: { status: 503 } })] },
];

const T = 'VirtualService.http[].timeout';
const timed = (timeout: string): string => virtualService(`{hosts: [one], http: [{timeout: ${timeout}, route: [{destination: {host: one}}]}]}`);
const LATE: AskExpectation = { status: 504, body: 'upstream request timeout', log: { flags: 'UT', details: 'response_timeout' } };

export const TIMEOUTS: readonly Scenario[] = [
  { name: 'an answer that is late', covers: [T], mesh: timed('400ms'), steps: [get('one/', LATE, { app: { delayMs: 1000 } }), get('one/', { status: 200 })] },
  { name: 'without a time-out answers may take long', mesh: [], steps: [get('one/', { status: 200 }, { app: { delayMs: 300 } })] },
  { name: 'a body that is late is cut off', mesh: timed('400ms'), steps: [get('one/', { status: 200, end: 'closed', log: { flags: 'UT' } }, { app: { stall: true } })] },
  { name: 'time counts from the end of the request', mesh: timed('300ms'), steps: [post('one/', 'x'.repeat(100), LATE, { app: { delayMs: 900 } })] },
  { name: 'an early answer ends the exchange', mesh: timed('5s'), steps: [post('one/', 'x'.repeat(100), { status: 413 }, { app: { early: true, status: 413 } })] },
  { name: 'a gRPC call that is late', mesh: timed('400ms'), steps: [grpc('one:7070/a.B/C', { status: 200, headers: { 'grpc-status': '14' } }, { app: { delayMs: 1000, grpcStatus: 0 } })] },
  { name: 'grpc-timeout is obeyed', mesh: [], steps: [grpc('one:7070/a.B/C', { headers: { 'grpc-status': /.*/ } }, { headers: { 'grpc-timeout': '400m' }, app: { delayMs: 1000, grpcStatus: 0 } })] },
  { name: 'grpc-timeout beside a rule’s time-out', mesh: timed('1s'), steps: [grpc('one:7070/a.B/C', {}, { headers: { 'grpc-timeout': '400m' }, app: { delayMs: 800, grpcStatus: 0 } }), grpc('one:7070/a.B/C', {}, { headers: { 'grpc-timeout': '10S' }, app: { delayMs: 1500, grpcStatus: 0 } })] },
];

/** What a rule may ask of the router in the name of its clients, as Flagger's canaries do. */
const asked = (headers: Record<string, string>, more = ''): string =>
  virtualService(`{hosts: [one], http: [{${more}headers: {request: {set: {${Object.entries(headers).map(([name, value]) => `${name}: "${value}"`).join(', ')}}}}, route: [{destination: {host: one}}]}]}`);
const NO_FAMILY = { 'x-envoy-retry-on': null, 'x-envoy-max-retries': null, 'x-envoy-retriable-status-codes': null, 'x-envoy-retriable-header-names': null, 'x-envoy-retry-grpc-on': null };

export const STEERING: readonly Scenario[] = [
  { name: 'x-envoy-retry-on and x-envoy-max-retries', mesh: asked({ 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '3' }), steps: [get('one/', { status: 200, seen: [{ headers: NO_FAMILY }, {}, {}] }, { app: { status: [500, 500, 200] } })] },
  { name: 'x-envoy-retry-on adds to what the rule says', mesh: asked({ 'x-envoy-retry-on': 'retriable-4xx' }, 'retries: {attempts: 1, retryOn: "5xx", backoff: 1ms}, '), steps: [get('one/', tries(2), { app: { status: [409, 200] } }), get('one/', tries(2), { app: { status: [500, 200] } })] },
  { name: 'x-envoy-retry-on that says nothing', mesh: asked({ 'x-envoy-retry-on': 'nonsense' }), steps: [get('one/', { status: 500, ...tries(1) }, { app: { status: [500, 200] } })] },
  { name: 'x-envoy-retry-on beside a rule without retries', mesh: asked({ 'x-envoy-retry-on': '5xx' }, 'retries: {attempts: 0}, '), steps: [get('one/', tries(2), { app: { status: [500, 200] } })] },
  { name: 'x-envoy-retry-grpc-on', mesh: asked({ 'x-envoy-retry-grpc-on': 'internal' }), steps: [grpc('one:7070/a.B/C', tries(2), { app: { grpcStatus: [13, 0] } })] },
  { name: 'x-envoy-max-retries alone', mesh: asked({ 'x-envoy-max-retries': '3' }, 'retries: {attempts: 1, retryOn: "5xx", backoff: 1ms}, '), steps: [get('one/', { status: 503, ...tries(4) }, { app: { status: 503 } })] },
  { name: 'x-envoy-max-retries of 0', mesh: asked({ 'x-envoy-max-retries': '0' }, 'retries: {attempts: 2, retryOn: "5xx", backoff: 1ms}, '), steps: [get('one/', { status: 503 }, { app: { status: 503 } })] },
  { name: 'x-envoy-retriable-status-codes', mesh: asked({ 'x-envoy-retry-on': 'retriable-status-codes', 'x-envoy-retriable-status-codes': '418,429' }), steps: [get('one/', { status: 200, ...tries(2) }, { app: { status: [429, 200] } })] },
  { name: 'x-envoy-retriable-header-names', mesh: asked({ 'x-envoy-retry-on': 'retriable-headers', 'x-envoy-retriable-header-names': 'X-Again,x-more' }), steps: [get('one/', tries(3), { app: { headers: { 'x-again': '1' } } })] },
  { name: 'x-envoy-upstream-rq-timeout-ms of a rule comes too late', mesh: asked({ 'x-envoy-upstream-rq-timeout-ms': '150' }), steps: [get('one/', { status: 200 }, { app: { delayMs: 400 } })] },
  { name: 'x-envoy-upstream-rq-per-try-timeout-ms of a rule comes too late', mesh: asked({ 'x-envoy-upstream-rq-per-try-timeout-ms': '150', 'x-envoy-retry-on': '5xx' }), steps: [get('one/', { status: 200, ...tries(1) }, { app: { delaysMs: [400, 0] } })] },
  { name: 'x-envoy-upstream-rq-timeout-alt-response', mesh: asked({ 'x-envoy-upstream-rq-timeout-alt-response': '1' }, 'timeout: 400ms, '), steps: [get('one/', {}, { app: { delayMs: 1000 } })] },
  { name: 'x-envoy-upstream-stream-duration-ms', mesh: asked({ 'x-envoy-upstream-stream-duration-ms': '400' }), steps: [get('one/', { status: 504, body: 'upstream max stream duration reached', log: { flags: 'UMSDR' } }, { app: { delayMs: 1000 } }), get('one/', { status: 200, end: 'closed' }, { app: { stall: true } })] },
  { name: 'the expected time-out is told, of a try and of all', mesh: retrying('attempts: 1, retryOn: "5xx", perTryTimeout: 700ms, backoff: 1ms', 'timeout: 5s, '), steps: [get('one/', { status: 200, seen: [{ headers: { 'x-envoy-expected-rq-timeout-ms': '700' } }] })] },
  { name: 'a rule may say itself what is expected', mesh: asked({ 'x-envoy-expected-rq-timeout-ms': '77', 'x-envoy-attempt-count': '9', 'x-envoy-is-timeout-retry': 'true' }, 'timeout: 5s, '), steps: [get('one/', { status: 200 })] },
  { name: 'a retry after a time-out', mesh: retrying('attempts: 1, retryOn: "5xx", perTryTimeout: 400ms, backoff: 1ms', 'timeout: 5s, '), steps: [get('one/', { status: 200, ...tries(2) }, { app: { delaysMs: [2000, 0] } })] },
  {
    name: 'what strangers say in such headers is not heard', mesh: [],
    steps: [
      get('one/', { status: 500, ...tries(1) }, { headers: { 'x-envoy-retry-on': '5xx', 'x-envoy-max-retries': '3' }, app: { status: [500, 200] } }),
      get('one/', { status: 200 }, { headers: { 'x-envoy-upstream-rq-timeout-ms': '100' }, app: { delayMs: 300 } }),
      get('one/', {}, { headers: { 'x-envoy-hedge-on-per-try-timeout': 'true', 'x-envoy-upstream-alt-stat-name': 'a', 'x-envoy-ip-tags': 'a', 'x-envoy-expected-rq-timeout-ms': '77', 'x-envoy-is-timeout-retry': 'true', 'x-envoy-internal': 'true', 'x-envoy-attempt-count': '9', 'x-envoy-decorator-operation': 'o', 'x-envoy-external-address': '1.2.3.4' } }),
    ],
  },
];
