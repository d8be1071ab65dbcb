/** Services that Kubernetes does not know. Outside hosts are 10.250.0.1 and up; what is not known is refused. */
import { change, destinationRule, get, object, serviceEntry, talk, virtualService, type Scenario } from '../scenario.ts';

const KNOWN_ONLY = { outboundTrafficPolicy: { mode: 'REGISTRY_ONLY' as const } };
const FIRST = '10.250.0.1';
const SECOND = '10.250.0.2';
const REFUSED = { status: 502, body: '' };
const HTTP = '{number: 80, name: http, protocol: HTTP}';
const echo = (to: string, at: string | undefined, received: string | RegExp) => talk(to, [{ send: 'hi' }, { until: 'hi' }], { received }, at === undefined ? {} : { at });
const closed = (to: string, at: string) => talk(to, [{ untilEnd: true }], { received: '', end: 'closed' }, { at });
const workloadEntry = (name: string, spec: string) => object('networking.istio.io/v1', 'WorkloadEntry', { name, namespace: 'default', spec });

export const SERVICE_ENTRY: readonly Scenario[] = [
  {
    name: 'DYNAMIC_DNS looks up the host of a request, and the name that a TLS client asks for', ignores: ['log.details', 'log.sent'], covers: ['ServiceEntry.resolution'], without: { 'ServiceEntry.resolution': 'NONE' },
    mesh: serviceEntry('{hosts: ["*.example"], location: MESH_EXTERNAL, resolution: DYNAMIC_DNS, ports: [{number: 80, name: http, protocol: HTTP}, {number: 443, name: tls, protocol: TLS}]}'),
    steps: [
      get('first.example/', { status: 200, body: /./, seen: [{ at: '10.250.0.1' }] }, { at: '10.250.0.5:80' }),
      get('second.example/', { status: 200, seen: [{ at: '10.250.0.2' }] }, { at: '10.250.0.5:80' }),
      get('nobody.example/', { status: 503, body: 'DNS resolution failure', seen: [], log: { flags: 'DF' } }, { at: '10.250.0.5:80' }),
      get('second.example/', { status: 200, seen: [{ at: '10.250.0.2', port: 443 }] }, { at: '10.250.0.5:443', tls: { sni: 'second.example' } }),
    ],
  },
  {
    name: 'an entry without resolution lets its host through to where the caller dialled', config: KNOWN_ONLY, covers: ['ServiceEntry.hosts[]', 'ServiceEntry.ports[]'], without: { 'ServiceEntry.hosts[]': ['other.example'], 'ServiceEntry.ports[]': [] },
    mesh: serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: NONE}`),
    steps: [get('a.example/x', { body: FIRST }, { at: `${FIRST}:80` }), get('a.example/x', { body: SECOND }, { at: `${SECOND}:80` }), get('b.example/x', REFUSED, { at: `${FIRST}:80` })],
  },
  {
    name: 'a wildcard host covers names below it and not itself', config: KNOWN_ONLY, covers: ['ServiceEntry.hosts[]'], without: { 'ServiceEntry.hosts[]': ['a.wild.example'] },
    mesh: serviceEntry(`{hosts: ["*.wild.example"], ports: [${HTTP}], resolution: NONE}`),
    steps: [get('a.wild.example/', { body: FIRST }, { at: `${FIRST}:80` }), get('b.a.wild.example/', { body: SECOND }, { at: `${SECOND}:80` }), get('wild.example/', REFUSED, { at: `${FIRST}:80` })],
  },
  {
    name: 'TLS passes by its server name, to hosts that an entry names', config: KNOWN_ONLY, ignores: ['log.sent', 'log.received'], covers: ['ServiceEntry.hosts[]', 'ServiceEntry.ports[].protocol'], without: { 'ServiceEntry.hosts[]': ['other.example'], 'ServiceEntry.ports[].protocol': 'TCP' },
    mesh: serviceEntry('{hosts: ["*.wild.example", a.example], ports: [{number: 443, name: tls, protocol: TLS}], resolution: NONE}'),
    steps: [
      get('a.example/', { body: FIRST, seen: [{ tls: { sni: 'a.example' } }] }, { at: `${FIRST}:443`, tls: { sni: 'a.example' } }),
      get('b.wild.example/', { body: SECOND, seen: [{ tls: { sni: 'b.wild.example' } }] }, { at: `${SECOND}:443`, tls: { sni: 'b.wild.example' } }),
      get('c.example/', { status: 0, end: 'ECONNRESET' }, { at: `${FIRST}:443`, tls: { sni: 'c.example' } }),
    ],
  },
  {
    name: 'an address stands for the host of an entry', config: KNOWN_ONLY, covers: ['ServiceEntry.addresses[]'], without: { 'ServiceEntry.addresses[]': ['10.251.0.2'] },
    mesh: serviceEntry(`{hosts: [db.example], addresses: [10.251.0.1], ports: [{number: 9000, name: tcp, protocol: TCP}], resolution: STATIC, endpoints: [{address: ${FIRST}}]}`),
    steps: [echo('db.example:9000', '10.251.0.1:9000', `${FIRST}:hi`), closed('db.example:9000', `${SECOND}:9000`)],
  },
  {
    name: 'a range of addresses stands for the host of an entry', config: KNOWN_ONLY, covers: ['ServiceEntry.addresses[]'], without: { 'ServiceEntry.addresses[]': ['10.252.0.0/16'] },
    mesh: serviceEntry(`{hosts: [net.example], addresses: [10.251.0.0/16], ports: [{number: 9000, name: tcp, protocol: TCP}], resolution: STATIC, endpoints: [{address: ${FIRST}}]}`),
    steps: [echo('net.example:9000', '10.251.7.7:9000', `${FIRST}:hi`), closed('net.example:9000', `${SECOND}:9000`)],
  },
  {
    name: 'calls to a range without resolution go where they were dialled', config: KNOWN_ONLY, covers: ['ServiceEntry.resolution'],
    mesh: serviceEntry('{hosts: [net.example], addresses: [10.250.0.0/16], ports: [{number: 9000, name: tcp, protocol: TCP}], resolution: NONE}'),
    without: { 'ServiceEntry.resolution': 'STATIC' },
    steps: [echo('net.example:9000', `${SECOND}:9000`, `${SECOND}:hi`)],
  },
  {
    name: 'two entries on one TCP port are told by their addresses', config: KNOWN_ONLY, covers: ['ServiceEntry.endpoints[].address'], without: { 'ServiceEntry.endpoints[].address': '10.250.0.3' },
    mesh: [
      serviceEntry(`{hosts: [one-db.example], addresses: [10.251.0.1], ports: [{number: 9000, name: tcp, protocol: TCP}], resolution: STATIC, endpoints: [{address: ${FIRST}}]}`, 'a'),
      serviceEntry(`{hosts: [two-db.example], addresses: [10.251.0.2], ports: [{number: 9000, name: mongo, protocol: MONGO}], resolution: STATIC, endpoints: [{address: ${SECOND}}]}`, 'b'),
    ],
    steps: [echo('x:9000', '10.251.0.1:9000', `${FIRST}:hi`), echo('x:9000', '10.251.0.2:9000', `${SECOND}:hi`)],
  },
  {
    name: 'an entry’s port has a target port, and an endpoint a port of its own', covers: ['ServiceEntry.ports[].targetPort', 'ServiceEntry.endpoints[].ports{}'],
    mesh: serviceEntry(`{hosts: [a.example], ports: [{number: 81, name: http, protocol: HTTP, targetPort: 8081}, {number: 82, name: http-two, protocol: HTTP}], resolution: STATIC, endpoints: [{address: ${FIRST}, ports: {http-two: 8082}}]}`),
    steps: [get('a.example:81/', { body: FIRST, seen: [{ port: 8081 }] }, { at: `${SECOND}:81` }), get('a.example:82/', { body: FIRST, seen: [{ port: 8082 }] }, { at: `${SECOND}:82` })],
  },
  {
    name: 'the weights of endpoints are obeyed', covers: ['ServiceEntry.endpoints[].weight'],
    mesh: serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: STATIC, endpoints: [{address: ${FIRST}, weight: 90}, {address: ${SECOND}, weight: 10}]}`),
    steps: [get('a.example/', { shares: { [FIRST]: 0.9, [SECOND]: 0.1 } }, { at: '10.250.0.3:80', times: 120 })],
  },
  {
    name: 'the labels of endpoints make subsets', covers: ['ServiceEntry.endpoints[].labels{}'],
    mesh: [
      serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: STATIC, endpoints: [{address: ${FIRST}, labels: {version: v1}}, {address: ${SECOND}, labels: {version: v2}}]}`),
      destinationRule('{host: a.example, subsets: [{name: v2, labels: {version: v2}}]}'),
      virtualService('{hosts: [a.example], http: [{route: [{destination: {host: a.example, subset: v2}}]}]}'),
    ],
    steps: [get('a.example/', { shares: { [SECOND]: 1 } }, { at: '10.250.0.3:80', times: 10 })],
  },
  {
    name: 'the locality of endpoints is where they are', covers: ['ServiceEntry.endpoints[].locality'],
    mesh: [
      serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: STATIC, endpoints: [{address: ${FIRST}, locality: here/a}, {address: ${SECOND}, locality: there/b}]}`),
      destinationRule('{host: a.example, trafficPolicy: {loadBalancer: {localityLbSetting: {enabled: true, distribute: [{from: "*", to: {there/b: 100}}]}}}}'),
    ],
    steps: [get('a.example/', { shares: { [SECOND]: 1 } }, { at: '10.250.0.3:80', times: 30 })],
  },
  {
    name: 'a DNS name is resolved, and all its addresses take turns', covers: ['ServiceEntry.resolution'], without: { 'ServiceEntry.resolution': 'DNS_ROUND_ROBIN' },
    mesh: [serviceEntry(`{hosts: [both.example], ports: [${HTTP}], resolution: DNS}`), destinationRule('{host: both.example, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}')],
    steps: [get('both.example/', { shares: { [FIRST]: 0.5, [SECOND]: 0.5 } }, { at: '10.250.0.3:80', times: 200 })],
  },
  {
    name: 'of DNS_ROUND_ROBIN one address stands for the name', covers: ['ServiceEntry.resolution'], without: { 'ServiceEntry.resolution': 'NONE' },
    mesh: serviceEntry(`{hosts: [first.example], ports: [${HTTP}], resolution: DNS_ROUND_ROBIN}`),
    steps: [get('first.example/', { shares: { [FIRST]: 1 } }, { at: '10.250.0.3:80', times: 10 })],
  },
  {
    name: 'endpoints may be DNS names, also for a wildcard host', covers: ['ServiceEntry.endpoints[]'], without: { 'ServiceEntry.endpoints[]': [{ address: 'first.example' }] },
    mesh: serviceEntry(`{hosts: ["*.wild.example"], ports: [${HTTP}], resolution: DNS, endpoints: [{address: second.example}]}`),
    steps: [get('a.wild.example/', { body: SECOND, seen: [{ authority: 'a.wild.example' }] }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'a selector finds machines, with their own ports, labels and accounts', covers: ['ServiceEntry.workloadSelector.labels{}', 'WorkloadEntry.address', 'WorkloadEntry.labels{}', 'WorkloadEntry.ports{}'],
    without: { 'ServiceEntry.workloadSelector.labels{}': { app: 'nobody' }, 'WorkloadEntry.address': '10.250.0.3', 'WorkloadEntry.labels{}': {} },
    mesh: [
      serviceEntry(`{hosts: [vms.example], location: MESH_INTERNAL, ports: [${HTTP}], resolution: STATIC, workloadSelector: {labels: {app: vm}}}`),
      workloadEntry('vm-1', `{address: ${FIRST}, labels: {app: vm}, ports: {http: 8081}}`),
      workloadEntry('vm-2', `{address: ${SECOND}, labels: {app: else}}`),
    ],
    steps: [get('vms.example/', { body: FIRST, seen: [{ port: 8081 }] }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'a selector finds pods', covers: ['ServiceEntry.workloadSelector'], without: { 'ServiceEntry.workloadSelector': { labels: { app: 'nobody' } } },
    mesh: serviceEntry('{hosts: [pods.example], location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, workloadSelector: {labels: {app: one}}}'),
    steps: [get('pods.example/', { body: 'one-v1' }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'a service of the mesh is called with mutual TLS where a proxy is, one outside of it in the clear', covers: ['ServiceEntry.location', 'WorkloadEntry.labels{}'], without: { 'WorkloadEntry.labels{}': { app: 'vm', 'security.istio.io/tlsMode': 'disabled' } },
    mesh: [
      serviceEntry('{hosts: [vms.example], location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, workloadSelector: {labels: {app: vm}}}'),
      workloadEntry('vm-1', '{address: 10.244.1.10, labels: {app: vm, "security.istio.io/tlsMode": istio}, serviceAccount: server}'),
    ],
    steps: [get('vms.example/', { body: 'server', seen: [{ headers: { 'x-forwarded-client-cert': /URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/client/ } }] }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'a machine with an account is called with mutual TLS, and that is the name that its certificate must have', covers: ['WorkloadEntry.serviceAccount'], without: { 'WorkloadEntry.serviceAccount': 'somebody-else' },
    mesh: [
      serviceEntry('{hosts: [vms.example], location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, workloadSelector: {labels: {app: vm}}}'),
      workloadEntry('vm-1', '{address: 10.244.1.10, labels: {app: vm}, serviceAccount: server}'),
    ],
    steps: [get('vms.example/', { body: 'server', seen: [{ headers: { 'x-forwarded-client-cert': /URI=spiffe:\/\/cluster.local\/ns\/default\/sa\/client/ } }] }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'the names that an entry gives must be in the server’s certificate', covers: ['ServiceEntry.subjectAltNames[]'], without: { 'ServiceEntry.subjectAltNames[]': ['spiffe://cluster.local/ns/default/sa/nobody'] },
    mesh: [
      serviceEntry('{hosts: [vms.example], location: MESH_INTERNAL, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8080}], resolution: STATIC, subjectAltNames: ["spiffe://cluster.local/ns/default/sa/server"], endpoints: [{address: 10.244.1.10, labels: {"security.istio.io/tlsMode": istio}}]}'),
    ],
    steps: [get('vms.example/', { body: 'server' }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'an entry that is not exported is not known elsewhere', config: KNOWN_ONLY, covers: ['ServiceEntry.exportTo[]'],
    mesh: serviceEntry(`{hosts: [a.example], exportTo: ["."], ports: [${HTTP}], resolution: NONE}`, 'se', 'far'),
    steps: [get('a.example/', REFUSED, { at: `${FIRST}:80` })],
  },
  {
    name: 'of entries for one host the client’s namespace has the first word', covers: ['ServiceEntry.endpoints[].address'], without: { 'ServiceEntry.endpoints[].address': '10.250.0.3' },
    mesh: [serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: STATIC, endpoints: [{address: ${SECOND}}]}`, 'se', 'far'), serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: STATIC, endpoints: [{address: ${FIRST}}]}`)],
    steps: [get('a.example/', { shares: { [FIRST]: 1 } }, { at: '10.250.0.4:80', times: 10 })],
  },
  {
    name: 'plain HTTP leaves as TLS when a rule says so', covers: ['ServiceEntry.ports[].targetPort', 'DestinationRule.trafficPolicy.portLevelSettings[].tls'],
    mesh: [
      serviceEntry(`{hosts: [first.example], ports: [{number: 80, name: http, protocol: HTTP, targetPort: 8443}], resolution: DNS}`),
      destinationRule('{host: first.example, trafficPolicy: {portLevelSettings: [{port: {number: 80}, tls: {mode: SIMPLE, insecureSkipVerify: true}}]}}'),
    ],
    steps: [get('first.example/', { body: FIRST, seen: [{ port: 8443, tls: { sni: 'first.example' } }] }, { at: '10.250.0.3:80' })],
  },
  {
    name: 'an entry that comes and goes', config: KNOWN_ONLY, mesh: [],
    steps: [
      closed('a.example:80', `${FIRST}:80`),
      change(serviceEntry(`{hosts: [a.example], ports: [${HTTP}], resolution: NONE}`)),
      get('a.example/', { body: FIRST }, { at: `${FIRST}:80` }),
      change('', ['ServiceEntry/se']),
      closed('a.example:80', `${FIRST}:80`),
    ],
  },
  {
    name: 'ports are told by their names and numbers', covers: ['ServiceEntry.ports[].name', 'ServiceEntry.ports[].number'], without: { 'ServiceEntry.ports[].name': 'renamed', 'ServiceEntry.ports[].number': 83 },
    mesh: serviceEntry(`{hosts: [a.example], ports: [{number: 82, name: special, protocol: HTTP}], resolution: STATIC, endpoints: [{address: ${FIRST}, ports: {special: 8082}}]}`),
    steps: [get('a.example:82/', { body: FIRST, seen: [{ port: 8082 }] }, { at: `${SECOND}:82` })],
  },
];
