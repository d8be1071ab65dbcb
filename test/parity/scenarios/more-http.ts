/** Faults, copies, cross-origin requests. */
import { APP_SUBSETS, ask, get, grpc, post, virtualService, type Scenario } from '../scenario.ts';

const F = 'VirtualService.http[].fault';
const faulty = (fault: string, more = ''): string => virtualService(`{hosts: [one], http: [{fault: {${fault}}, ${more}route: [{destination: {host: one}}]}]}`);

export const FAULTS: readonly Scenario[] = [
  { name: 'an abort', covers: [`${F}.abort.httpStatus`, `${F}.abort.percentage.value`], without: { [`${F}.abort.percentage.value`]: 0 }, mesh: faulty('abort: {httpStatus: 555, percentage: {value: 100}}'), steps: [get('one/', { status: 555, body: 'fault filter abort', seen: [], log: { flags: 'FI', details: 'fault_filter_abort' } })] },
  { name: 'an abort without a percentage', mesh: faulty('abort: {httpStatus: 500}'), steps: [get('one/', {})] },
  { name: 'an abort of some', mesh: faulty('abort: {httpStatus: 500, percentage: {value: 50}}'), steps: [get('one/', { shares: { 500: 0.5, 200: 0.5 } }, { times: 600, tally: 'status' })] },
  { name: 'an abort with a gRPC status', covers: [`${F}.abort.grpcStatus`], without: { [`${F}.abort.grpcStatus`]: 'INTERNAL' }, mesh: faulty('abort: {grpcStatus: UNAVAILABLE, percentage: {value: 100}}'), steps: [grpc('one:7070/a.B/C', { headers: { 'grpc-status': '14' } }), get('one/', {})] },
  { name: 'an abort with a status 200', mesh: faulty('abort: {httpStatus: 200, percentage: {value: 100}}'), steps: [get('one/', { status: 200, body: 'fault filter abort' })] },
  { name: 'a delay', covers: [`${F}.delay.fixedDelay`, `${F}.delay.percentage.value`], without: { [`${F}.delay.percentage.value`]: 0 }, mesh: faulty('delay: {fixedDelay: 60ms, percentage: {value: 100}}'), steps: [get('one/', { status: 200, log: { flags: 'DI' } })] },
  { name: 'a delay without a percentage', mesh: faulty('delay: {fixedDelay: 50ms}'), steps: [get('one/', { status: 200 })] },
  { name: 'a delay with a body', mesh: faulty('delay: {fixedDelay: 60ms, percentage: {value: 100}}'), steps: [post('one/', 'hello', { status: 200, seen: [{ body: 'hello' }] })] },
  { name: 'a delay and an abort', mesh: faulty('delay: {fixedDelay: 50ms, percentage: {value: 100}}, abort: {httpStatus: 503, percentage: {value: 100}}'), steps: [get('one/', { status: 503, log: { flags: 'DI,FI' } })] },
  { name: 'a client that leaves during a delay', mesh: faulty('delay: {fixedDelay: 5s, percentage: {value: 100}}'), steps: [get('one/', { status: 0, end: 'timeout', seen: [] }, { leaveAfterMs: 500 })] },
  { name: 'an injected delay is not part of the time-out, an injected error is not retried', mesh: [faulty('delay: {fixedDelay: 700ms, percentage: {value: 100}}', 'timeout: 400ms, '), virtualService('{hosts: [other], http: [{fault: {abort: {httpStatus: 503, percentage: {value: 100}}}, retries: {attempts: 3, retryOn: "5xx"}, route: [{destination: {host: other}}]}]}', 'errors')], steps: [get('one/', { status: 200 }), get('other/', { status: 503, seen: [], log: { attempts: 0 } })] },
  { name: 'a fault of one rule only', mesh: virtualService('{hosts: [one], http: [{match: [{uri: {prefix: /bad}}], fault: {abort: {httpStatus: 500, percentage: {value: 100}}}, route: [{destination: {host: one}}]}, {route: [{destination: {host: one}}]}]}'), steps: [get('one/bad', { status: 500 }), get('one/good', { status: 200 })] },
  { name: 'an abort answers HEAD without a body', mesh: faulty('abort: {httpStatus: 500, percentage: {value: 100}}'), steps: [ask('HEAD', 'one/', {}, { status: 500, body: '' })] },
  { name: 'a deprecated percent of a delay', mesh: faulty('delay: {fixedDelay: 60ms, percent: 100}'), covers: [`${F}.delay.percent`], without: { [`${F}.delay.percent`]: 0 }, steps: [get('one/', { status: 200, log: { flags: 'DI' } })] },
];

const M = 'VirtualService.http[].mirror';
const mirrored = (mirror: string): string[] => [APP_SUBSETS, virtualService(`{hosts: [one], http: [{route: [{destination: {host: one}}], ${mirror}}]}`)];
const unordered = ['seen.end'];

export const MIRRORS: readonly Scenario[] = [
  { name: 'a copy goes to the mirror, and its answer nowhere', covers: [`${M}.host`], without: { [`${M}.host`]: 'one' }, mesh: mirrored('mirror: {host: other}'), steps: [get('one/x?y=1', { body: 'one-v1', seen: [{ path: '/x?y=1' }, { path: '/x?y=1' }] })], ignores: unordered },
  { name: 'a copy to a subset', covers: [`${M}.subset`], without: { [`${M}.subset`]: 'v1' }, mesh: mirrored('mirror: {host: app, subset: v2}'), steps: [get('one/', { body: 'one-v1', seen: [{}, {}] })], ignores: unordered },
  { name: 'a copy to another port', covers: [`${M}.port.number`], without: { [`${M}.port.number`]: 80 }, mesh: mirrored('mirror: {host: other, port: {number: 7070}}'), steps: [get('one/', { body: 'one-v1', seen: [{}, {}] })], ignores: unordered },
  { name: 'copies of a share', covers: ['VirtualService.http[].mirrorPercentage.value'], mesh: mirrored('mirror: {host: other}, mirrorPercentage: {value: 20}'), steps: [get('one/', { shares: { 'one-v1': 0.83, 'other-v1': 0.17 } }, { times: 300, tally: 'seen' })] },
  { name: 'copies of none', mesh: mirrored('mirror: {host: other}, mirrorPercentage: {value: 0}'), steps: [get('one/', { shares: { 'one-v1': 1 } }, { times: 30, tally: 'seen' })] },
  { name: 'several mirrors', covers: ['VirtualService.http[].mirrors[].destination.host', 'VirtualService.http[].mirrors[].percentage.value'], without: { 'VirtualService.http[].mirrors[].destination.host': 'one', 'VirtualService.http[].mirrors[].percentage.value': 0 }, mesh: mirrored('mirrors: [{destination: {host: other}, percentage: {value: 100}}, {destination: {host: app, subset: v2}, percentage: {value: 100}}]'), steps: [get('one/', { body: 'one-v1', shares: { 'one-v1': 0.34, 'other-v1': 0.33, 'app-v2': 0.33 } }, { times: 30, tally: 'seen' })] },
  { name: 'one of several mirrors by subset and port', covers: ['VirtualService.http[].mirrors[].destination.subset', 'VirtualService.http[].mirrors[].destination.port.number'], without: { 'VirtualService.http[].mirrors[].destination.subset': 'v1', 'VirtualService.http[].mirrors[].destination.port.number': 80 }, mesh: mirrored('mirrors: [{destination: {host: app, subset: v2, port: {number: 7070}}}]'), steps: [get('one/', { body: 'one-v1', seen: [{}, {}] })], ignores: unordered },
  { name: 'a copy has the body and the headers of the rule', mesh: [APP_SUBSETS, virtualService('{hosts: [one], http: [{rewrite: {uri: /v2}, headers: {request: {set: {x-a: b}}}, route: [{destination: {host: one}}], mirror: {host: other}}]}')], steps: [post('one/', 'hello', { body: 'one-v1', seen: [{ body: 'hello' }, { body: 'hello' }] })], ignores: unordered },
  { name: 'a mirror that is not there harms nobody', mesh: mirrored('mirror: {host: nowhere}'), steps: [get('one/', { status: 200, seen: [{}] })] },
  { name: 'a mirror that refuses harms nobody', mesh: mirrored('mirror: {host: other}'), refuses: ['10.244.3.3:8080'], steps: [get('one/', { status: 200, seen: [{}] })] },
  { name: 'a mirror that is slow holds nobody up', mesh: mirrored('mirror: {host: other}'), steps: [get('one/', { status: 200, body: 'one-v1' }, { app: { in: ['other-v1'], delayMs: 400 } })], ignores: ['seen'] },
  { name: 'mirrorPercent of old', mesh: mirrored('mirror: {host: other}, mirrorPercent: 0'), steps: [get('one/', { shares: { 'one-v1': 1 } }, { times: 30, tally: 'seen' })] },
];

const C = 'VirtualService.http[].corsPolicy';
const cors = (policy: string): string => virtualService(`{hosts: [one], http: [{corsPolicy: {${policy}}, route: [{destination: {host: one}}]}]}`);
const ALLOWED = 'allowOrigins: [{exact: "https://a.example"}]';
const preflight = (origin: string, headers: Record<string, string> = {}) => ({ headers: { origin, 'access-control-request-method': 'POST', ...headers } });
const A = 'https://a.example';

export const CORS: readonly Scenario[] = [
  { name: 'a preflight is answered', covers: [`${C}.allowOrigins[]`, `${C}.allowMethods[]`, `${C}.allowHeaders[]`, `${C}.maxAge`, `${C}.allowCredentials`], mesh: cors(`${ALLOWED}, allowMethods: [GET, POST], allowHeaders: [x-a, x-b], exposeHeaders: [x-c], maxAge: 10m, allowCredentials: true`), steps: [ask('OPTIONS', 'one/', preflight(A), { status: 200, seen: [], headers: { 'access-control-allow-origin': A, 'access-control-allow-methods': 'GET,POST', 'access-control-allow-headers': 'x-a,x-b', 'access-control-max-age': '600', 'access-control-allow-credentials': 'true' } })] },
  { name: 'an answer to an origin that is allowed', covers: [`${C}.exposeHeaders[]`], mesh: cors(`${ALLOWED}, exposeHeaders: [x-c, x-d], allowCredentials: true`), steps: [get('one/', { status: 200, headers: { 'access-control-allow-origin': A, 'access-control-expose-headers': 'x-c,x-d', 'access-control-allow-credentials': 'true' } }, { headers: { origin: A } })] },
  { name: 'an origin that is not allowed', mesh: cors(ALLOWED), steps: [get('one/', { status: 200, headers: { 'access-control-allow-origin': null } }, { headers: { origin: 'https://b.example' } }), ask('OPTIONS', 'one/', preflight('https://b.example'), {}), get('one/', { status: 200 })] },
  { name: 'origins by prefix and regex', mesh: cors('allowOrigins: [{prefix: "https://p"}, {regex: "https://.*[.]r[.]example"}]'), steps: [get('one/', { headers: { 'access-control-allow-origin': 'https://pq' } }, { headers: { origin: 'https://pq' } }), get('one/', { headers: { 'access-control-allow-origin': 'https://x.r.example' } }, { headers: { origin: 'https://x.r.example' } }), get('one/', {}, { headers: { origin: 'https://r.example' } })] },
  { name: 'any origin', mesh: cors('allowOrigins: [{regex: ".*"}]'), steps: [get('one/', {}, { headers: { origin: 'https://b.example' } })] },
  { name: 'preflights of others are kept back when told so', covers: [`${C}.unmatchedPreflights`], mesh: cors(`${ALLOWED}, unmatchedPreflights: IGNORE`), steps: [ask('OPTIONS', 'one/', preflight('https://b.example'), { seen: [] }), ask('OPTIONS', 'one/', preflight(A), { seen: [] })] },
  { name: 'preflights of others are passed on when told so', mesh: cors(`${ALLOWED}, unmatchedPreflights: FORWARD`), steps: [ask('OPTIONS', 'one/', preflight('https://b.example'), { seen: [{}] })] },
  { name: 'OPTIONS without asking for a method is no preflight', mesh: cors(ALLOWED), steps: [ask('OPTIONS', 'one/', { headers: { origin: A } }, { seen: [{}] })] },
  { name: 'headers that the application set on its own', mesh: cors(`${ALLOWED}, exposeHeaders: [x-c]`), steps: [get('one/', {}, { headers: { origin: A }, app: { headers: { 'access-control-allow-origin': '*', 'access-control-expose-headers': 'own' } } }), get('one/', {}, { headers: { origin: 'https://b.example' }, app: { headers: { 'access-control-allow-origin': '*' } } })] },
  { name: 'allowOrigin of old', covers: [`${C}.allowOrigin[]`], mesh: cors('allowOrigin: ["https://a.example"]'), steps: [get('one/', { headers: { 'access-control-allow-origin': A } }, { headers: { origin: A } })] },
  { name: 'a preflight for a private network', mesh: cors(`${ALLOWED}`), steps: [ask('OPTIONS', 'one/', preflight(A, { 'access-control-request-private-network': 'true' }), {})] },
  { name: 'faults and CORS in one rule', mesh: virtualService(`{hosts: [one], http: [{corsPolicy: {${ALLOWED}}, fault: {abort: {httpStatus: 500, percentage: {value: 100}}}, route: [{destination: {host: one}}]}]}`), steps: [get('one/', {}, { headers: { origin: A } }), ask('OPTIONS', 'one/', preflight(A), {})] },
];
