/** Which rule of a VirtualService a request takes. */
import { APP_SUBSETS, get, ask, gateway, outside, virtualService, type Scenario } from '../scenario.ts';

/** Requests that match go to v2, all others to v1. */
const v2When = (match: string): string[] => [
  APP_SUBSETS,
  virtualService(`
    hosts: [app]
    http:
    - match: [${match}]
      route: [{destination: {host: app, subset: v2}}]
    - route: [{destination: {host: app, subset: v1}}]
  `),
];

const V1 = { body: 'app-v1' };
const V2 = { body: 'app-v2' };
const MATCH = 'VirtualService.http[].match[]';
const headers = (values: Record<string, string>) => ({ headers: values });

export const HTTP_MATCH: readonly Scenario[] = [
  { name: 'an exact uri matches the whole path and not the query', covers: [`${MATCH}.uri`, 'VirtualService.http[].match[]'], mesh: v2When('{uri: {exact: /a}}'), steps: [get('app/a?x=1', V2), get('app/a/', V1), get('app/ab', V1), get('app/A', V1)] },
  { name: 'a uri prefix matches by characters', covers: [`${MATCH}.uri`], mesh: v2When('{uri: {prefix: /a}}'), steps: [get('app/a', V2), get('app/abc', V2), get('app/b', V1)] },
  { name: 'a uri with percent signs is matched as it is written', covers: [`${MATCH}.uri`], mesh: v2When('{uri: {prefix: /a%20b}}, {uri: {exact: /100%25}}, {uri: {exact: "/%REQ(x)%"}}'), steps: [get('app/a%20b/c', V2), get('app/100%25', V2), get('app/a/b', V1)] },
  { name: 'a uri regex has to match the whole path', covers: [`${MATCH}.uri`], mesh: v2When('{uri: {regex: "/a[0-9]+"}}'), steps: [get('app/a12?x=1', V2), get('app/a12b', V1)] },
  { name: 'ignoreUriCase holds for exact and prefix', covers: [`${MATCH}.ignoreUriCase`], mesh: v2When('{uri: {prefix: /ABC}, ignoreUriCase: true}'), steps: [get('app/abcd', V2), get('app/AbC', V2), get('app/ab', V1)] },
  { name: 'ignoreUriCase with a regex', mesh: v2When('{uri: {regex: "/ABC"}, ignoreUriCase: true}'), steps: [get('app/abc', V1), get('app/ABC', V2)] },
  { name: 'a method matches exactly', covers: [`${MATCH}.method`], mesh: v2When('{method: {exact: DELETE}}'), steps: [ask('DELETE', 'app/', {}, V2), get('app/', V1)] },
  { name: 'a method matches by regex', mesh: v2When('{method: {regex: "P.*"}}'), steps: [ask('PUT', 'app/', {}, V2), ask('PATCH', 'app/', {}, V2), get('app/', V1)] },
  { name: 'a scheme matches what x-forwarded-proto says', covers: [`${MATCH}.scheme`], mesh: v2When('{scheme: {exact: https}}'), steps: [get('app/', V1), get('app/', V2, headers({ 'x-forwarded-proto': 'https' }))] },
  { name: 'an authority matches by prefix', covers: [`${MATCH}.authority`], mesh: v2When('{authority: {prefix: app.def}}'), steps: [get('app.default/', V2), get('app/', V1)] },
  { name: 'an authority is matched with its port and in its case', mesh: v2When('{authority: {exact: "app:80"}}'), steps: [get('app:80/', V2), get('app/', V1), get('app/', V1, headers({ host: 'APP:80' }))] },
  { name: 'a header matches exactly and in its case', covers: [`${MATCH}.headers{}`], mesh: v2When('{headers: {end-user: {exact: jason}}}'), steps: [get('app/', V2, headers({ 'End-User': 'jason' })), get('app/', V1, headers({ 'end-user': 'Jason' })), get('app/', V1)] },
  { name: 'a header matches by prefix and by regex', mesh: v2When('{headers: {a: {prefix: x}, b: {regex: "[0-9]+"}}}'), steps: [get('app/', V2, headers({ a: 'xy', b: '12' })), get('app/', V1, headers({ a: 'xy', b: '12a' })), get('app/', V1, headers({ a: 'xy' }))] },
  { name: 'an empty match says that the header is there', mesh: v2When('{headers: {x-flag: {}}}'), steps: [get('app/', V2, headers({ 'x-flag': 'any' })), get('app/', V2, headers({ 'x-flag': '' })), get('app/', V1)] },
  { name: 'of a header that came twice any value matches', mesh: v2When('{headers: {a: {exact: "2"}}}'), steps: [get('app/', V2, { headers: { a: ['1', '2'] } }), get('app/', V1, headers({ a: '1,2' }))] },
  { name: 'withoutHeaders looks at every value', mesh: v2When('{withoutHeaders: {a: {exact: "2"}}}'), steps: [get('app/', V1, { headers: { a: ['1', '2'] } }), get('app/', V2, { headers: { a: ['1', '3'] } })] },
  { name: 'uri, method and the like are no headers', mesh: v2When('{headers: {uri: {exact: nowhere}, method: {exact: NONE}, x: {exact: "1"}}}'), steps: [get('app/', V2, headers({ x: '1' })), get('app/', V1)] },
  { name: 'withoutHeaders keeps off requests that have the value', covers: [`${MATCH}.withoutHeaders{}`], mesh: v2When('{withoutHeaders: {x: {exact: no}}}'), steps: [get('app/', V2), get('app/', V2, headers({ x: 'yes' })), get('app/', V1, headers({ x: 'no' }))] },
  { name: 'withoutHeaders with an empty match keeps off all that have the header', mesh: v2When('{withoutHeaders: {x: {}}}'), steps: [get('app/', V2), get('app/', V1, headers({ x: '' })), get('app/', V1, headers({ x: 'no' }))] },
  { name: 'withoutHeaders by regex', mesh: v2When('{withoutHeaders: {x: {regex: "n.*"}}}'), steps: [get('app/', V2), get('app/', V2, headers({ x: 'yes' })), get('app/', V1, headers({ x: 'nope' }))] },
  { name: 'a query parameter matches by its first value', covers: [`${MATCH}.queryParams{}`], mesh: v2When('{queryParams: {v: {exact: "2"}}}'), steps: [get('app/?u=1&v=2', V2), get('app/?v=2&v=3', V2), get('app/?v=3&v=2', V1), get('app/?v=%32', V1), get('app/', V1)] },
  { name: 'a query parameter without a value is the empty one', mesh: v2When('{queryParams: {key: {exact: ""}}}'), steps: [get('app/?key', V2), get('app/?key=', V2), get('app/?key=1', V1), get('app/?other', V1)] },
  { name: 'a query parameter matches by prefix and regex', mesh: v2When('{queryParams: {a: {prefix: x}, b: {regex: "[0-9]+"}}}'), steps: [get('app/?a=xy&b=12', V2), get('app/?a=xy&b=12z', V1), get('app/?a=y&b=1', V1)] },
  { name: 'a port keeps a rule to one port of the service', covers: [`${MATCH}.port`], mesh: v2When('{port: 7070}'), steps: [get('app:7070/', { body: 'app-v2' }, { version: 2 }), get('app/', V1)] },
  { name: 'sourceLabels keep a rule to callers with the labels', covers: [`${MATCH}.sourceLabels{}`], mesh: v2When('{sourceLabels: {app: somebody-else}}'), steps: [get('app/', V1)] },
  { name: 'sourceLabels of the caller let the rule in', mesh: v2When('{sourceLabels: {app: client, version: v1}}'), steps: [get('app/', V2)] },
  { name: 'sourceNamespace keeps a rule to callers of a namespace', covers: [`${MATCH}.sourceNamespace`], mesh: v2When('{sourceNamespace: elsewhere}'), steps: [get('app/', V1)] },
  { name: 'sourceNamespace of the caller lets the rule in', mesh: v2When('{sourceNamespace: default}'), steps: [get('app/', V2)] },
  {
    name: 'gateways of a match keep a rule to a gateway or to sidecars', covers: [`${MATCH}.gateways[]`],
    mesh: [APP_SUBSETS, gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}'), virtualService(`
      hosts: [app, shop.example]
      gateways: [gw, mesh]
      http:
      - match: [{gateways: [gw]}]
        route: [{destination: {host: app, subset: v2}}]
      - match: [{gateways: [mesh]}]
        route: [{destination: {host: app, subset: v1}}]
    `)],
    steps: [get('app/', V1), outside('shop.example/', V2)],
  },
  { name: 'all of a match must hold', mesh: v2When('{uri: {prefix: /a}, headers: {x: {exact: "1"}}, method: {exact: GET}}'), steps: [get('app/a', V2, headers({ x: '1' })), get('app/a', V1), get('app/b', V1, headers({ x: '1' }))] },
  { name: 'any match of a rule will do', mesh: v2When('{uri: {exact: /a}}, {headers: {x: {exact: "1"}}}'), steps: [get('app/a', V2), get('app/b', V2, headers({ x: '1' })), get('app/b', V1)] },
  {
    name: 'the first rule that matches wins, and names are in the log', covers: [`${MATCH}.name`, 'VirtualService.http[].name', 'VirtualService.http[]'],
    mesh: [APP_SUBSETS, virtualService(`
      hosts: [app]
      http:
      - name: first
        match: [{uri: {prefix: /a}, name: a}, {uri: {prefix: /b}}]
        route: [{destination: {host: app, subset: v2}}]
      - name: last
        route: [{destination: {host: app, subset: v1}}]
    `)],
    steps: [get('app/ab', { ...V2, log: { route: 'first.a' } }), get('app/b', { ...V2, log: { route: 'first' } }), get('app/c', { ...V1, log: { route: 'last' } })],
  },
  { name: 'no rule matches', mesh: [APP_SUBSETS, virtualService('{hosts: [app], http: [{match: [{uri: {exact: /only}}], route: [{destination: {host: app, subset: v1}}]}]}')], steps: [get('app/else', { status: 404, body: '', log: { flags: 'NR', details: 'route_not_found' } }), get('app/only', V1)] },
  { name: 'dot segments are resolved before a match', mesh: v2When('{uri: {prefix: /admin}}'), steps: [get('app/a/../admin', { ...V2, seen: [{ path: '/admin' }] }), get('app/a/%2e%2e/admin', V2), get('app//admin', V1), get('app/%61dmin', V2)] },
  { name: 'a statPrefix changes nothing but names', mesh: v2When('{uri: {prefix: /a}, statPrefix: a}'), steps: [get('app/a', V2)] },
];
