/** How far a request came that a sidecar could not finish: its word is taken, an application's is not. See docs/reliability.md */
import { ask, get, outside, virtualService, gateway, type AskExpectation, type AskOptions, type Scenario, type Step } from '../scenario.ts';
import { ADDRESS } from '../lab/network.ts';

const DELIVERY = 'x-lateen-delivery';

/** From outside straight to the pod with the sidecar: what it tells the sidecars of callers. */
const inbound = (method: string, expect: AskExpectation, options: AskOptions): Step => ask(method, 'server/x', { from: 'world', at: `${ADDRESS.server}:8080`, ...options }, expect);

const claims = (delivery: string, status: number): AskOptions => ({ app: { status, headers: { [DELIVERY]: delivery } } });

export const DELIVERY_SCENARIOS: readonly Scenario[] = [
  {
    name: 'delivery: an application cannot say that it has not got a request', mesh: [],
    steps: ['none', 'repeatable'].flatMap((delivery) => [
      inbound('GET', { status: 503, headers: { [DELIVERY]: null }, seen: [{}] }, claims(delivery, 503)),
      get('server/x', { status: 503, headers: { [DELIVERY]: null }, seen: [{}], log: { attempts: 1 } }, claims(delivery, 503)),
    ]),
  },
  {
    name: 'delivery: a sidecar says that an application may have got a request', mesh: [],
    steps: [
      inbound('POST', { status: 503, headers: { [DELIVERY]: 'possible' } }, { body: 'pay', app: { reset: 'at-head' } }),
      ask('POST', 'server/x', { body: 'pay', app: { reset: 'at-head' } }, { status: 503, headers: { [DELIVERY]: null }, seen: [{ body: 'pay' }] }),
    ],
  },
  {
    name: 'delivery: it is not told outside of the mesh',
    mesh: [gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}'), virtualService('{hosts: [shop.test], gateways: [gw], http: [{route: [{destination: {host: server}}]}]}')],
    steps: [outside('shop.test/x', { status: 503, headers: { [DELIVERY]: null } }, { app: { reset: 'at-head' } }), outside('shop.test/x', { status: 503, headers: { [DELIVERY]: null } }, claims('none', 503))],
  },
];
