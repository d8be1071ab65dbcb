/** What the mesh configuration says for all proxies. Its fields are none of an object: what a scenario expects would not come true
 * without the field (mesh-fields.ts names the scenario of each). */
import { defaultMeshConfig, type MeshConfig } from '../../../src/api/mesh-config.ts';
import { gateway, get, object, outside, raw, talk, virtualService, type Scenario } from '../scenario.ts';
import { strangerCertificate } from '../lab/credentials.ts';

const proxies = (defaultConfig: Partial<MeshConfig['defaultConfig']>): Partial<MeshConfig> => ({ defaultConfig: { ...defaultMeshConfig().defaultConfig, ...defaultConfig } });
const GATEWAY = [gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}'), virtualService('{hosts: [shop.test], gateways: [gw], http: [{route: [{destination: {host: one}}]}]}')];

const ASKED = 'GET / HTTP/1.1\r\nhost: shop.test\r\n{id}\r\n\r\n';
const VERSION_2 = Buffer.from('0d0a0d0a000d0a515549540a2111000c0a0102030a60000111d70050', 'hex').toString('latin1');
const OUTSIDE = { from: 'world' } as const;

export const MESH_CONFIG: readonly Scenario[] = [
  {
    name: 'the mesh says that applications are called on their loopback', config: { inboundTrafficPolicy: { mode: 'LOCALHOST' } },
    steps: [get('server/', { status: 200, seen: [{ at: '127.0.0.1', port: 8080, headers: { 'x-forwarded-client-cert': /./ } }] })],
  },
  {
    name: 'the mesh says that hosts of unknown requests are looked up when they are called', ignores: ['log.details', 'log.sent'], config: { outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS' } }, apps: { 80: 'listens', 443: 'listens' },
    steps: [
      get('first.example/', { status: 200, seen: [{ at: '10.250.0.1' }], log: { cluster: 'AllowAnyDynamicDNSCluster', route: 'allow_any' } }, { at: '10.250.0.5:80' }),
      get('second.example/', { status: 200, seen: [{ at: '10.250.0.2' }] }, { at: '10.250.0.5:80' }),
      get('10.250.0.1/', { status: 200, seen: [{ at: '10.250.0.1' }] }, { at: '10.250.0.5:80' }),
      get('nobody.example/', { status: 503, body: 'DNS resolution failure', seen: [], log: { flags: 'DF' } }, { at: '10.250.0.5:80' }),
      get('one/', { status: 200, seen: [{ authority: 'one' }] }),
      get('second.example/', { status: 200, seen: [{ at: '10.250.0.1', port: 443 }], log: { cluster: 'PassthroughCluster' } }, { at: '10.250.0.1:443', tls: { sni: 'second.example' } }),
    ],
  },
  {
    name: 'the mesh says that hosts of unknown requests are called by TLS', ignores: ['log.details', 'log.sent'], config: { outboundTrafficPolicy: { mode: 'ALLOW_ANY_DYNAMIC_DNS', tls: { mode: 'SIMPLE', insecureSkipVerify: true } } }, apps: { 80: 'listens', 443: 'listens' },
    steps: [get('one/', { status: 200 }), get('second.example:443/', { status: 200, seen: [{ at: '10.250.0.2', port: 443, tls: { sni: 'second.example' } }], log: { cluster: 'AllowAnyDynamicDNSCluster' } }, { at: '10.250.0.5:80' })],
  },
  {
    name: 'the mesh says that headers for looking into it are left out', config: proxies({ proxyHeaders: { envoyDebugHeaders: { disabled: true } } }),
    mesh: virtualService('{hosts: [one], http: [{timeout: 5s, match: [{uri: {exact: /old}}], rewrite: {uri: /new, authority: other.test}, route: [{destination: {host: one}}]}]}'),
    steps: [get('one/old', { status: 200, headers: { 'x-envoy-upstream-service-time': null }, seen: [{ path: '/new', headers: { 'x-envoy-original-path': null, 'x-envoy-original-host': null, 'x-envoy-expected-rq-timeout-ms': null } }] })],
  },
  {
    name: 'the mesh says that tries are not counted', config: proxies({ proxyHeaders: { attemptCount: { disabled: true } } }), apps: { 80: 'listens' },
    steps: [get('one/', { status: 200, seen: [{ headers: { 'x-envoy-attempt-count': null } }] }), get('unknown.example/', { status: 200, seen: [{ headers: { 'x-envoy-attempt-count': null } }] }, { at: '10.250.0.1:80' })],
  },
  {
    name: 'the mesh says that a rewritten host is told of', config: proxies({ proxyHeaders: { xForwardedHost: { enabled: true } } }),
    mesh: virtualService('{hosts: [one], http: [{rewrite: {authority: other.test}, route: [{destination: {host: one}}]}]}'),
    steps: [get('one/', { status: 200, seen: [{ authority: 'other.test', headers: { 'x-forwarded-host': 'one' } }] })],
  },
  {
    name: 'the mesh says that gateways tell which port was called', config: proxies({ proxyHeaders: { xForwardedPort: { enabled: true } } }), mesh: GATEWAY,
    steps: [outside('shop.test/', { status: 200, seen: [{ headers: { 'x-forwarded-port': '8080' } }] }), outside('shop.test/', { status: 200, seen: [{ headers: { 'x-forwarded-port': '8080' } }] }, { headers: { 'x-forwarded-port': '1' } })],
  },
  {
    name: 'the mesh says that gateways are behind proxies that tell who calls', config: proxies({ gatewayTopology: { proxyProtocol: {} } }), mesh: GATEWAY,
    steps: [
      raw('shop.test/', `PROXY TCP4 192.0.2.7 192.0.2.8 4567 80\r\n${ASKED}`, { status: 200, seen: [{ headers: { 'x-forwarded-for': '192.0.2.7', 'x-envoy-external-address': '192.0.2.7' } }] }, OUTSIDE),
      raw('shop.test/', `PROXY UNKNOWN\r\n${ASKED}`, { status: 200, seen: [{ headers: { 'x-forwarded-for': /^10\./ } }] }, OUTSIDE),
      raw('shop.test/', `${VERSION_2}${ASKED}`, { status: 200, seen: [{ headers: { 'x-forwarded-for': '10.1.2.3' } }] }, OUTSIDE),
      raw('shop.test/', ASKED, { status: 0, end: 'reset' }, OUTSIDE),
    ],
  },
  {
    name: 'the mesh says that names of headers keep their case', config: proxies({ proxyHeaders: { preserveHttp1HeaderCase: true, envoyDebugHeaders: { disabled: true } } }),
    steps: [talk('server:80', [{ send: 'GET / HTTP/1.1\r\nhost: server\r\nconnection: close\r\nX-App: {"headers":{"X-BaCk":"1"}}\r\n\r\n' }, { untilEnd: true }], { received: /^HTTP\/1\.1 200 OK\r\n(.*\r\n)*X-BaCk: 1\r\n/, end: 'closed' })],
  },
  {
    name: 'the mesh’s own TLS can be 1.3 and no less', config: { meshMTLS: { minProtocolVersion: 'TLSV1_3' } },
    mesh: [object('security.istio.io/v1', 'PeerAuthentication', { spec: 'mtls: {mode: STRICT}', name: 'default', namespace: 'default' })],
    steps: [
      get('server/', { status: 200 }),
      get('server/', { status: 0, end: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }, { from: 'world', at: '10.244.1.10:8080', tls: { certificate: strangerCertificate(), maxVersion: 'TLSv1.2' } }),
    ],
  },
];
