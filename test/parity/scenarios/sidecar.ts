/** What a Sidecar object lets a workload see, and where its proxy listens. */
import { clientCertificate, files, rootPem, serverCertificate } from '../lab/credentials.ts';
import { get, object, serviceEntry, sidecar, talk, type Scenario } from '../scenario.ts';

const KNOWN_ONLY = { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' as const } };
const NOBODY = '10.250.0.1';
const KNOWN = 'outboundTrafficPolicy: {mode: REGISTRY_ONLY}';
const ONE = './one.default.svc.cluster.local';
const echo = (to: string, at: string | undefined, received: string | RegExp) => talk(to, [{ send: 'hi' }, { until: 'hi' }], { received }, at === undefined ? {} : { at });
/** On ports on which nobody in the client's pod listens. */
const BOUND = object('v1', 'Service', { name: 'bound', namespace: 'default', spec: '{clusterIP: 10.96.0.50, selector: {app: one}, ports: [{name: tcp-x, port: 9100, targetPort: 9000}, {name: http, port: 8100, targetPort: 8080}]}' });
const refused = { status: 502, body: '' };

const SERVER = serverCertificate('server.test');
const FILES = files({ 'cert.pem': SERVER.certificatePem, 'key.pem': SERVER.keyPem, 'ca.pem': rootPem });
const ownTls = (mode: string) => sidecar(`{workloadSelector: {labels: {app: server}}, ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: "0.0.0.0:8080", tls: {mode: ${mode}, serverCertificate: ${FILES['cert.pem']}, privateKey: ${FILES['key.pem']}, caCertificates: ${FILES['ca.pem']}}}]}`);
const NOT_THE_MESH = object('security.istio.io/v1', 'PeerAuthentication', { spec: '{selector: {matchLabels: {app: server}}, mtls: {mode: PERMISSIVE}, portLevelMtls: {8080: {mode: DISABLE}}}', name: 'off', namespace: 'default' });
const AT_POD = { from: 'world', at: '10.244.1.10:8080' } as const;

export const SIDECAR: readonly Scenario[] = [
  {
    name: 'TLS of a port’s own, for clients outside of the mesh', covers: ['Sidecar.ingress[].tls'], mesh: [ownTls('SIMPLE'), NOT_THE_MESH],
    steps: [get('server.test/', { status: 200, body: 'server' }, { ...AT_POD, tls: { sni: 'server.test' } })],
  },
  {
    name: 'TLS of a port’s own asks for certificates', covers: ['Sidecar.ingress[].tls'], mesh: [ownTls('MUTUAL'), NOT_THE_MESH],
    steps: [get('server.test/', { status: 200, seen: [{ headers: { 'x-forwarded-client-cert': /DNS=client\.test/ } }] }, { ...AT_POD, tls: { sni: 'server.test', certificate: clientCertificate('client.test') } })],
  },
  {
    name: 'what is unknown is let through, or refused', covers: ['Sidecar.outboundTrafficPolicy.mode'], without: { 'Sidecar.outboundTrafficPolicy.mode': 'ALLOW_ANY' },
    mesh: sidecar(`{${KNOWN}}`),
    steps: [get('one/', { body: 'one-v1' }), get('unknown.example/', { ...refused, log: { flags: '-', route: 'block_all' } }, { at: `${NOBODY}:80` }), talk('x:9999', [{ untilEnd: true }], { received: '', end: 'closed' }, { at: `${NOBODY}:9999` })],
  },
  {
    name: 'the mesh says what becomes of the unknown where nobody else does', config: KNOWN_ONLY,
    mesh: sidecar('{egress: [{hosts: ["*/*"]}]}'), covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['~/*'] },
    steps: [get('one/', { body: 'one-v1' }), get('unknown.example/', refused, { at: `${NOBODY}:80` })],
  },
  {
    name: 'only the hosts of the egress are seen', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['*/*'] },
    mesh: sidecar(`{${KNOWN}, egress: [{hosts: [${ONE}]}]}`),
    steps: [get('one/', { body: 'one-v1' }), get('other/', refused)],
  },
  {
    name: 'the own namespace, by a dot', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['far/*'] },
    mesh: sidecar(`{${KNOWN}, egress: [{hosts: ["./*"]}]}`),
    steps: [get('one/', { body: 'one-v1' }), get('app.far/', refused, { at: '10.96.0.12:80' })],
  },
  {
    name: 'nothing, by a tilde', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['./*'] },
    mesh: [sidecar(`{${KNOWN}, egress: [{hosts: ["~/*"]}]}`)],
    steps: [talk('one:80', [{ untilEnd: true }], { received: '', end: 'closed' })],
  },
  {
    name: 'a host of any namespace', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['*/other.default.svc.cluster.local'] },
    mesh: sidecar(`{${KNOWN}, egress: [{hosts: ["*/app.far.svc.cluster.local"]}]}`),
    steps: [get('app.far/', { body: 'app-far' }, { at: '10.96.0.12:80' }), get('one/', refused)],
  },
  {
    name: 'a listener for a port takes the port from the catch-all', covers: ['Sidecar.egress[].port.number'], without: { 'Sidecar.egress[].port.number': 8081 },
    mesh: sidecar(`{${KNOWN}, egress: [{port: {number: 80, protocol: HTTP, name: http}, hosts: [${ONE}]}, {hosts: ["./*"]}]}`),
    steps: [get('one/', { body: 'one-v1' }), get('other/', refused), echo('other:9000', undefined, 'other-v1:hi')],
  },
  {
    name: 'a listener says what its port speaks', covers: ['Sidecar.egress[].port.protocol'],
    mesh: sidecar(`{egress: [{port: {number: 8000, protocol: TCP, name: anything}, hosts: [${ONE}]}]}`),
    steps: [get('one:8000/', { body: 'one-v1', log: { route: null } })],
  },
  {
    name: 'a listener’s name says what its port speaks', covers: ['Sidecar.egress[].port.name'],
    mesh: sidecar(`{egress: [{port: {number: 8000, name: tcp-all}, hosts: [${ONE}]}]}`),
    steps: [get('one:8000/', { body: 'one-v1', log: { route: null } })],
  },
  {
    name: 'a listener of its own on the loopback', covers: ['Sidecar.egress[].captureMode', 'Sidecar.egress[].bind'], without: { 'Sidecar.egress[].captureMode': 'DEFAULT', 'Sidecar.egress[].bind': '127.0.0.9' },
    mesh: [BOUND, sidecar('{workloadSelector: {labels: {app: client}}, egress: [{port: {number: 9100, protocol: TCP, name: tcp}, bind: 127.0.0.7, captureMode: NONE, hosts: [./bound.default.svc.cluster.local]}, {hosts: ["./*"]}]}')],
    steps: [echo('bound:9100', '127.0.0.7:9100', 'one-v1:hi')],
  },
  {
    name: 'HTTP on a listener of its own is told by its host, and the unknown has nowhere to go', covers: ['Sidecar.egress[].captureMode'], without: { 'Sidecar.egress[].captureMode': 'DEFAULT' },
    mesh: [BOUND, sidecar('{workloadSelector: {labels: {app: client}}, egress: [{port: {number: 8100, protocol: HTTP, name: http}, captureMode: NONE, hosts: ["./*"]}, {hosts: ["./*"]}]}')],
    steps: [get('bound:8100/', { body: 'one-v1' }, { at: '127.0.0.1:8100' }), get('unknown.example:8100/', refused, { at: '127.0.0.1:8100' })],
  },
  {
    name: 'a listener for the calls of HTTP clients that use a proxy', mesh: sidecar('{workloadSelector: {labels: {app: client}}, egress: [{port: {number: 15080, protocol: HTTP_PROXY, name: proxy}, bind: 127.0.0.1, captureMode: NONE, hosts: ["./*"]}, {hosts: ["./*"]}]}'),
    covers: ['Sidecar.egress[].port.protocol'],
    steps: [get('one/', { body: 'one-v1' }, { at: '127.0.0.1:15080' }), get('one:8000/', { body: 'one-v1', seen: [{ port: 8000 }] }, { at: '127.0.0.1:15080' }), get('unknown.example/', refused, { at: '127.0.0.1:15080' })],
  },
  {
    name: 'what an egress listener binds takes captured calls to that address', covers: ['Sidecar.egress[].bind'],
    mesh: sidecar(`{workloadSelector: {labels: {app: client}}, ${KNOWN}, egress: [{port: {number: 9000, protocol: TCP, name: tcp}, bind: 10.251.0.9, hosts: [${ONE}]}]}`),
    steps: [echo('one:9000', '10.251.0.9:9000', 'one-v1:hi')],
  },
  {
    name: 'an object with a selector is for those workloads', covers: ['Sidecar.workloadSelector.labels{}'], without: { 'Sidecar.workloadSelector.labels{}': { app: 'server' } },
    mesh: [sidecar(`{${KNOWN}, workloadSelector: {labels: {app: client}}, egress: [{hosts: [${ONE}]}]}`, 'mine'), sidecar('{egress: [{hosts: ["./*"]}]}')],
    steps: [get('one/', { body: 'one-v1' }), get('other/', refused)],
  },
  {
    name: 'an object of the root namespace is for all that have none', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['*/*'] },
    mesh: sidecar(`{${KNOWN}, egress: [{hosts: ["*/one.default.svc.cluster.local"]}]}`, 'default', 'istio-system'),
    steps: [get('one/', { body: 'one-v1' }), get('other/', refused)],
  },
  {
    name: 'a namespace’s object takes the place of the mesh’s', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['*/one.default.svc.cluster.local'] },
    mesh: [sidecar(`{${KNOWN}, egress: [{hosts: ["*/one.default.svc.cluster.local"]}]}`, 'default', 'istio-system'), sidecar(`{${KNOWN}, egress: [{hosts: ["*/other.default.svc.cluster.local"]}]}`)],
    steps: [get('other/', { body: 'other-v1' }), get('one/', refused)],
  },
  {
    name: 'a hidden workload of the mesh is called with mutual TLS', ignores: ['log.sent'], covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['*/*'] },
    mesh: [sidecar('{workloadSelector: {labels: {app: client}}, egress: [{hosts: [./one.default.svc.cluster.local]}]}'), object('v1', 'Service', { name: 'set', namespace: 'default', spec: '{clusterIP: None, selector: {app: server}, ports: [{name: http, port: 8080}]}' })],
    steps: [get('set:8080/', { body: 'server', log: { cluster: 'MeshPassthroughCluster' }, seen: [{ headers: { 'x-forwarded-client-cert': /URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/client/ } }] }, { at: '10.244.1.10:8080' })],
  },
  {
    name: 'ingress says which ports there are and what they speak', covers: ['Sidecar.ingress[].port.protocol', 'Sidecar.ingress[]'], without: { 'Sidecar.ingress[].port.protocol': 'TCP', 'Sidecar.ingress[]': [] },
    mesh: sidecar('{workloadSelector: {labels: {app: server}}, ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: "127.0.0.1:8081"}]}'),
    apps: { 8081: 'listens' },
    steps: [get('server/', { body: /./, seen: [{ port: 8081, headers: { 'x-forwarded-client-cert': /./ } }] })],
  },
  {
    name: 'where ingress goes', covers: ['Sidecar.ingress[].defaultEndpoint'],
    mesh: sidecar('{workloadSelector: {labels: {app: server}}, ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: "0.0.0.0:8081"}]}'),
    apps: { 8081: 'listens' },
    steps: [get('server/', { body: 'server', seen: [{ port: 8081 }] })],
  },
  {
    name: 'ingress by the port’s number', covers: ['Sidecar.ingress[].port.number'], without: { 'Sidecar.ingress[].port.number': 8082 },
    mesh: sidecar('{workloadSelector: {labels: {app: server}}, ingress: [{port: {number: 8080, protocol: HTTP, name: http}, defaultEndpoint: "0.0.0.0:8081"}]}'),
    apps: { 8081: 'listens' },
    steps: [get('server/', { body: 'server', seen: [{ port: 8081 }] })],
  },
  {
    name: 'an entry that the scope leaves out is unknown', covers: ['Sidecar.egress[].hosts[]'], without: { 'Sidecar.egress[].hosts[]': ['./*'] },
    mesh: [sidecar(`{${KNOWN}, egress: [{hosts: [${ONE}]}]}`), serviceEntry('{hosts: [a.example], ports: [{number: 80, name: http, protocol: HTTP}], resolution: NONE}')],
    steps: [get('one/', { body: 'one-v1' }), get('a.example/', refused, { at: `${NOBODY}:80` })],
  },
  {
    name: 'a port of the workload on which its proxy listens itself', covers: ['Sidecar.ingress[].captureMode', 'Sidecar.ingress[].bind'], without: { 'Sidecar.ingress[].captureMode': 'DEFAULT' },
    mesh: sidecar('{workloadSelector: {labels: {app: server}}, ingress: [{port: {number: 9300, protocol: HTTP, name: http}, bind: 10.244.1.11, captureMode: NONE, defaultEndpoint: "127.0.0.1:8080"}]}'),
    steps: [get('10.244.1.11:9300/', { body: /./, seen: [{ port: 8080 }] }, { from: 'world', at: '10.244.1.11:9300' })],
  },
  {
    name: 'a port of the workload says by its name what it speaks', covers: ['Sidecar.ingress[].port.name'], without: { 'Sidecar.ingress[].port.name': 'tcp-x' },
    mesh: sidecar('{workloadSelector: {labels: {app: server}}, ingress: [{port: {number: 8080, name: http-x}, defaultEndpoint: "0.0.0.0:8080"}]}'),
    steps: [get('server/', { body: 'server' })],
  },
];
