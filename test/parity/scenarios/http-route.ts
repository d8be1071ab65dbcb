/** Where a rule sends requests, and which rules are in force for whom. */
import { APP_SUBSETS, ask, get, gateway, outside, virtualService, type Scenario } from '../scenario.ts';

const D = 'VirtualService.http[].route[].destination';
const PLAIN_GATEWAY = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}');
const to = (subset: string) => `route: [{destination: {host: app, subset: ${subset}}}]`;
const V1 = { body: 'app-v1' };
const V2 = { body: 'app-v2' };

export const ROUTES: readonly Scenario[] = [
  { name: 'a subset', covers: [`${D}.subset`], mesh: [APP_SUBSETS, virtualService(`{hosts: [app], http: [{${to('v2')}}]}`)], steps: [get('app/', V2), get('app/', V2), get('app/', V2)], },
  { name: 'another host', covers: [`${D}.host`, 'VirtualService.http[].route[]'], without: { [`${D}.host`]: 'one', 'VirtualService.http[].route[]': [{ destination: { host: 'one' } }] }, mesh: virtualService('{hosts: [one], http: [{route: [{destination: {host: other}}]}]}'), steps: [get('one/', { body: 'other-v1', seen: [{ authority: 'one' }] })] },
  { name: 'another port', covers: [`${D}.port.number`], without: { [`${D}.port.number`]: 80 }, mesh: virtualService('{hosts: [one], http: [{route: [{destination: {host: one, port: {number: 7070}}}]}]}'), steps: [get('one/', { seen: [{ port: 7070 }] })] },
  { name: 'without a port the one that was called', mesh: virtualService('{hosts: [one], http: [{route: [{destination: {host: other}}]}]}'), steps: [get('one/', { seen: [{ port: 8080 }] }), get('one:7070/', { seen: [{ port: 7070 }] }, { version: 2 })] },
  { name: 'a short host means the namespace of the rule', mesh: virtualService('{hosts: [one.default.svc.cluster.local], http: [{route: [{destination: {host: app}}]}]}', 'vs', 'far'), steps: [get('one/', { body: 'app-far' })] },
  { name: 'a host that is nowhere', mesh: virtualService('{hosts: [one], http: [{route: [{destination: {host: nowhere}}]}]}'), steps: [get('one/', { status: 503, body: '', log: { flags: 'NC', details: 'cluster_not_found' } })] },
  { name: 'a subset that is nowhere', mesh: virtualService('{hosts: [one], http: [{route: [{destination: {host: one, subset: nowhere}}]}]}'), steps: [get('one/', { status: 503, log: { flags: 'NC', details: 'cluster_not_found' } })] },
  { name: 'a subset without endpoints', mesh: [virtualService('{hosts: [app], http: [{route: [{destination: {host: app, subset: v9}}]}]}'), 'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: dr, namespace: default}\nspec: {host: app, subsets: [{name: v9, labels: {version: v9}}]}\n'], steps: [get('app/', { status: 503, body: 'no healthy upstream', log: { flags: 'UH', details: 'no_healthy_upstream' } })] },
  { name: 'weights share requests', covers: ['VirtualService.http[].route[].weight'], mesh: [APP_SUBSETS, virtualService('{hosts: [app], http: [{route: [{destination: {host: app, subset: v1}, weight: 80}, {destination: {host: app, subset: v2}, weight: 20}]}]}')], steps: [get('app/', { shares: { 'app-v1': 0.8, 'app-v2': 0.2 } }, { times: 600 })] },
  { name: 'weights need not add up to 100', mesh: [APP_SUBSETS, virtualService('{hosts: [app], http: [{route: [{destination: {host: app, subset: v1}, weight: 1}, {destination: {host: app, subset: v2}, weight: 1}, {destination: {host: one}, weight: 2}]}]}')], steps: [get('app/', { shares: { 'app-v1': 0.25, 'app-v2': 0.25, 'one-v1': 0.5 } }, { times: 600 })] },
  { name: 'a weight of 0 gets nothing', mesh: [APP_SUBSETS, virtualService('{hosts: [app], http: [{route: [{destination: {host: app, subset: v1}, weight: 100}, {destination: {host: app, subset: v2}, weight: 0}]}]}')], steps: [get('app/', { shares: { 'app-v1': 1 } }, { times: 60 })] },
  { name: 'a weight without the others', mesh: [APP_SUBSETS, virtualService('{hosts: [app], http: [{route: [{destination: {host: app, subset: v1}, weight: 100}, {destination: {host: app, subset: v2}}]}]}')], steps: [get('app/', { shares: { 'app-v1': 1 } }, { times: 60 })] },
  { name: 'hosts of several services have the same rules', covers: ['VirtualService.hosts[]'], without: { 'VirtualService.hosts[]': ['one'] }, mesh: virtualService('{hosts: [one, other], http: [{directResponse: {status: 418}}]}'), steps: [get('one/', { status: 418 }), get('other/', { status: 418 })] },
  { name: 'every name of a service has its rules', mesh: virtualService('{hosts: [one], http: [{directResponse: {status: 418}}]}'), steps: [...['one', 'one.default', 'one.default.svc', 'one.default.svc.cluster.local', '10.96.0.13'].map((name) => get(`${name}/`, { status: 418 })), get('one:80/', { status: 418 }), get('one/', { status: 418 }, { headers: { host: 'ONE' } })] },
  { name: 'a wildcard host', mesh: [virtualService('{hosts: ["*.default.svc.cluster.local"], http: [{directResponse: {status: 418}}]}'), virtualService('{hosts: [other], http: [{directResponse: {status: 419}}]}', 'exact')], steps: [get('one/', { status: 418 }), get('other/', { status: 419 })] },
  { name: 'the longest wildcard wins', mesh: [virtualService('{hosts: ["*.local"], http: [{directResponse: {status: 411}}]}', 'all'), virtualService('{hosts: ["*.svc.cluster.local"], http: [{directResponse: {status: 412}}]}', 'long'), virtualService('{hosts: ["*.default.svc.cluster.local"], http: [{directResponse: {status: 413}}]}', 'longest')], steps: [get('one/', { status: 413 }), get('app.far/', { status: 412 })] },
  { name: 'of two objects for a host, sidecars use the older', mesh: [virtualService('{hosts: [one], http: [{match: [{uri: {prefix: /a}}], directResponse: {status: 411}}]}', 'z-older'), virtualService('{hosts: [one], http: [{directResponse: {status: 412}}]}', 'a-newer')], steps: [get('one/a', { status: 411 }), get('one/b', { status: 404 })] },
  { name: 'of two objects for a host, gateways use both', covers: ['VirtualService.gateways[]'], mesh: [PLAIN_GATEWAY, virtualService('{hosts: [shop.example], gateways: [gw], http: [{match: [{uri: {prefix: /a}}], directResponse: {status: 411}}]}', 'older'), virtualService('{hosts: [shop.example], gateways: [gw], http: [{directResponse: {status: 412}}]}', 'newer'), virtualService('{hosts: [shop.example], gateways: [gw], http: [{match: [{uri: {prefix: /c}}], directResponse: {status: 413}}]}', 'newest')], steps: [outside('shop.example/a', { status: 411 }), outside('shop.example/b', { status: 412 }), outside('shop.example/c', { status: 413 })] },
  { name: 'a rule for gateways is not for sidecars', mesh: [PLAIN_GATEWAY, virtualService('{hosts: [one], gateways: [gw], http: [{directResponse: {status: 418}}]}')], steps: [get('one/', { status: 200 })] },
  { name: 'a rule that is not exported is not for other namespaces', covers: ['VirtualService.exportTo[]'], mesh: virtualService('{hosts: [one.default.svc.cluster.local], exportTo: ["."], http: [{directResponse: {status: 418}}]}', 'vs', 'far'), steps: [get('one/', { status: 200 })] },
  { name: 'a rule that is exported to a namespace', mesh: virtualService('{hosts: [one.default.svc.cluster.local], exportTo: [default], http: [{directResponse: {status: 418}}]}', 'vs', 'far'), steps: [get('one/', { status: 418 })] },
  { name: 'a rule for nobody', mesh: virtualService('{hosts: [one], exportTo: ["~"], http: [{directResponse: {status: 418}}]}'), steps: [get('one/', { status: 200 })] },
  { name: 'a rule for a name that is no service', mesh: virtualService('{hosts: [made-up.example], http: [{route: [{destination: {host: one}}]}]}'), steps: [get('made-up.example/', { body: 'one-v1' }, { at: '10.96.0.13:80' })] },
  { name: 'no rule is in force on other ports', mesh: virtualService('{hosts: [one], http: [{match: [{port: 80}], directResponse: {status: 418}}, {route: [{destination: {host: one}}]}]}'), steps: [get('one/', { status: 418 }), get('one:7070/', { status: 200 }, { version: 2 })] },
];

const DELEGATE = 'VirtualService.http[].delegate';

export const DELEGATES: readonly Scenario[] = [
  {
    name: 'a delegate’s rules stand in for the rule that names it', covers: [`${DELEGATE}.name`, `${DELEGATE}.namespace`],
    mesh: [APP_SUBSETS, virtualService(`{hosts: [app], http: [{match: [{uri: {prefix: /a}}], delegate: {name: team, namespace: far}}, {${to('v1')}}]}`), virtualService(`{http: [{match: [{uri: {prefix: /a/b}}], route: [{destination: {host: app.default.svc.cluster.local, subset: v2}}]}, {directResponse: {status: 418}}]}`, 'team', 'far')],
    steps: [get('app/a/b/c', V2), get('app/a/x', { status: 418 }), get('app/b', V1)],
  },
  {
    name: 'a delegate of the same namespace, with what the rule says besides', mesh: [virtualService('{hosts: [one], http: [{name: root, timeout: 400ms, headers: {request: {set: {x-a: root}}}, delegate: {name: team}}]}'), virtualService('{http: [{name: leaf, match: [{uri: {prefix: /slow}}], route: [{destination: {host: one}}]}, {headers: {request: {set: {x-a: leaf}}}, route: [{destination: {host: one}}]}]}', 'team')],
    steps: [get('one/slow', { status: 504 }, { app: { delayMs: 3000 } }), get('one/', { seen: [{ headers: { 'x-a': 'leaf' } }] }), get('one/slow', { seen: [{ headers: { 'x-a': 'root' } }], log: { route: 'root-leaf' } })],
  },
  {
    name: 'matches of rule and delegate must both hold', mesh: [APP_SUBSETS, virtualService(`{hosts: [app], http: [{match: [{headers: {x: {exact: "1"}}}], delegate: {name: team}}, {${to('v1')}}]}`), virtualService(`{http: [{match: [{uri: {prefix: /a}}, {headers: {y: {exact: "1"}}}], ${to('v2')}}]}`, 'team')],
    steps: [get('app/a', V2, { headers: { x: '1' } }), get('app/b', V2, { headers: { x: '1', y: '1' } }), get('app/a', V1), get('app/b', V1, { headers: { x: '1' } })],
  },
  { name: 'a delegate that is not there', mesh: [virtualService('{hosts: [one], http: [{match: [{uri: {prefix: /a}}], delegate: {name: nobody}}, {route: [{destination: {host: one}}]}]}')], steps: [get('one/a', { status: 200 }), get('one/b', { status: 200 })] },
  { name: 'a delegate that comes later', mesh: [virtualService('{hosts: [one], http: [{match: [{uri: {prefix: /a}}], delegate: {name: team}}, {route: [{destination: {host: one}}]}]}')], steps: [get('one/a', { status: 200 }), { do: 'change', apply: virtualService('{http: [{directResponse: {status: 418}}]}', 'team') }, get('one/a', { status: 418 }), ask('POST', 'one/b', {}, { status: 200 })] },
];
