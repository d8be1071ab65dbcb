/** Routes of connections: by port and by the name that a TLS client asks for. */
import { APP_SUBSETS, get, talk, virtualService, type Scenario } from '../scenario.ts';

const TCP = 'VirtualService.tcp[]';
const TLS = 'VirtualService.tls[]';

const hello = (at: string) => ({ received: `${at}:hello`, end: 'open', seen: [{ at, bytes: 'hello' }] });
const say = (to: string, at: string) => talk(to, [{ send: 'hello' }, { until: 'hello' }], hello(at));
/** A request within TLS that the proxy does not open. */
const secret = (url: string, sni: string, at: string) => get(url, { status: 200, body: at, seen: [{ at, tls: { sni } }] }, { tls: { sni } });
/** How long a handshake is differs by the signatures in it. */
const CIPHERED = ['log.sent', 'log.received'];
/** With equal weights all of them go to one of two once in 2²⁴ runs. */
const MANY = 24;
const tls = (match: string, route: string): string => virtualService(`{hosts: [app, a.app.example, b.app.example], tls: [{match: [{${match}}], route: [${route}]}]}`);

export const L4_ROUTES: readonly Scenario[] = [
  { name: 'connections go to another service', covers: [`${TCP}.route[].destination.host`], without: { [`${TCP}.route[].destination.host`]: 'one' }, mesh: virtualService('{hosts: [one], tcp: [{route: [{destination: {host: other}}]}]}'), steps: [say('one:9000', 'other-v1')] },
  { name: 'connections go to a subset', covers: [`${TCP}.route[].destination.subset`], without: { [`${TCP}.route[].destination.subset`]: 'v1' }, mesh: [APP_SUBSETS, virtualService('{hosts: [app], tcp: [{route: [{destination: {host: app, subset: v2}}]}]}')], steps: [say('app:9000', 'app-v2'), say('app:9000', 'app-v2')] },
  { name: 'connections go to another port', covers: [`${TCP}.route[].destination.port.number`], without: { [`${TCP}.route[].destination.port.number`]: 9000 }, mesh: virtualService('{hosts: [one], tcp: [{match: [{port: 9000}], route: [{destination: {host: one, port: {number: 8000}}}]}]}'), steps: [talk('one:9000', [{ send: 'hello' }, { until: 'hello' }], { received: 'one-v1:hello', seen: [{ port: 8000 }] })] },
  { name: 'a port of a match keeps a rule to it', covers: [`${TCP}.match[].port`], without: { [`${TCP}.match[].port`]: 8000 }, mesh: virtualService('{hosts: [one], tcp: [{match: [{port: 9000}], route: [{destination: {host: other}}]}]}'), steps: [say('one:9000', 'other-v1'), get('one:8000/', { body: 'one-v1' })] },
  { name: 'weights share connections', covers: [`${TCP}.route[].weight`], without: { [`${TCP}.route[].weight`]: 1 }, mesh: [APP_SUBSETS, virtualService('{hosts: [app], tcp: [{route: [{destination: {host: app, subset: v1}, weight: 0}, {destination: {host: app, subset: v2}, weight: 100}]}]}')], steps: Array.from({ length: MANY }, () => say('app:9000', 'app-v2')) },
  { name: 'a name that TLS asks for leads to a subset', covers: [`${TLS}.match[].sniHosts[]`, `${TLS}.route[].destination.subset`, `${TLS}.route[].destination.host`], without: { [`${TLS}.match[].sniHosts[]`]: ['b.app.example'], [`${TLS}.route[].destination.subset`]: 'v1', [`${TLS}.route[].destination.host`]: 'one' }, mesh: [APP_SUBSETS, tls('port: 443, sniHosts: [a.app.example]', '{destination: {host: app, subset: v2}}')], steps: [secret('app:443/', 'a.app.example', 'app-v2'), secret('app:443/', 'a.app.example', 'app-v2')], ignores: CIPHERED },
  { name: 'each name has its own rule', mesh: virtualService('{hosts: [one, a.app.example, b.app.example], tls: [{match: [{sniHosts: [a.app.example]}], route: [{destination: {host: other}}]}, {match: [{sniHosts: [b.app.example]}], route: [{destination: {host: one}}]}]}'), steps: [secret('one:443/', 'a.app.example', 'other-v1'), secret('one:443/', 'b.app.example', 'one-v1')], ignores: CIPHERED },
  { name: 'a port of a TLS match keeps a rule to it', covers: [`${TLS}.match[].port`], without: { [`${TLS}.match[].port`]: 9000 }, mesh: virtualService('{hosts: [one, a.app.example], tls: [{match: [{port: 443, sniHosts: [a.app.example]}], route: [{destination: {host: other}}]}]}'), steps: [secret('one:443/', 'a.app.example', 'other-v1')], ignores: CIPHERED },
  { name: 'TLS goes to another port', covers: [`${TLS}.route[].destination.port.number`], without: { [`${TLS}.route[].destination.port.number`]: 443 }, mesh: virtualService('{hosts: [one, a.app.example], tls: [{match: [{port: 443, sniHosts: [a.app.example]}], route: [{destination: {host: one, port: {number: 9000}}}]}]}'), steps: [get('one:443/', { status: 200, seen: [{ port: 9000 }] }, { tls: { sni: 'a.app.example' } })], ignores: CIPHERED },
  { name: 'weights share TLS', covers: [`${TLS}.route[].weight`], without: { [`${TLS}.route[].weight`]: 1 }, mesh: [APP_SUBSETS, tls('sniHosts: [a.app.example]', '{destination: {host: app, subset: v1}, weight: 0}, {destination: {host: app, subset: v2}, weight: 100}')], steps: Array.from({ length: MANY }, () => secret('app:443/', 'a.app.example', 'app-v2')), ignores: CIPHERED },
];
