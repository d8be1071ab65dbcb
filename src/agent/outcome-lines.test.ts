import assert from 'node:assert/strict';
import test from 'node:test';
import { silentLog } from '../base/log.ts';
import { createPeerCodec } from '../proxy/telemetry/peer-codec.ts';
import { expose } from '../proxy/telemetry/exposition.ts';
import { Registry } from '../proxy/telemetry/registry.ts';
import { createStandardMetrics } from '../proxy/telemetry/standard-metrics.ts';
import type { OutcomeLine } from '../xds/agent-contract.ts';
import { OutcomeLines } from './outcome-lines.ts';

const facts = (name: string) => ({
  name: `${name}-1`, namespace: 'shop', workload: `${name}-v1`, serviceAccount: name, labels: new Map([['app', name], ['version', 'v1']]), annotations: new Map<string, string>(),
  app: name, version: 'v1', canonicalName: name, canonicalRevision: 'v1', clusterId: 'Kubernetes', meshId: 'm',
});
const WEB = facts('web');
const header = (name: string) => createPeerCodec(facts(name), name).ownValue;

function start(role: 'sidecar' | 'router' = 'sidecar') {
  const registry = new Registry();
  const lines = new OutcomeLines(createStandardMetrics(registry, { workload: WEB, role }, silentLog), createPeerCodec(WEB, 'me'));
  const take = (line: Partial<OutcomeLine>) => lines.take(JSON.stringify({ reporter: 'source', type: 'DownstreamEnd', flags: '-', duration: 7, received: 10, sent: 20, code: 200, ...line }));
  const metric = (name: string) => expose(registry.families()).split('\n').filter((l) => l.startsWith(`${name}{`) || l.startsWith(`${name} `));
  return { lines, take, metric };
}

const OUTBOUND = { cluster: 'outbound|80||db.shop.svc.cluster.local', services: [{ host: 'db.shop.svc.cluster.local', name: 'db', namespace: 'shop' }], host: '10.0.0.1:80', workload: 'db-v2;shop;db;v2;Kubernetes', upstreamPeer: 'spiffe://cluster.local/ns/shop/sa/db', upstreamOwn: 'spiffe://cluster.local/ns/shop/sa/web' };
const INBOUND = { reporter: 'destination' as const, cluster: 'inbound|80||', services: [{ host: 'web.shop.svc.cluster.local', name: 'web', namespace: 'shop' }], downstreamPeer: 'spiffe://cluster.local/ns/shop/sa/client', downstreamOwn: 'spiffe://cluster.local/ns/shop/sa/web' };

for (const [what, line, labels] of [
  ['the server’s workload is what the control plane says of the endpoint', OUTBOUND, ['source_workload="web-v1"', 'destination_workload="db-v2"', 'destination_app="db"', 'destination_service="db.shop.svc.cluster.local"', 'source_principal="spiffe://cluster.local/ns/shop/sa/web"', 'destination_principal="spiffe://cluster.local/ns/shop/sa/db"', 'connection_security_policy="unknown"']],
  ['or, with more detail, what it says of itself', { ...OUTBOUND, peer: header('store') }, ['destination_workload="store-v1"', 'destination_version="v1"']],
  ['the client is who it says, over mutual TLS', { ...INBOUND, peer: header('client') }, ['reporter="destination"', 'source_workload="client-v1"', 'source_app="client"', 'destination_service_name="web"', 'connection_security_policy="mutual_tls"']],
  ['a client outside the mesh is unknown', { ...INBOUND, downstreamPeer: undefined, downstreamOwn: undefined }, ['source_workload="unknown"', 'source_principal="unknown"', 'connection_security_policy="none"']],
  ['flags and codes as Envoy tells them', { ...OUTBOUND, code: 503, flags: 'UF,URX' }, ['response_code="503"', 'response_flags="UF,URX"']],
  ['gRPC by its status', { ...OUTBOUND, grpc: 5, contentType: 'application/grpc' }, ['request_protocol="grpc"', 'grpc_response_status="5"']],
  ['gRPC that never got one', { ...OUTBOUND, contentType: 'application/grpc+proto', code: 503 }, ['request_protocol="grpc"']],
  ['traffic to nobody known is named by its host', { cluster: 'PassthroughCluster', authority: 'example.com', host: '192.0.2.1:80' }, ['destination_service="example.com"', 'destination_service_name="PassthroughCluster"']],
] as const) {
  test(`a request is counted under Istio’s labels: ${what}`, () => {
    const { take, metric } = start();
    take(line);
    take(line);
    const [counted, ...more] = metric('istio_requests_total');
    assert.deepEqual(more, []);
    for (const label of labels) assert.ok(counted?.includes(label), `${label} in ${counted}`);
    assert.match(counted ?? '', / 2$/);
  });
}

test('durations and sizes are observed', () => {
  const { take, metric } = start();
  take(OUTBOUND);
  assert.match(metric('istio_request_duration_milliseconds_sum')[0] ?? '', / 7$/);
  assert.match(metric('istio_request_bytes_sum')[0] ?? '', / 10$/);
  assert.match(metric('istio_response_bytes_sum')[0] ?? '', / 20$/);
});

test('a connection is opened once and closed once, and its bytes are counted as they come; also one that never reached a server', () => {
  const { take, metric } = start();
  const sum = (name: string) => metric(name).reduce((total, line) => total + Number(line.split(' ').at(-1)), 0);
  const counts = () => [...['opened', 'closed'].map((n) => sum(`istio_tcp_connections_${n}_total`)), ...['received', 'sent'].map((n) => sum(`istio_tcp_${n}_bytes_total`))];
  const tcp = (line: Partial<OutcomeLine>) => take({ ...OUTBOUND, code: 0, ...line });
  tcp({ type: 'TcpPeriodic', connection: 7, received: 10, sent: 20 });
  assert.deepEqual(counts(), [1, 0, 10, 20]);
  tcp({ type: 'TcpPeriodic', connection: 7, received: 10, sent: 50 });
  tcp({ type: 'TcpConnectionEnd', connection: 7, received: 100, sent: 200 });
  assert.deepEqual(counts(), [1, 1, 100, 200]);
  tcp({ type: 'TcpConnectionEnd', connection: 8, host: undefined, flags: 'UH', received: 0, sent: 0 });
  assert.deepEqual(counts(), [2, 2, 100, 200]);
  tcp({ type: 'TcpPeriodic', connection: 9, received: 1000, sent: 0 });
  tcp({ type: 'TcpConnectionEnd', connection: 9, received: 5, sent: 5 });
  assert.deepEqual(counts(), [4, 3, 1105, 205], 'an Envoy that was started again has other connections under the same numbers');
});

test('what is no line is counted and leaves the others alone', () => {
  const { lines, take, metric } = start();
  for (const text of ['', 'no JSON', '[]', 'null', '{}', '{"reporter":"source"}', '{"reporter":"source","type":"DownstreamEnd","flags":"-","duration":"7","received":1,"sent":1,"code":200}', '{"reporter":"source","type":"DownstreamEnd","flags":"-","duration":7,"received":1,"sent":1,"code":200,"services":{}}']) lines.take(text);
  take({ ...OUTBOUND, services: [null] as never });
  take({ ...OUTBOUND, services: [{ host: 5 }] as never });
  assert.equal(lines.broken, 10);
  take(OUTBOUND);
  assert.equal(metric('istio_requests_total').length, 1);
});
