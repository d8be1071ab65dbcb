/** What stands at the edge of the mesh: ports, hosts, certificates. */
import { clientCertificate, files, rootPem, secret, serverCertificate, strangerCertificate, tlsSecret } from '../lab/credentials.ts';
import { destinationRule, gateway, get, outside, serviceEntry, talk, virtualService, type AskOptions, type Scenario } from '../scenario.ts';

const server = (fields: string, name = 'http') => `{port: {number: 80, name: ${name}, protocol: HTTP}, hosts: ["*"]${fields}}`;
const edge = (...servers: string[]) => gateway(`{selector: {istio: ingressgateway}, servers: [${servers.join(', ')}]}`);
const to = (host: string, destination: string, name = 'vs') => virtualService(`{hosts: ["${host}"], gateways: [gw], http: [{route: [{destination: {host: ${destination}}}]}]}`, name);
const https = (tls: string, hosts = '["*"]', name = 'https') => `{port: {number: 443, name: ${name}, protocol: HTTPS}, hosts: ${hosts}, tls: {${tls}}}`;

const SHOP = serverCertificate('shop.test', '*.shop.test');
const CREDENTIAL = tlsSecret('shop', SHOP);
const CLIENT = clientCertificate('client.test');
const FILES = files({ 'cert.pem': SHOP.certificatePem, 'key.pem': SHOP.keyPem, 'ca.pem': rootPem });
const secure = (more: AskOptions['tls'] = {}): AskOptions => ({ tls: { sni: 'shop.test', ...more } });
const NO_TLS = { status: 0, seen: [] } as const;
const TO_ONE = to('*', 'one');
const field = (name: string) => `Gateway.servers[].${name}`;

export const GATEWAY: readonly Scenario[] = [
  {
    name: 'AUTO_PASSTHROUGH leads to the service that SNI names, and the mesh’s mutual TLS goes through',
    mesh: [
      edge('{port: {number: 15443, name: tls, protocol: TLS}, hosts: ["*.local"], tls: {mode: AUTO_PASSTHROUGH}}'),
      serviceEntry('{hosts: [remote.example], location: MESH_INTERNAL, addresses: [10.97.0.9], resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP, targetPort: 15443}], endpoints: [{address: 10.244.2.10, labels: {security.istio.io/tlsMode: istio}}]}'),
      destinationRule('{host: remote.example, trafficPolicy: {tls: {mode: ISTIO_MUTUAL, sni: outbound_.80_._.server.default.svc.cluster.local}}}'),
    ],
    steps: [
      get('remote.example/', { status: 200, body: 'server', seen: [{ headers: { 'x-forwarded-client-cert': /URI=spiffe:\/\/cluster\.local\/ns\/default\/sa\/client/ } }] }),
    ],
  },
  { name: 'a Gateway serves where its selector points', covers: ['Gateway.selector{}'], mesh: [gateway(`{selector: {istio: elsewhere}, servers: [${server('')}]}`), TO_ONE], steps: [outside('shop.test/x', { status: 0, end: 'ECONNREFUSED' })] },
  {
    name: 'a Gateway’s hosts limit what is served',
    covers: [field('hosts[]'), field('port.number'), field('port.protocol'), field('port.name')],
    mesh: [edge('{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*.shop.test", "default/two.test", "far/three.test"]}'), to('*', 'one')],
    steps: [outside('a.shop.test/x', { status: 200, body: 'one-v1' }), outside('a.shop.test:8080/x', { status: 200 }), outside('two.test/x', { status: 200 }), outside('three.test/x', { status: 404 }), outside('shop.test/x', { status: 404 })],
  },
  { name: 'bind chooses the address', covers: [field('bind')], mesh: [edge(server(', bind: 127.0.0.1')), TO_ONE], steps: [outside('shop.test/x', { status: 0, end: 'ECONNREFUSED' })] },
  { name: 'a plain request is sent to https', covers: [field('tls.httpsRedirect')], mesh: [edge(server(', tls: {httpsRedirect: true}')), TO_ONE], steps: [outside('shop.test/x?y=1', { status: 301, headers: { location: 'https://shop.test/x?y=1' } }), outside('shop.test:80/x', { status: 301 })] },
  {
    name: 'HTTPS with a credential',
    covers: [field('tls.mode'), field('tls.credentialName')],
    mesh: [CREDENTIAL, edge(https('mode: SIMPLE, credentialName: shop')), TO_ONE],
    steps: [
      outside('shop.test/x', { status: 200, body: 'one-v1', seen: [{ headers: { 'x-forwarded-proto': 'https' } }] }, secure()),
      outside('shop.test/x', { status: 200, seen: [{ protocol: 'HTTP/1.1' }] }, { ...secure({ alpn: ['h2'] }), version: 2 }),
    ],
  },
  { name: 'HTTPS with a generic credential', mesh: [secret('shop', { cert: SHOP.certificatePem, key: SHOP.keyPem }), edge(https('mode: SIMPLE, credentialName: shop')), TO_ONE], steps: [outside('shop.test/x', { status: 200 }, secure())] },
  { name: 'HTTPS with two credentials', covers: [field('tls.credentialNames[]')], mesh: [CREDENTIAL, tlsSecret('more', serverCertificate('more.test')), edge(https('mode: SIMPLE, credentialNames: [shop, more]')), TO_ONE], steps: [outside('shop.test/x', { status: 200 }, secure())] },
  {
    name: 'MUTUAL asks for a certificate that its roots vouch for',
    mesh: [tlsSecret('shop', SHOP, { 'ca.crt': rootPem }), edge(https('mode: MUTUAL, credentialName: shop')), TO_ONE],
    steps: [
      outside('shop.test/x', { status: 200, seen: [{ headers: { 'x-forwarded-client-cert': /DNS=client\.test/ } }] }, secure({ certificate: CLIENT })),
      outside('shop.test/x', { ...NO_TLS, end: 'ERR_SSL_TLSV1_ALERT_UNKNOWN_CA' }, secure({ certificate: strangerCertificate() })),
    ],
  },
  { name: 'MUTUAL with roots in a Secret of their own', covers: [field('tls.caCertCredentialName')], mesh: [CREDENTIAL, secret('roots', { 'ca.crt': rootPem }), edge(https('mode: MUTUAL, credentialName: shop, caCertCredentialName: roots')), TO_ONE], steps: [outside('shop.test/x', { status: 200 }, secure({ certificate: CLIENT }))] },
  { name: 'MUTUAL with roots beside the credential', mesh: [CREDENTIAL, secret('shop-cacert', { 'ca.crt': rootPem }), edge(https('mode: MUTUAL, credentialName: shop')), TO_ONE], steps: [outside('shop.test/x', { status: 200 }, secure({ certificate: CLIENT }))] },
  { name: 'OPTIONAL_MUTUAL takes clients without a certificate', mesh: [tlsSecret('shop', SHOP, { 'ca.crt': rootPem }), edge(https('mode: OPTIONAL_MUTUAL, credentialName: shop')), TO_ONE], steps: [outside('shop.test/x', { status: 200, seen: [{ headers: { 'x-forwarded-client-cert': null } }] }, secure()), outside('shop.test/x', { status: 200, seen: [{ headers: { 'x-forwarded-client-cert': /DNS=client\.test/ } }] }, secure({ certificate: CLIENT }))] },
  { name: 'HTTPS with files', covers: [field('tls.serverCertificate'), field('tls.privateKey')], mesh: [edge(https(`mode: SIMPLE, serverCertificate: ${FILES['cert.pem']}, privateKey: ${FILES['key.pem']}`)), TO_ONE], steps: [outside('shop.test/x', { status: 200 }, secure())] },
  { name: 'MUTUAL with files', covers: [field('tls.caCertificates')], mesh: [edge(https(`mode: MUTUAL, serverCertificate: ${FILES['cert.pem']}, privateKey: ${FILES['key.pem']}, caCertificates: ${FILES['ca.pem']}`)), TO_ONE], steps: [outside('shop.test/x', { status: 200 }, secure({ certificate: CLIENT }))] },
  { name: 'a client’s names can be limited', covers: [field('tls.subjectAltNames[]')], mesh: [tlsSecret('shop', SHOP, { 'ca.crt': rootPem }), edge(https('mode: MUTUAL, credentialName: shop, subjectAltNames: [other.test]')), TO_ONE], steps: [outside('shop.test/x', { ...NO_TLS, end: 'ERR_SSL_SSL/TLS_ALERT_CERTIFICATE_UNKNOWN' }, secure({ certificate: CLIENT }))] },
  { name: 'the lowest TLS version', covers: [field('tls.minProtocolVersion')], mesh: [CREDENTIAL, edge(https('mode: SIMPLE, credentialName: shop, minProtocolVersion: TLSV1_3')), TO_ONE], steps: [outside('shop.test/x', { ...NO_TLS, end: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }, secure({ maxVersion: 'TLSv1.2' }))] },
  { name: 'the highest TLS version', covers: [field('tls.maxProtocolVersion')], mesh: [CREDENTIAL, edge(https('mode: SIMPLE, credentialName: shop, maxProtocolVersion: TLSV1_2')), TO_ONE], steps: [outside('shop.test/x', { ...NO_TLS, end: 'ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION' }, secure({ minVersion: 'TLSv1.3' }))] },
  { name: 'cipher suites', covers: [field('tls.cipherSuites[]')], mesh: [CREDENTIAL, edge(https('mode: SIMPLE, credentialName: shop, cipherSuites: [ECDHE-RSA-AES256-GCM-SHA384]')), TO_ONE], steps: [outside('shop.test/x', { ...NO_TLS, end: 'ERR_SSL_SSL/TLS_ALERT_HANDSHAKE_FAILURE' }, secure({ maxVersion: 'TLSv1.2' })), outside('shop.test/x', { status: 200 }, secure())] },
  {
    name: 'a host of another server is misdirected, one of nobody is not found',
    mesh: [CREDENTIAL, edge(https('mode: SIMPLE, credentialName: shop', '["a.shop.test"]', 'a'), https('mode: SIMPLE, credentialName: shop', '["b.shop.test"]', 'b')), to('*', 'one')],
    steps: [
      outside('a.shop.test/x', { status: 200 }, { tls: { sni: 'a.shop.test', alpn: ['h2'] }, version: 2 }),
      outside('b.shop.test/x', { status: 421 }, { tls: { sni: 'a.shop.test', alpn: ['h2'] }, version: 2 }),
      outside('c.shop.test/x', { status: 404 }, { tls: { sni: 'a.shop.test', alpn: ['h2'] }, version: 2 }),
    ],
  },
  {
    name: 'TLS passes through by its server name',
    // Signatures within the handshake differ in length from one to the next.
    ignores: ['log.sent', 'log.received'],
    mesh: [edge('{port: {number: 443, name: tls, protocol: TLS}, hosts: ["*.shop.test"], tls: {mode: PASSTHROUGH}}'), virtualService('{hosts: ["a.shop.test"], gateways: [gw], tls: [{match: [{sniHosts: [a.shop.test]}], route: [{destination: {host: one, port: {number: 443}}}]}]}')],
    steps: [outside('a.shop.test/x', { status: 200, body: 'one-v1', seen: [{ tls: { sni: 'a.shop.test' } }] }, { tls: { sni: 'a.shop.test' } }), outside('b.shop.test/x', { status: 0, end: 'ECONNRESET' }, { tls: { sni: 'b.shop.test' } })],
  },
  {
    name: 'plain TCP at the gateway',
    mesh: [edge('{port: {number: 31400, name: tcp, protocol: TCP}, hosts: ["*"]}'), virtualService('{hosts: ["*"], gateways: [gw], tcp: [{route: [{destination: {host: one, port: {number: 9000}}}]}]}')],
    steps: [talk('shop.test:31400', [{ send: 'hi' }, { until: 'hi' }, { finish: true }, { untilEnd: true }], { received: 'one-v1:hione-v1:end', end: 'closed' }, { from: 'world' })],
  },
  {
    name: 'several Gateways at one gateway',
    mesh: [CREDENTIAL, edge(server('')), gateway(`{selector: {istio: ingressgateway}, servers: [${https('mode: SIMPLE, credentialName: shop')}, {port: {number: 80, name: more, protocol: HTTP}, hosts: [more.test]}]}`, 'second'), to('shop.test', 'one'), virtualService('{hosts: [more.test, shop.test], gateways: [second], http: [{route: [{destination: {host: other}}]}]}', 'second')],
    steps: [outside('shop.test/x', { body: 'one-v1' }), outside('more.test/x', { body: 'other-v1' }), outside('shop.test/x', { body: 'other-v1' }, secure())],
  },
  {
    name: 'a client of the mesh goes out by the gateway, which ends its mutual TLS',
    mesh: [
      edge('{port: {number: 443, name: mesh, protocol: HTTPS}, hosts: [out.test], tls: {mode: ISTIO_MUTUAL}}'),
      'apiVersion: networking.istio.io/v1\nkind: DestinationRule\nmetadata: {name: edge, namespace: default}\nspec: {host: istio-ingressgateway.istio-system.svc.cluster.local, trafficPolicy: {portLevelSettings: [{port: {number: 443}, tls: {mode: ISTIO_MUTUAL, sni: out.test}}]}}',
      'apiVersion: networking.istio.io/v1\nkind: ServiceEntry\nmetadata: {name: out, namespace: default}\nspec: {hosts: [out.test], ports: [{number: 80, name: http, protocol: HTTP}], resolution: STATIC, addresses: [240.0.0.9], endpoints: [{address: 10.250.0.1, ports: {http: 8080}}]}',
      virtualService('{hosts: [out.test], gateways: [mesh, gw], http: [{match: [{gateways: [mesh], port: 80}], route: [{destination: {host: istio-ingressgateway.istio-system.svc.cluster.local, port: {number: 443}}}]}, {match: [{gateways: [gw], port: 443}], route: [{destination: {host: out.test, port: {number: 80}}}]}]}'),
    ],
    steps: [get('out.test/x', { status: 200, seen: [{ authority: 'out.test', path: '/x' }] })],
  },
];
