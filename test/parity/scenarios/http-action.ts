/** What a rule does besides forwarding: redirects, answers, rewrites, headers. */
import { get, ask, outside, gateway, virtualService, type Scenario } from '../scenario.ts';

const rule = (text: string): string => virtualService(`
  hosts: [one]
  http:
  - ${text}
`);
const toOne = 'route: [{destination: {host: one}}]';
const R = 'VirtualService.http[].redirect';
const EDGE = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}');
const edgeRule = (text: string): string[] => [EDGE, virtualService(`
  hosts: [shop.example]
  gateways: [gw]
  http:
  - ${text}
`)];
const REDIRECTED = { body: '', seen: [] };

export const REDIRECTS: readonly Scenario[] = [
  { name: 'a redirect to another authority', covers: [`${R}.authority`], mesh: rule('redirect: {authority: new.example}'), steps: [get('one/p?q=1', { ...REDIRECTED, status: 301, headers: { location: 'http://new.example/p?q=1' }, log: { flags: '-', details: 'direct_response' } })] },
  { name: 'a redirect to another uri drops nothing of the query', covers: [`${R}.uri`], mesh: rule('redirect: {uri: /new}'), steps: [get('one/old?q=1', { ...REDIRECTED, status: 301, headers: { location: 'http://one/new?q=1' } })] },
  { name: 'a redirect to a uri with a query of its own', mesh: rule('redirect: {uri: "/new?a=b"}'), steps: [get('one/old?q=1', { status: 301 })] },
  ...[301, 302, 303, 307, 308].map((code): Scenario => ({ name: `a redirect with code ${code}`, covers: code === 301 ? [] : [`${R}.redirectCode`], mesh: rule(`redirect: {uri: /x, redirectCode: ${code}}`), steps: [get('one/', { ...REDIRECTED, status: code }), ask('POST', 'one/', { body: 'b' }, { status: code })] })),
  { name: 'a redirect to another scheme', covers: [`${R}.scheme`], mesh: rule('redirect: {scheme: https}'), steps: [get('one/p', { status: 301, headers: { location: 'https://one/p' } }), get('one:80/p', { status: 301, headers: { location: 'https://one/p' } })] },
  { name: 'a redirect to another port', covers: [`${R}.port`], mesh: rule('redirect: {port: 8443}'), steps: [get('one/p', { status: 301, headers: { location: 'http://one:8443/p' } }), get('one:80/p', { status: 301, headers: { location: 'http://one:8443/p' } })] },
  { name: 'a redirect to a port with a scheme and an authority', mesh: rule('redirect: {port: 8443, scheme: https, authority: new.example}'), steps: [get('one/p', { status: 301, headers: { location: 'https://new.example:8443/p' } })] },
  { name: 'a redirect takes the port of the protocol', covers: [`${R}.derivePort`], mesh: edgeRule('redirect: {derivePort: FROM_PROTOCOL_DEFAULT, scheme: https}'), steps: [outside('shop.example/p', { status: 301, headers: { location: 'https://shop.example:443/p' } }, { headers: { host: 'shop.example:80' } }), outside('shop.example/p', { status: 301 }, { headers: { host: 'shop.example:8080' } })] },
  { name: 'a redirect takes the port of the request', mesh: edgeRule('redirect: {derivePort: FROM_REQUEST_PORT, authority: new.example}'), steps: [outside('shop.example/p', { status: 301, headers: { location: 'http://new.example:80/p' } })] },
  { name: 'a redirect replaces the prefix', covers: [`${R}.prefixRewrite`], mesh: rule('{match: [{uri: {prefix: /old}}], redirect: {prefixRewrite: /new}}'), steps: [get('one/old/x?q=1', { status: 301, headers: { location: 'http://one/new/x?q=1' } }), get('one/older', { status: 301, headers: { location: 'http://one/newer' } })] },
  { name: 'headers of a rule are set on its redirect', mesh: rule('{redirect: {uri: /x}, headers: {response: {set: {x-a: b}}}}'), steps: [get('one/', { status: 301, headers: { 'x-a': 'b' } })] },
];

const D = 'VirtualService.http[].directResponse';

export const DIRECT_RESPONSES: readonly Scenario[] = [
  { name: 'a direct response with text', covers: [`${D}.status`, `${D}.body.string`], without: { [`${D}.status`]: 200 }, mesh: rule('directResponse: {status: 418, body: {string: short and stout}}'), steps: [get('one/', { status: 418, body: 'short and stout', headers: { 'content-type': 'text/plain' }, seen: [], log: { details: 'direct_response' } })] },
  { name: 'a direct response with bytes', covers: [`${D}.body.bytes`], mesh: rule('directResponse: {status: 200, body: {bytes: aGVsbG8=}}'), steps: [get('one/', { status: 200, body: 'hello' })] },
  { name: 'a direct response without a body', mesh: rule('directResponse: {status: 503}'), steps: [get('one/', { status: 503, body: '', seen: [] })] },
  { name: 'a direct response answers HEAD and POST', mesh: rule('directResponse: {status: 200, body: {string: hello}}'), steps: [ask('HEAD', 'one/', {}, { status: 200, body: '' }), ask('POST', 'one/', { body: 'x'.repeat(5000) }, { status: 200, body: 'hello' })] },
  { name: 'headers of a rule are set on its direct response, its type too', mesh: rule('{directResponse: {status: 200, body: {string: "{}"}}, headers: {response: {set: {content-type: application/json, x-a: b}}}}'), steps: [get('one/', { status: 200, headers: { 'content-type': 'application/json', 'x-a': 'b' } })] },
  { name: 'a direct response to a gRPC call', mesh: rule('directResponse: {status: 503, body: {string: away}}'), steps: [ask('POST', 'one/a.B/C', { version: 2, headers: { 'content-type': 'application/grpc' } }, {})] },
];

const W = 'VirtualService.http[].rewrite';
const PREFIXED = '{match: [{uri: {prefix: /api}}], rewrite: {uri: /v2}, route: [{destination: {host: one}}]}';

export const REWRITES: readonly Scenario[] = [
  { name: 'a prefix is rewritten, and the path before is told', covers: [`${W}.uri`], mesh: rule(PREFIXED), steps: [get('one/api/x?y=1', { status: 200, seen: [{ path: '/v2/x?y=1', headers: { 'x-envoy-original-path': '/api/x?y=1' } }], log: { path: '/api/x?y=1' } }), get('one/apix', { seen: [{ path: '/v2x' }] })] },
  { name: 'a prefix with its slash is rewritten to the root', mesh: rule('{match: [{uri: {prefix: /api/}}], rewrite: {uri: /}, route: [{destination: {host: one}}]}'), steps: [get('one/api/x', { seen: [{ path: '/x' }] }), get('one/api', { status: 404 })] },
  { name: 'a prefix without its slash is rewritten to the root', mesh: rule('{match: [{uri: {prefix: /api}}], rewrite: {uri: /}, route: [{destination: {host: one}}]}'), steps: [get('one/api/x', { status: 200 }), get('one/api', { status: 200 }), get('one/api?a=1', { status: 200 })] },
  { name: 'an exact path is rewritten whole', mesh: rule('{match: [{uri: {exact: /a}}], rewrite: {uri: /b/c}, route: [{destination: {host: one}}]}'), steps: [get('one/a?q=1', { seen: [{ path: '/b/c?q=1' }] })] },
  { name: 'a path that matched a regex is rewritten whole', mesh: rule('{match: [{uri: {regex: "/a.*"}}], rewrite: {uri: /b}, route: [{destination: {host: one}}]}'), steps: [get('one/abc?q=1', { status: 200 })] },
  { name: 'a path in any case is rewritten', mesh: rule('{match: [{uri: {prefix: /API}, ignoreUriCase: true}], rewrite: {uri: /v2}, route: [{destination: {host: one}}]}'), steps: [get('one/api/x', { seen: [{ path: '/v2/x' }] })] },
  { name: 'without a uri match the rewrite is put before the path', mesh: rule('{rewrite: {uri: /base}, route: [{destination: {host: one}}]}'), steps: [get('one/x', { status: 200 }), get('one/', { status: 200 })] },
  { name: 'the authority is rewritten', covers: [`${W}.authority`], mesh: rule(`{rewrite: {authority: inner.example}, ${toOne}}`), steps: [get('one/', { seen: [{ authority: 'inner.example' }] })] },
  { name: 'a path is rewritten by a regex with groups', covers: [`${W}.uriRegexRewrite.match`, `${W}.uriRegexRewrite.rewrite`], without: { [`${W}.uriRegexRewrite.match`]: '^/other' }, mesh: rule(`{rewrite: {uriRegexRewrite: {match: "^/user/([0-9]+)/(.*)$", rewrite: '/u/\\2/\\1'}}, ${toOne}}`), steps: [get('one/user/42/home?x=1', { seen: [{ path: '/u/home/42?x=1', headers: { 'x-envoy-original-path': '/user/42/home?x=1' } }] }), get('one/else', { seen: [{ path: '/else', headers: { 'x-envoy-original-path': /.*/ } }] })] },
  { name: 'a regex rewrite replaces every occurrence', mesh: rule(`{rewrite: {uriRegexRewrite: {match: "a", rewrite: "b"}}, ${toOne}}`), steps: [get('one/aaa/xa?a=a', { seen: [{ path: '/bbb/xb?a=a' }] })] },
  { name: 'uri and authority are rewritten together', mesh: rule('{match: [{uri: {prefix: /api}}], rewrite: {uri: /v2, authority: inner.example}, route: [{destination: {host: one}}]}'), steps: [get('one/api', { seen: [{ path: '/v2', authority: 'inner.example' }] })] },
];

const H = 'VirtualService.http[].headers';
const P = 'VirtualService.http[].route[].headers';
const both = (where: 'request' | 'response', edit: string): string => `headers: {${where}: {${edit}}}`;

export const HEADERS: readonly Scenario[] = [
  { name: 'request headers of a rule are added, set and removed', covers: [`${H}.request.add{}`, `${H}.request.set{}`, `${H}.request.remove[]`], mesh: rule(`{${both('request', 'add: {x-a: "2"}, set: {x-b: "2", x-new: n}, remove: [x-c]')}, ${toOne}}`), steps: [get('one/', { seen: [{ headers: { 'x-a': '1, 2', 'x-b': '2', 'x-new': 'n', 'x-c': null } }] }, { headers: { 'x-a': '1', 'x-b': '1', 'x-c': '1' } })] },
  { name: 'response headers of a rule are added, set and removed', covers: [`${H}.response.add{}`, `${H}.response.set{}`, `${H}.response.remove[]`], mesh: rule(`{${both('response', 'add: {x-a: "2"}, set: {x-b: "2", x-new: n}, remove: [x-c]')}, ${toOne}}`), steps: [get('one/', { headers: { 'x-a': '1, 2', 'x-b': '2', 'x-new': 'n', 'x-c': null } }, { app: { headers: { 'x-a': '1', 'x-b': '1', 'x-c': '1' } } })] },
  { name: 'request headers of a destination', covers: [`${P}.request.add{}`, `${P}.request.set{}`, `${P}.request.remove[]`], mesh: rule(`route: [{destination: {host: one}, ${both('request', 'add: {x-a: "2"}, set: {x-b: "2"}, remove: [x-c]')}}]`), steps: [get('one/', { seen: [{ headers: { 'x-a': '1, 2', 'x-b': '2', 'x-c': null } }] }, { headers: { 'x-a': '1', 'x-b': '1', 'x-c': '1' } })] },
  { name: 'response headers of a destination', covers: [`${P}.response.add{}`, `${P}.response.set{}`, `${P}.response.remove[]`], mesh: rule(`route: [{destination: {host: one}, ${both('response', 'add: {x-a: "2"}, set: {x-b: "2"}, remove: [x-c]')}}]`), steps: [get('one/', { headers: { 'x-a': '1, 2', 'x-b': '2', 'x-c': null } }, { app: { headers: { 'x-a': '1', 'x-b': '1', 'x-c': '1' } } })] },
  { name: 'headers of a destination and of its rule meet', mesh: rule(`{${both('request', 'add: {x-a: rule}, set: {x-b: rule}')}, route: [{destination: {host: one}, ${both('request', 'add: {x-a: destination}, set: {x-b: destination}')}}]}`), steps: [get('one/', { status: 200 })] },
  { name: 'headers of one of several destinations are its own', mesh: rule(`route: [{destination: {host: one}, weight: 100, ${both('request', 'set: {x-a: mine}')}}, {destination: {host: other}, weight: 0, ${both('request', 'set: {x-a: other}')}}]`), steps: [get('one/', { seen: [{ headers: { 'x-a': 'mine' } }] })] },
  { name: 'headers of a rule and of one of several destinations', mesh: rule(`{${both('response', 'set: {x-a: rule, x-b: rule}, remove: [x-mixed-case]')}, route: [{destination: {host: one}, weight: 1, ${both('response', 'set: {x-a: destination}')}}, {destination: {host: other}, weight: 0}]}`), steps: [get('one/', { headers: { 'x-b': 'rule', 'x-mixed-case': null } })] },
  { name: 'Host set for a destination is the authority', mesh: rule(`route: [{destination: {host: one}, ${both('request', 'set: {Host: inner.example}')}}]`), steps: [get('one/', { seen: [{ authority: 'inner.example' }] })] },
  { name: ':authority set for a destination is the authority', mesh: rule(`route: [{destination: {host: one}, ${both('request', 'set: {":authority": inner.example}')}}]`), steps: [get('one/', { seen: [{ authority: 'inner.example' }] })] },
  { name: 'Host set for a rule is the authority', mesh: rule(`{${both('request', 'set: {Host: inner.example}')}, ${toOne}}`), steps: [get('one/', { seen: [{ authority: 'inner.example' }] })] },
  { name: 'a header’s value is made of the request', mesh: rule(`{${both('request', 'set: {x-p: "%REQ(:PATH)% of %REQ(x-u)%", x-none: "%REQ(x-none)%", x-method: "%REQ(:METHOD)%", x-proto: "%PROTOCOL%", x-pc: "100%%", x-alt: "%REQ(x-none?x-u)%", x-cut: "%REQ(x-u):2%"}')}, ${toOne}}`), steps: [get('one/a?b=1', { seen: [{ headers: { 'x-p': '/a?b=1 of jason', 'x-method': 'GET', 'x-proto': 'HTTP/1.1', 'x-pc': '100%', 'x-alt': 'jason', 'x-cut': 'ja' } }] }, { headers: { 'x-u': 'jason' } })] },
  { name: 'a header’s value is made of the connection', mesh: rule(`{${both('request', 'set: {x-ip: "%DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT%", x-local: "%DOWNSTREAM_LOCAL_ADDRESS%", x-sni: "%REQUESTED_SERVER_NAME%", x-peer: "%DOWNSTREAM_PEER_URI_SAN%", x-cluster: "%UPSTREAM_CLUSTER%", x-route: "%ROUTE_NAME%"}')}, ${toOne}}`), steps: [get('one/', { seen: [{ headers: { 'x-ip': '10.244.0.10', 'x-local': '10.96.0.13:80' } }] })] },
  { name: 'a response header’s value is made of the answer', mesh: rule(`{${both('response', 'set: {x-code: "%RESPONSE_CODE%", x-type: "%RESP(content-type)%", x-host: "%UPSTREAM_HOST%", x-flags: "%RESPONSE_FLAGS%", x-details: "%RESPONSE_CODE_DETAILS%", x-req: "%REQ(x-u)%"}')}, ${toOne}}`), steps: [get('one/', { headers: { 'x-code': '200', 'x-type': 'text/plain', 'x-host': '10.244.3.5:8080', 'x-req': 'jason' } }, { headers: { 'x-u': 'jason' } })] },
  { name: 'headers that are taken out are matched in any case', mesh: rule(`{${both('request', 'remove: [X-Gone]')}, ${toOne}}`), steps: [get('one/', { seen: [{ headers: { 'x-gone': null } }] }, { headers: { 'x-GONE': '1' } })] },
  { name: 'response headers of a rule are set on an error of the proxy too', mesh: rule(`{${both('response', 'set: {x-a: b}')}, route: [{destination: {host: one, port: {number: 80}, subset: nowhere}}]}`), steps: [get('one/', { status: 503, headers: { 'x-a': 'b' }, log: { flags: 'NC', details: 'cluster_not_found' } })] },
];
