/** What travels over a connection, declared or found out, and what each protocol may do. */
import { destinationRule, gateway, get, grpc, object, post, raw, talk, virtualService, type Scenario } from '../scenario.ts';

const authorization = (spec: string, name = 'authz') => object('security.istio.io/v1', 'AuthorizationPolicy', { spec, name, namespace: 'default' });
const GATEWAY = gateway('{selector: {istio: ingressgateway}, servers: [{port: {number: 80, name: http, protocol: HTTP}, hosts: ["*"]}]}');
const strict = object('security.istio.io/v1', 'PeerAuthentication', { spec: 'mtls: {mode: STRICT}', name: 'default', namespace: 'default' });
const DENY_SECRET = authorization('{selector: {matchLabels: {app: server}}, action: DENY, rules: [{to: [{operation: {paths: [/secret]}}]}]}');

export const PROTOCOLS: readonly Scenario[] = [
  {
    name: 'HTTP on a port of undeclared protocol is HTTP on both sides',
    mesh: [DENY_SECRET],
    steps: [
      get('server:8000/open', { status: 200, body: 'server', seen: [{ protocol: 'HTTP/1.1' }] }),
      get('server:8000/secret', { status: 403, body: 'RBAC: access denied' }),
      get('server:8000/open', { status: 200, seen: [{ protocol: 'HTTP/2' }] }, { version: 2 }),
      get('server:8000/secret', { status: 403 }, { version: 2 }),
    ],
  },
  {
    name: 'HTTP on a port of undeclared protocol is HTTP on both sides with STRICT',
    mesh: [strict, DENY_SECRET],
    steps: [get('server:8000/open', { status: 200 }), get('server:8000/secret', { status: 403 }), get('server:8000/secret', { status: 403 }, { version: 2 })],
  },
  {
    name: 'bytes on a port of undeclared protocol pass',
    steps: [talk('server:8000', [{ send: 'hello, you\n' }, { until: 'hello' }, { finish: true }, { untilEnd: true }], { received: 'server:hello, you\nserver:end', end: 'closed', seen: [{ bytes: 'hello, you\n', end: 'ended' }] })],
  },
  {
    name: 'bytes on a port of undeclared protocol pass with STRICT',
    mesh: [strict],
    steps: [talk('server:8000', [{ send: 'hello, you\n' }, { until: 'hello' }, { finish: true }, { untilEnd: true }], { received: 'server:hello, you\nserver:end', end: 'closed' })],
  },
  {
    name: 'a server that speaks first is heard on a declared port, with STRICT too',
    mesh: [strict],
    apps: { 9000: 'greets' },
    steps: [talk('server:9000', [{ until: 'ready' }, { send: 'EHLO\n' }, { until: 'EHLO' }, { finish: true }, { untilEnd: true }], { received: '220 ready\r\nserver:EHLO\nserver:end', end: 'closed', seen: [{ bytes: 'EHLO\n' }] })],
  },
  {
    name: 'a gRPC call passes with its trailers',
    steps: [grpc('server:7070/pkg.Service/Call', { status: 200, trailers: { 'grpc-status': '0' } }), grpc('server:7070/pkg.Service/Call', { status: 200, headers: { 'grpc-status': '5', 'grpc-message': 'status 5' } }, { app: { grpcStatus: 5 } })],
  },
  { name: 'trailers are dropped where HTTP/1.1 has not been told to pass them', steps: [post('server/x', 'body', { status: 200, trailers: { 'x-back': null }, seen: [{ body: 'body', trailers: {} }] }, { trailers: { 'x-sum': '1' }, app: { trailers: { 'x-back': '2' } } })] },
  { name: 'trailers pass both ways over HTTP/2', steps: [post('server:7070/x', 'body', { status: 200, trailers: { 'x-back': '2' }, seen: [{ body: 'body', trailers: { 'x-sum': '1' } }] }, { version: 2, trailers: { 'x-sum': '1' }, app: { trailers: { 'x-back': '2' } } })] },
  { name: 'an expectation is answered by who reads the body', steps: [post('server/x', 'body', { status: 200, interim: [100], seen: [{ body: 'body' }] }, { headers: { expect: '100-continue' } })] },
  { name: 'early hints pass', steps: [get('server/x', { status: 200, interim: [103] }, { app: { interim: [103] } })] },
  { name: 'HTTP/1.0 is answered 426', mesh: [GATEWAY, virtualService('{hosts: [shop.test], gateways: [gw], http: [{route: [{destination: {host: one}}]}]}')], steps: [raw('shop.test/x', 'GET /x HTTP/1.0\r\nhost: shop.test\r\n{id}\r\n\r\n', { status: 426 }, { from: 'world' })] },
  { name: 'an upgrade to h2c is not heard', steps: [get('server/x', { status: 200 }, { headers: { connection: 'Upgrade, HTTP2-Settings', upgrade: 'h2c', 'http2-settings': 'AAMAAABkAAQAAP__' } })] },
  { name: 'an upgrade that nobody offers is refused', steps: [get('server/x', { status: 403 }, { headers: { connection: 'Upgrade', upgrade: 'foo' } })] },
  {
    name: 'a WebSocket is a tunnel',
    steps: [
      talk('server:80', [{ send: 'GET /chat HTTP/1.1\r\nhost: server\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\nsec-websocket-version: 13\r\n\r\n' }, { until: '101' }, { send: 'ping' }, { until: 'server:ping' }], { received: /^HTTP\/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: websocket\r\ndate: \*\r\nserver: istio-envoy\r\n\r\nserver:ping/, end: 'open' }),
    ],
  },
  {
    name: 'a browser calls a gRPC server by gRPC-Web',
    mesh: object('v1', 'Service', { name: 'webs', namespace: 'default', spec: '{clusterIP: 10.96.0.60, selector: {app: server}, ports: [{name: grpc-web, port: 7171, targetPort: 7171}]}' }),
    steps: [
      post('webs:7171/pkg.Service/Call', '\0\0\0\0\x02hi', { status: 200, headers: { 'content-type': 'application/grpc-web+proto' }, body: /\x80[^]*grpc-status:0\r\n/, seen: [{ protocol: 'HTTP/2', headers: { 'content-type': 'application/grpc', te: 'trailers' } }] }, { headers: { 'content-type': 'application/grpc-web+proto' }, app: { grpcStatus: 0 } }),
      post('webs:7171/pkg.Service/Call', Buffer.from('\0\0\0\0\x02hi').toString('base64'), { status: 200, headers: { 'content-type': 'application/grpc-web-text+proto' }, seen: [{ body: '\0\0\0\0\x02hi' }] }, { headers: { 'content-type': 'application/grpc-web-text', accept: 'application/grpc-web-text' }, app: { grpcStatus: 0 } }),
      post('webs:7171/pkg.Service/Call', '\0\0\0\0\x02hi', { status: 200, headers: { 'content-type': 'application/grpc-web+proto', 'grpc-status': '5' } }, { headers: { 'content-type': 'application/grpc-web+proto' }, app: { grpcStatus: 5 } }),
    ],
  },
  {
    name: 'a WebSocket goes over HTTP/2 where the policy upgrades', mesh: destinationRule('{host: server, trafficPolicy: {connectionPool: {http: {h2UpgradePolicy: UPGRADE}}}}'),
    covers: ['DestinationRule.trafficPolicy.connectionPool.http.h2UpgradePolicy'],
    steps: [
      talk('server:80', [{ send: 'GET /chat HTTP/1.1\r\nhost: server\r\nconnection: Upgrade\r\nupgrade: websocket\r\nsec-websocket-key: a\r\nsec-websocket-version: 13\r\n\r\n' }, { until: '101' }, { send: 'ping' }, { until: 'server:ping' }], { received: /^HTTP\/1.1 101 Switching Protocols\r\n[^]*\r\n\r\nserver:ping/, end: 'open' }),
      get('server/', { status: 200 }),
    ],
  },
  {
    name: 'the end of one side is passed on',
    steps: [talk('server:9000', [{ send: 'a' }, { until: 'a' }, { finish: true }, { untilEnd: true }], { received: 'server:aserver:end', end: 'closed', seen: [{ bytes: 'a', end: 'ended' }] })],
  },
  { name: 'a reset by the client reaches the server', steps: [talk('server:9000', [{ send: 'a' }, { until: 'a' }, { reset: true }], { seen: [{ bytes: 'a', end: 'reset' }] })] },
  { name: 'the server ends first', steps: [talk('server:9000', [{ send: 'CLOSE!' }, { untilEnd: true }], { received: '', end: 'closed' })] },
  { name: 'a TCP port where nobody listens', refuses: ['10.244.3.5:9000'], steps: [talk('one:9000', [{ untilEnd: true }], { received: '' })] },
  { name: 'a TCP service without endpoints', mesh: ['{apiVersion: v1, kind: Service, metadata: {name: empty, namespace: default}, spec: {clusterIP: 10.96.0.99, selector: {app: none}, ports: [{name: tcp, port: 9000}]}}'], steps: [talk('empty:9000', [{ untilEnd: true }], { received: '', end: 'closed' })] },
  { name: 'a TCP connection that a policy denies', mesh: [authorization('{selector: {matchLabels: {app: server}}, action: DENY, rules: [{to: [{operation: {ports: ["9000"]}}]}]}')], steps: [talk('server:9000', [{ send: 'a' }, { untilEnd: true }], { received: '' })] },
  { name: 'a reset by the server reaches the client', steps: [talk('server:9000', [{ send: 'RESET!' }, { untilEnd: true }], { seen: [{ bytes: 'RESET!' }] })] },
];
