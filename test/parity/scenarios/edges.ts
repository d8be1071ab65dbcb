/** The edges of the protocols: who gives up at which stage, what is too large, and what may follow what on a connection. */
import { ask, destinationRule, gateway, get, grpc, post, raw, talk, virtualService, type AskOptions, type Scenario, type Step } from '../scenario.ts';

/** No rule of its own, and no retries: each stage is seen once. */
const ONCE = virtualService('{hosts: [one], http: [{retries: {attempts: 0}, route: [{destination: {host: one}}]}]}');
const ONCE_SERVER = virtualService('{hosts: [server], http: [{retries: {attempts: 0}, route: [{destination: {host: server}}]}]}');

/** Ports of a service: HTTP/1.1 and HTTP/2 on the way to the application. */
const VIA = [['HTTP/1', 'one', 1], ['HTTP/2', 'one:7070', 2], ['two proxies, HTTP/1', 'server', 1], ['two proxies, HTTP/2', 'server:7070', 2]] as const;

/** The same by each way. */
const byEach = (name: string, steps: (host: string, options: AskOptions) => readonly Step[], ignores: readonly string[] = []): Scenario[] => VIA.map(([way, host, version]) => ({
  name: `${name}: ${way}`, mesh: [host.startsWith('one') ? ONCE : ONCE_SERVER], steps: steps(`${host}/`, { version }), ignores,
}));

const PAY = 'pay me';
/** Compared, and not said here. */
const ANY = /.*/;

/** The application gives up. */
const SERVER_GIVES_UP: readonly Scenario[] = [
  ...byEach('the server resets before its head', (url, options) => [get(url, { status: 503 }, { ...options, app: { reset: 'at-head' } })]),
  ...byEach('the server resets when it has read the body', (url, options) => [post(url, PAY, { status: 503, seen: [{ body: PAY }] }, { ...options, app: { reset: 'at-head', delayMs: 30 } })]),
  ...byEach('the server resets after its head', (url, options) => [get(url, { status: 200, body: '', end: ANY }, { ...options, app: { reset: 'after-head' } })]),
  ...byEach('the server resets in its body', (url, options) => [get(url, { status: 200, body: 'half', end: ANY }, { ...options, app: { reset: 'in-body' } })]),
  ...byEach('the server resets before the end of its body', (url, options) => [get(url, { status: 200, body: 'all', end: ANY }, { ...options, app: { reset: 'before-end', body: 'all' } })]),
  ...([['NO_ERROR', 0], ['INTERNAL_ERROR', 2], ['REFUSED_STREAM', 7], ['CANCEL', 8]] as const).flatMap(([name, code]) => (['at-head', 'in-body'] as const).flatMap((reset) => ['one:7070', 'server:7070'].map((host): Scenario => ({
    name: `the server resets the stream with ${name} ${reset} (${host})`, mesh: [host.startsWith('one') ? ONCE : ONCE_SERVER],
    steps: [get(`${host}/`, { end: ANY }, { version: 2, app: { reset, streamReset: code } })],
  })))),
];

/** The client gives up. */
const CLIENT_GIVES_UP: readonly Scenario[] = [
  ...byEach('the client leaves in the middle of its body', (url, options) => [post(url, PAY, { status: 0, end: 'timeout' }, { ...options, unfinished: true, leaves: 'when-seen' })]),
  ...byEach('the client leaves before the answer', (url, options) => [post(url, PAY, { status: 0, end: 'timeout' }, { ...options, app: { delayMs: 1000 }, leaves: 'when-seen' })]),
  ...byEach('the client leaves in the middle of the answer', (url, options) => [get(url, { status: 200, end: 'timeout' }, { ...options, app: { stall: true }, leaves: 'when-heard' })]),
];

const close = 'GET /last HTTP/1.1\r\nhost: one\r\nconnection: close\r\n\r\n';
const next = (path: string, more = '') => `GET ${path} HTTP/1.1\r\nhost: one\r\n${more}\r\n`;
const order = (app: object) => `x-app: ${JSON.stringify(app)}\r\n`;

const ON_ONE_CONNECTION: readonly Scenario[] = [
  { name: 'pipelined requests are answered in order', mesh: [ONCE], steps: [talk('one:80', [{ send: next('/1', order({ delayMs: 60, body: 'first' })) + next('/2', order({ body: 'second' })) + close }, { untilEnd: true }], { received: /first[^]*second[^]*one-v1/, end: 'closed' })] },
  { name: 'nothing is answered after connection: close', mesh: [ONCE], steps: [talk('one:80', [{ send: close + next('/late', order({ body: 'late' })) }, { untilEnd: true }], { received: /one-v1$/, end: 'closed' })] },
  { name: 'a request behind a body', mesh: [ONCE], steps: [talk('one:80', [{ send: `POST /1 HTTP/1.1\r\nhost: one\r\ncontent-length: 3\r\n${order({ body: 'first' })}\r\nabc${close}` }, { untilEnd: true }], { received: /first[^]*one-v1/, end: 'closed' })] },
  { name: 'a request behind one that is refused', mesh: [ONCE], steps: [talk('one:80', [{ send: next('/1', 'bad name: 1\r\n') + close }, { untilEnd: true }], { received: /^HTTP\/1.1 400/, end: 'closed' })] },
  { name: 'CONNECT where there is no tunnel', mesh: [ONCE], steps: [raw('one:80/', 'CONNECT one:80 HTTP/1.1\r\nhost: one:80\r\n{id}\r\n\r\n', { status: 404, end: ANY })] },
  { name: 'CONNECT over HTTP/2 where there is no tunnel', mesh: [ONCE], steps: [ask('CONNECT', 'one:7070', { version: 2, unfinished: true, leaveAfterMs: 600 }, { end: ANY })] },
  { name: 'the client waits for 100 before its body', mesh: [ONCE], steps: [talk('one:80', [{ send: 'POST / HTTP/1.1\r\nhost: one\r\nexpect: 100-continue\r\ncontent-length: 3\r\n\r\n' }, { until: '100 Continue\r\n\r\n' }, { send: 'abc' }, { until: 'one-v1' }], { received: /^HTTP\/1.1 100 Continue\r\n\r\nHTTP\/1.1 200/, end: 'open' })] },
  { name: 'the server refuses instead of 100', mesh: [ONCE], steps: [talk('one:80', [{ send: `POST / HTTP/1.1\r\nhost: one\r\nexpect: 100-continue\r\ncontent-length: 3\r\n${order({ early: true, status: 417 })}\r\n` }, { until: '417' }, { until: 'one-v1' }], { received: /417/ })] },
  { name: 'an expectation that nobody knows', mesh: [ONCE], steps: [raw('one/', 'POST / HTTP/1.1\r\nhost: one\r\nexpect: 200-maybe\r\ncontent-length: 0\r\n{id}\r\n\r\n', { end: ANY })] },
];

const many = (count: number): Record<string, string> => Object.fromEntries(Array.from({ length: count }, (_, i) => [`x-many-${i}`, '1']));
const large = (bytes: number): Record<string, string> => ({ 'x-large': 'a'.repeat(bytes) });

const LIMITS: readonly Scenario[] = [
  ...byEach('as many fields as may be', (url, options) => [get(url, { status: 200 }, { ...options, headers: many(80) })]),
  ...byEach('more fields than may be', (url, options) => [get(url, { end: ANY }, { ...options, headers: many(120) })]),
  ...byEach('a field of 50 KB', (url, options) => [get(url, { end: ANY }, { ...options, headers: large(50_000) })], ['seen']),
  ...byEach('a field of 70 KB', (url, options) => [get(url, { end: ANY }, { ...options, headers: large(70_000) })], ['seen']),
  ...byEach('an answer with many fields', (url, options) => [get(url, { end: ANY }, { ...options, app: { fields: 120 } })]),
  ...byEach('an answer with a field of 50 KB', (url, options) => [get(url, { end: ANY }, { ...options, app: { fieldBytes: 50_000 } })]),
  ...byEach('an answer with a field of 70 KB', (url, options) => [get(url, { end: ANY }, { ...options, app: { fieldBytes: 70_000 } })]),
];

const EDGE = [gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}'), virtualService('{hosts: [shop.test], gateways: [gw], http: [{retries: {attempts: 0}, route: [{destination: {host: one}}]}]}')];

const DEADLINES: readonly Scenario[] = [
  ...([['400m', 1], ['2S', 0], ['0m', 0], ['400000u', 1], ['nonsense', 0], ['123456789m', 0]] as const).map(([value, late]): Scenario => ({
    name: `grpc-timeout: ${value} before a server that takes 800 ms`, mesh: [],
    steps: [grpc('one:7070/a.B/C', late ? { status: 200, headers: { 'grpc-status': /.*/ } } : { status: 200 }, { headers: { 'grpc-timeout': value }, app: { delayMs: 800, grpcStatus: 0 } })],
  })),
  { name: 'a grpc-timeout longer than the rule allows', mesh: [virtualService('{hosts: [one], http: [{timeout: 400ms, route: [{destination: {host: one}}]}]}')], steps: [grpc('one:7070/a.B/C', { status: 200 }, { headers: { 'grpc-timeout': '10S' }, app: { delayMs: 1000, grpcStatus: 0 } })] },
  { name: 'a grpc-timeout at a gateway', mesh: EDGE, steps: [grpc('shop.test/a.B/C', { status: 200 }, { from: 'world', headers: { 'grpc-timeout': '400m' }, app: { delayMs: 800 } })] },
  { name: 'a connection to the server that is idle too long is not used again', mesh: [destinationRule('{host: one, trafficPolicy: {connectionPool: {http: {idleTimeout: 100ms}}}}')], steps: [get('one/', { status: 200 }), get('one/', { status: 200 }, { app: { delayMs: 300 } }), get('one/', { status: 200 })] },
];

export const EDGES: readonly Scenario[] = [...SERVER_GIVES_UP, ...CLIENT_GIVES_UP, ...ON_ONE_CONNECTION, ...LIMITS, ...DEADLINES, { name: 'a body for a method that has none', mesh: [ONCE], steps: [ask('GET', 'one/', { body: PAY }, { status: 200, seen: [{ body: PAY }] })] }];
