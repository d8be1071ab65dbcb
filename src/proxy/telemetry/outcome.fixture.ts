/** For tests: outcomes with everything filled in. */
import type { WorkloadFacts } from '../bootstrap/settings.ts';
import type { HeaderView, HttpOutcome, TcpOutcome } from '../outcome.ts';

export const headers = (values: Readonly<Record<string, string>> = {}): HeaderView => ({ get: (name) => values[name.toLowerCase()] });

export const OWN: WorkloadFacts = {
  name: 'productpage-v1-x', namespace: 'default', workload: 'productpage-v1', serviceAccount: 'bookinfo-productpage', labels: new Map([['app', 'productpage'], ['version', 'v1']]), annotations: new Map(),
  app: 'productpage', version: 'v1', canonicalName: 'productpage', canonicalRevision: 'v1', clusterId: 'Kubernetes', meshId: 'cluster.local',
};

const SA = 'spiffe://cluster.local/ns/default/sa';
export const DESTINATION = { cluster: 'outbound|9080|v2|reviews.default.svc.cluster.local', serviceHost: 'reviews.default.svc.cluster.local', serviceName: 'reviews', serviceNamespace: 'default' };
export const PEER = { workload: 'reviews-v2', namespace: 'default', app: 'reviews', version: 'v2', canonicalName: 'reviews', canonicalRevision: 'v2', cluster: 'Kubernetes' };

export const outboundOutcome = (more: Partial<HttpOutcome> = {}): HttpOutcome => ({
  kind: 'http', reporter: 'source', listener: '0.0.0.0_9080', startMs: Date.UTC(2026, 0, 2, 3, 4, 5, 678), durationMs: 12.4, method: 'GET', path: '/reviews/0?x=1', rewrittenPath: '/reviews/0?x=1', authority: 'reviews:9080', protocol: 'HTTP/1.1',
  responseCode: 200, flags: [], details: 'via_upstream', requestBytes: 0, responseBytes: 295, routeName: 'default',
  requestHeaders: headers({ 'user-agent': 'curl/8', 'x-request-id': '2a3b4c5d-0000-4000-8000-000000000001' }),
  responseHeaders: headers({ 'x-envoy-upstream-service-time': '11' }),
  connection: { downstreamRemote: '10.244.0.7:40000', downstreamLocal: '10.96.1.2:9080' },
  upstream: { destination: DESTINATION, host: '10.244.0.9:9080', local: '10.244.0.7:50000', peer: `${SA}/bookinfo-reviews`, own: `${SA}/bookinfo-productpage`, peerMetadata: PEER, attempts: 1, serviceTimeMs: 11 },
  ...more,
});

export const inboundOutcome = (more: Partial<HttpOutcome> = {}): HttpOutcome => ({
  ...outboundOutcome(),
  reporter: 'destination', listener: 'inbound|9080||', authority: 'productpage:9080', path: '/productpage', rewrittenPath: '/productpage',
  connection: { downstreamRemote: '10.244.0.3:40000', downstreamLocal: '10.244.0.7:9080', requestedServerName: 'outbound_.9080_._.productpage.default.svc.cluster.local', tlsVersion: 'TLSv1.3', downstreamPeer: 'spiffe://cluster.local/ns/istio-system/sa/istio-ingressgateway-service-account', downstreamOwn: `${SA}/bookinfo-productpage` },
  upstream: { destination: { cluster: 'inbound|9080||', serviceHost: 'productpage.default.svc.cluster.local', serviceName: 'productpage', serviceNamespace: 'default' }, host: '10.244.0.7:9080', attempts: 1 },
  downstreamPeerMetadata: { workload: 'istio-ingressgateway', namespace: 'istio-system', app: 'istio-ingressgateway', canonicalName: 'istio-ingressgateway', cluster: 'Kubernetes' },
  ...more,
});

export const tcpOutcome = (more: Partial<TcpOutcome> = {}): TcpOutcome => ({
  kind: 'tcp', reporter: 'source', listener: '10.96.0.9_3306', startMs: 1_700_000_000_000, durationMs: 5000, flags: [], details: '', receivedBytes: 100, sentBytes: 900,
  connection: { downstreamRemote: '10.244.0.7:40000', downstreamLocal: '10.96.0.9:3306' },
  upstream: { destination: { cluster: 'outbound|3306||mysql.default.svc.cluster.local', serviceHost: 'mysql.default.svc.cluster.local', serviceName: 'mysql', serviceNamespace: 'default' }, host: '10.244.0.4:3306', attempts: 1 },
  ...more,
});
