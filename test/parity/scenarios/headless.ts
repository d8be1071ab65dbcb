/** Services without an address, aliases, and calls to pods. The server's pod plays several: 10.244.1.10 to .13. */
import { get, object, talk, virtualService, type Scenario } from '../scenario.ts';

const service = (name: string, spec: string) => object('v1', 'Service', { name, namespace: 'default', spec });
const echo = (to: string, at: string, received: string | RegExp) => talk(to, [{ send: 'hi, you\n' }, { until: 'you' }], { received }, { at });
const headless = (ports: string, selector = 'server') => service('set', `{clusterIP: None, selector: {app: ${selector}}, ports: ${ports}}`);
const peer = /URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/client/;
const strict = object('security.istio.io/v1', 'PeerAuthentication', { name: 'default', namespace: 'default', spec: '{mtls: {mode: STRICT}}' });

export const HEADLESS: readonly Scenario[] = [
  { name: 'a pod of a headless TCP service is called with mutual TLS', mesh: [headless('[{name: tcp-x, port: 9000}]'), strict], steps: [echo('set:9000', '10.244.1.10:9000', 'server:hi, you\n')] },
  { name: 'a pod of a headless HTTP service, by its address', mesh: [headless('[{name: http, port: 8080}]'), strict], steps: [get('10.244.1.10:8080/', { body: 'server', seen: [{ headers: { 'x-forwarded-client-cert': peer } }] })] },
  { name: 'a pod of a headless HTTP service, by its own name', mesh: [headless('[{name: http, port: 8080}]'), strict], steps: [get('server-0.set:8080/', { body: 'server', seen: [{ headers: { 'x-forwarded-client-cert': peer } }] }, { at: '10.244.1.10:8080' })] },
  { name: 'a headless service by its name', mesh: [headless('[{name: http, port: 8080}]'), strict], steps: [get('set:8080/', { body: 'server' }, { at: '10.244.1.10:8080' })] },
  { name: 'HTTP and bytes to a headless service of unknown protocol', mesh: headless('[{name: x, port: 8000}]', 'one'), steps: [get('set:8000/', { body: 'one-v1' }, { at: '10.244.3.5:8000' }), echo('set:8000', '10.244.3.5:8000', 'one-v1:hi, you\n')] },
  { name: 'a headless TCP service beside an HTTP service on one port', mesh: [service('set', '{clusterIP: None, selector: {app: one}, ports: [{name: tcp-x, port: 8080}]}'), service('web', '{clusterIP: 10.96.0.40, selector: {app: other}, ports: [{name: http, port: 8080}]}')],
    steps: [echo('set:8080', '10.244.3.5:8080', 'one-v1:hi, you\n'), get('web:8080/', { body: 'other-v1' }, { at: '10.96.0.40:8080' })] },
  { name: 'routes hold for a pod that is called by its address', mesh: [headless('[{name: http, port: 8080}]', 'one'), virtualService('{hosts: [set], http: [{headers: {request: {set: {x-routed: "yes"}}}, route: [{destination: {host: set}}]}]}')],
    steps: [get('10.244.3.5:8080/', { body: 'one-v1', seen: [{ headers: { 'x-routed': 'yes' } }] })] },
  { name: 'a pod of a service with an address, by the pod’s address', mesh: '# one', steps: [get('10.244.3.5:8080/', { body: 'one-v1', log: { cluster: 'PassthroughCluster' } })] },
  { name: 'an external name leads to the service that it names', mesh: [service('alias', '{type: ExternalName, externalName: one.default.svc.cluster.local, ports: [{name: http, port: 80}]}')], steps: [get('alias/', { body: 'one-v1' }, { at: '10.96.0.13:80' })] },
  { name: 'an external IP of a service', mesh: [service('ext', '{clusterIP: 10.96.0.41, externalIPs: [10.251.0.7], selector: {app: one}, ports: [{name: tcp-x, port: 9000}]}')], steps: [echo('ext:9000', '10.251.0.7:9000', 'one-v1:hi, you\n')] },
  { name: 'one service with several ports', mesh: [service('many', '{clusterIP: 10.96.0.42, selector: {app: one}, ports: [{name: http, port: 81, targetPort: 8080}, {name: tcp-x, port: 82, targetPort: 9000}, {name: x, port: 83, targetPort: 8000}]}')],
    steps: [get('many:81/', { body: 'one-v1', seen: [{ port: 8080 }] }), echo('many:82', '10.96.0.42:82', 'one-v1:hi, you\n'), get('many:83/', { body: 'one-v1', seen: [{ port: 8000 }] })] },
  { name: 'appProtocol says what the name does not', mesh: [service('said', '{clusterIP: 10.96.0.43, selector: {app: one}, ports: [{name: tcp-x, appProtocol: http, port: 81, targetPort: 8080}, {name: http, appProtocol: tcp, port: 82, targetPort: 8080}, {name: x, appProtocol: kubernetes.io/h2c, port: 83, targetPort: 8080}]}')],
    steps: [get('said:81/', { body: 'one-v1', log: { route: 'default' } }), get('said:82/', { body: 'one-v1', log: { route: null } }), get('said:83/', { body: 'one-v1', seen: [{ protocol: 'HTTP/2' }] })] },
  { name: 'the workload calls its own service', mesh: '# client', steps: [get('client/', { body: /./, seen: [{ headers: { 'x-forwarded-client-cert': peer } }] })] },
];
