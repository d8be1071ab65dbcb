import { fromBinary } from '@bufbuild/protobuf';
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { decodeSettings } from './decode-settings.ts';
import type { BootstrapInput } from './decode-settings.ts';
import { BootstrapError } from './settings.ts';
import { parsePodInfo } from './sources.ts';
import { NodeSchema } from '../../xds/generated/envoy/config/core/v3/base_pb.js';
import { encodeNode } from './xds-node.ts';

const ENV = { POD_NAME: 'reviews-v1-abc', POD_NAMESPACE: 'default', INSTANCE_IP: '10.244.0.7', SERVICE_ACCOUNT: 'reviews' };
const decode = (more: { env?: Record<string, string>; argv?: string[]; labels?: Record<string, string> } = {}) => {
  const input: BootstrapInput = { argv: more.argv ?? ['proxy', 'sidecar', '--domain', 'default.svc.cluster.local'], env: { ...ENV, ...more.env }, labels: new Map(Object.entries(more.labels ?? {})), annotations: new Map() };
  return decodeSettings(input);
};

test('a sidecar needs no more than name, namespace and address of its pod', () => {
  const s = decode();
  assert.equal(s.nodeId, 'sidecar~10.244.0.7~reviews-v1-abc.default~default.svc.cluster.local');
  assert.deepEqual(s.discovery, { host: 'istiod.istio-system.svc', port: 15_012 });
  assert.deepEqual(s.identity.caAddress, s.discovery);
  assert.deepEqual(s.ports, { admin: 15_000, status: 15_020, readiness: 15_021, prometheus: 15_090 });
  assert.deepEqual([s.identity.lifetimeMs, s.drainMs, s.listenerDrainMs, s.isDiscoveryPlaintext], [86_400_000, 5000, 45_000, false]);
  assert.ok(Object.isFrozen(s));
});

test('all mistakes are told at once, each with its variable', () => {
  const env = { POD_NAME: '', INSTANCE_IP: 'localhost', PROXY_CONFIG: '{"statusPort": 99999, "discoveryAddress": "istiod"', SECRET_TTL: 'a day', ISTIO_KUBE_APP_PROBERS: '{"/app-health/x/livez":{"exec":{}}}' };
  assert.throws(() => decode({ env, argv: ['run'] }), (error: unknown) => {
    assert.ok(error instanceof BootstrapError);
    const text = error.problems.join('\n');
    for (const expected of [/POD_NAME is not set/, /INSTANCE_IP: "localhost" is not an IP/, /PROXY_CONFIG is not JSON/, /SECRET_TTL/, /app-health\/x\/livez/, /expected "proxy sidecar"/]) assert.match(text, expected);
    return true;
  });
  assert.throws(() => decode({ env: { PROXY_CONFIG: '{"statusPort": 99999, "discoveryAddress": "istiod"}' } }), /discoveryAddress: "istiod" is not host:port[^]*statusPort: 99999/);
});

test('labels give the canonical names, and what the mesh was told goes into the node', () => {
  const s = decode({ labels: { app: 'reviews', version: 'v1' }, env: { ISTIO_META_WORKLOAD_NAME: 'reviews-v1', ISTIO_META_POD_PORTS: '[{"containerPort":9080}]', ISTIO_META_CLUSTER_ID: 'Kubernetes' } });
  assert.deepEqual([s.workload.canonicalName, s.workload.canonicalRevision, s.nodeCluster], ['reviews', 'v1', 'reviews.default']);
  const node = fromBinary(NodeSchema, encodeNode(s));
  assert.equal(node.metadata?.['POD_PORTS'], '[{"containerPort":9080}]');
  assert.deepEqual([node.metadata?.['NAMESPACE'], node.metadata?.['WORKLOAD_NAME'], node.metadata?.['INTERCEPTION_MODE']], ['default', 'reviews-v1', 'REDIRECT']);
  assert.deepEqual(node.extensions.map((e) => e.name), ['envoy.matching.dynamic_metadata', 'istio.stats', 'istio.alpn', 'envoy.filters.http.peer_metadata', 'envoy.filters.http.ext_authz', 'envoy.filters.http.ext_authz.body', 'lateen.virtual_hosts']);
});

test('a gateway, plaintext discovery and log levels are read from arguments and PROXY_CONFIG', () => {
  const s = decode({ argv: ['proxy', 'router', '--domain=ns.svc', '--log_output_level=default:warn,xds:debug'], env: { PROXY_CONFIG: '{"discoveryAddress":"127.0.0.1:15010","terminationDrainDuration":"20s"}' } });
  assert.match(s.nodeId, /^router~.*~ns\.svc$/);
  assert.deepEqual([s.isDiscoveryPlaintext, s.drainMs], [true, 20_000]);
  assert.deepEqual(s.logLevels, [['', 'warn'], ['xds', 'debug']]);
});

test('threads are one, or as many as ProxyConfig says', () => {
  const concurrency = (value: string) => decode({ env: { PROXY_CONFIG: `{"concurrency":${value}}` } }).concurrency;
  assert.deepEqual([decode().concurrency, concurrency('null'), concurrency('0'), concurrency('3')], [1, 1, 0, 3]);
  for (const bad of ['-1', '"many"', '1000']) assert.throws(() => concurrency(bad), /concurrency: .* is not a number from 0 to 256/);
  assert.throws(() => concurrency('1.5'), /concurrency: 1.5 is not a whole number of threads/);
});

test('the application’s probes and metrics are read', () => {
  const s = decode({ env: { ISTIO_KUBE_APP_PROBERS: '{"/app-health/web/readyz":{"httpGet":{"path":"/ready","port":8080},"timeoutSeconds":2}}', ISTIO_PROMETHEUS_ANNOTATIONS: '{"scrape":"true","path":"","port":"9100"}' } });
  assert.equal(s.appProbes.get('/app-health/web/readyz')?.httpGet?.port, 8080);
  assert.deepEqual(s.appMetrics, { port: 9100, path: '/metrics' });
});

test('downward API files are unquoted as Go quotes', () => {
  assert.deepEqual([...parsePodInfo('app="reviews"\nnote="two\\nlines \\"q\\" \\x41"\n\nempty=""')], [['app', 'reviews'], ['note', 'two\nlines "q" A'], ['empty', '']]);
});
