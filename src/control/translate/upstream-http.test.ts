import assert from 'node:assert/strict';
import test from 'node:test';
import { clusterOf, httpOptionsOf, tlsOf, type RuleCase } from './destination-rule.fixture.ts';

const pool = (text: string) => `trafficPolicy: {connectionPool: {${text}}}`;
const http = (text: string) => pool(`http: {${text}}`);
const tcp = (text: string) => pool(`tcp: {${text}}`);

/** `http1` also when nothing is said: that is what Envoy speaks then. */
function spoken(of: RuleCase): string {
  const choice = httpOptionsOf(clusterOf(of))?.upstreamProtocolOptions;
  if (choice?.case === 'useDownstreamProtocolConfig') return 'same';
  return choice?.case === 'explicitHttpConfig' && choice.value.protocolConfig.case === 'http2ProtocolOptions' ? 'http2' : 'http1';
}

const versions: readonly [name: string, of: RuleCase, want: string][] = [
  ['a port named http', {}, 'http1'],
  ['a port named http2', { port: 'http2' }, 'http2'],
  ['a port of unknown protocol follows the client', { port: 'auto' }, 'same'],
  ['UPGRADE speaks HTTP/2', { spec: http('h2UpgradePolicy: UPGRADE') }, 'http2'],
  ['UPGRADE is for undeclared ports too', { spec: http('h2UpgradePolicy: UPGRADE'), port: 'auto' }, 'http2'],
  ['the mesh’s UPGRADE is for declared HTTP', { mesh: { h2UpgradePolicy: 'UPGRADE' } }, 'http2'],
  ['and not for undeclared ports', { mesh: { h2UpgradePolicy: 'UPGRADE' }, port: 'auto' }, 'same'],
  ['DO_NOT_UPGRADE stands against the mesh', { mesh: { h2UpgradePolicy: 'UPGRADE' }, spec: http('h2UpgradePolicy: DO_NOT_UPGRADE') }, 'http1'],
  ['DEFAULT follows the mesh', { mesh: { h2UpgradePolicy: 'UPGRADE' }, spec: http('h2UpgradePolicy: DEFAULT') }, 'http2'],
  ['useClientProtocol', { spec: http('useClientProtocol: true') }, 'same'],
  ['useClientProtocol on an http2 port', { spec: http('useClientProtocol: true'), port: 'http2' }, 'same'],
  ['a TCP port is no HTTP whatever is asked', { spec: http('h2UpgradePolicy: UPGRADE'), port: 'tcp' }, 'http1'],
];
for (const [name, of, want] of versions) test(`version: ${name}`, () => assert.equal(spoken(of), want));

test('an upgraded connection says in its ALPN that it carries HTTP/2', () => {
  const [inMesh] = clusterOf({ spec: http('h2UpgradePolicy: UPGRADE') }).transportSocketMatches;
  assert.deepEqual(tlsOf(inMesh?.transportSocket)?.commonTlsContext?.alpnProtocols, ['istio-h2', 'istio', 'h2']);
});

const limits: readonly [name: string, of: RuleCase, field: 'maxConnections' | 'maxPendingRequests' | 'maxRequests' | 'maxRetries', want: number][] = [
  ['connections', { spec: tcp('maxConnections: 3') }, 'maxConnections', 3],
  ['pending requests', { spec: http('http1MaxPendingRequests: 4') }, 'maxPendingRequests', 4],
  ['requests', { spec: http('http2MaxRequests: 5') }, 'maxRequests', 5],
  ['retries', { spec: http('maxRetries: 6') }, 'maxRetries', 6],
  ['0 is no limit', { spec: tcp('maxConnections: 0') }, 'maxConnections', 4_294_967_295],
  ['nothing is no limit', {}, 'maxRetries', 4_294_967_295],
];
for (const [name, of, field, want] of limits) {
  test(`limit: ${name}`, () => {
    const [first] = clusterOf(of).circuitBreakers?.thresholds ?? [];
    assert.equal(first?.[field], want);
    assert.equal(first.trackRemaining, true);
  });
}

test('a retry budget has Envoy’s defaults', () => {
  const budget = (text: string) => {
    const made = clusterOf({ spec: `trafficPolicy: {retryBudget: {${text}}}` }).circuitBreakers?.thresholds[0]?.retryBudget;
    return [made?.budgetPercent?.value, made?.minRetryConcurrency];
  };
  assert.deepEqual(budget(''), [20, 3]);
  assert.deepEqual(budget('percent: 50.5, minRetryConcurrency: 1'), [50.5, 1]);
});

test('connections live as long as they are told to', () => {
  const options = httpOptionsOf(clusterOf({ spec: pool('tcp: {maxConnectionDuration: 90s, idleTimeout: 7s}, http: {maxRequestsPerConnection: 9, idleTimeout: 5s}') }))?.commonHttpProtocolOptions;
  assert.deepEqual([options?.maxConnectionDuration?.seconds, options?.idleTimeout?.seconds, options?.maxRequestsPerConnection], [90n, 5n, 9]);
  assert.equal(httpOptionsOf(clusterOf({ spec: tcp('idleTimeout: 7s') }))?.commonHttpProtocolOptions?.idleTimeout?.seconds, 7n);
  assert.equal(httpOptionsOf(clusterOf({})), undefined);
});

test('HTTP/2 streams and pings', () => {
  const choice = httpOptionsOf(clusterOf({ port: 'http2', spec: http('maxConcurrentStreams: 8, http2KeepAlive: {interval: 3s, timeout: 2s}') }))?.upstreamProtocolOptions;
  assert.ok(choice?.case === 'explicitHttpConfig' && choice.value.protocolConfig.case === 'http2ProtocolOptions');
  const { maxConcurrentStreams, connectionKeepalive } = choice.value.protocolConfig.value;
  assert.deepEqual([maxConcurrentStreams, connectionKeepalive?.interval?.seconds, connectionKeepalive?.timeout?.seconds], [8, 3n, 2n]);
});

const alive: readonly [name: string, of: RuleCase, want: (number | undefined)[] | undefined][] = [
  ['none', {}, undefined],
  ['of the policy', { spec: tcp('tcpKeepalive: {probes: 3, time: 1m, interval: 7s}') }, [3, 60, 7]],
  ['of the mesh', { mesh: { tcpKeepalive: { probes: 5, time: '30s' } } }, [5, 30, undefined]],
  ['field by field', { mesh: { tcpKeepalive: { probes: 5, time: '30s' } }, spec: tcp('tcpKeepalive: {time: 10s, interval: 2s}') }, [5, 10, 2]],
  ['empty: the kernel’s settings', { spec: tcp('tcpKeepalive: {}') }, [undefined, undefined, undefined]],
  ['never less than a second', { spec: tcp('tcpKeepalive: {time: 10ms}') }, [undefined, 1, undefined]],
];
for (const [name, of, want] of alive) {
  test(`keep-alive: ${name}`, () => {
    const made = clusterOf(of).upstreamConnectionOptions?.tcpKeepalive;
    assert.deepEqual(made && [made.keepaliveProbes, made.keepaliveTime, made.keepaliveInterval], want);
  });
}

const connect: readonly [RuleCase, bigint][] = [[{}, 10n], [{ mesh: { connectTimeout: '4s' } }, 4n], [{ mesh: { connectTimeout: '4s' }, spec: tcp('connectTimeout: 2s') }, 2n]];
for (const [of, want] of connect) test(`a connection may take ${want} s to come`, () => assert.equal(clusterOf(of).connectTimeout?.seconds, want));
