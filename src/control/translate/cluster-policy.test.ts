import assert from 'node:assert/strict';
import test from 'node:test';
import { anyUnpack } from '@bufbuild/protobuf/wkt';
import { Cluster_DiscoveryType, Cluster_LbPolicy, type Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { ConsecutiveErrorsSchema } from '../../xds/generated/envoy/extensions/outlier_detection_monitors/consecutive_errors/v3/consecutive_errors_pb.js';
import { clusterOf, type RuleCase } from './destination-rule.fixture.ts';

const lb = (text: string) => `trafficPolicy: {loadBalancer: {${text}}}`;
const outlier = (text: string) => `trafficPolicy: {outlierDetection: {${text}}}`;

function balancer(cluster: Cluster): unknown[] {
  const { lbPolicy, lbConfig } = cluster;
  const name = Cluster_LbPolicy[lbPolicy];
  switch (lbConfig.case) {
    case 'ringHashLbConfig':
      return [name, Number(lbConfig.value.minimumRingSize)];
    case 'maglevLbConfig':
      return [name, lbConfig.value.tableSize === undefined ? 'default' : Number(lbConfig.value.tableSize)];
    case 'roundRobinLbConfig':
    case 'leastRequestLbConfig': {
      const slow = lbConfig.value.slowStartConfig;
      return [name, Number(slow?.slowStartWindow?.seconds), slow?.minWeightPercent?.value, slow?.aggression?.defaultValue];
    }
    default:
      return [name];
  }
}

const balancers: readonly [name: string, of: RuleCase, want: unknown[]][] = [
  ['default', {}, ['LEAST_REQUEST']],
  ['UNSPECIFIED', { spec: lb('simple: UNSPECIFIED') }, ['LEAST_REQUEST']],
  ['LEAST_CONN', { spec: lb('simple: LEAST_CONN') }, ['LEAST_REQUEST']],
  ['LEAST_REQUEST', { spec: lb('simple: LEAST_REQUEST') }, ['LEAST_REQUEST']],
  ['ROUND_ROBIN', { spec: lb('simple: ROUND_ROBIN') }, ['ROUND_ROBIN']],
  ['RANDOM', { spec: lb('simple: RANDOM') }, ['RANDOM']],
  ['a hash is a ring', { spec: lb('consistentHash: {httpHeaderName: x}') }, ['RING_HASH', 1024]],
  ['of a size', { spec: lb('consistentHash: {httpHeaderName: x, ringHash: {minimumRingSize: 9}}') }, ['RING_HASH', 9]],
  ['of a size, as it used to be written', { spec: lb('consistentHash: {httpHeaderName: x, minimumRingSize: 8}') }, ['RING_HASH', 8]],
  ['Maglev', { spec: lb('consistentHash: {useSourceIp: true, maglev: {}}') }, ['MAGLEV', 'default']],
  ['Maglev of a size', { spec: lb('consistentHash: {useSourceIp: true, maglev: {tableSize: 101}}') }, ['MAGLEV', 101]],
  ['warm-up', { spec: lb('simple: ROUND_ROBIN, warmup: {duration: 60s}') }, ['ROUND_ROBIN', 60, 10, undefined]],
  ['warm-up in detail', { spec: lb('warmup: {duration: 60s, minimumPercent: 25, aggression: 2.5}') }, ['LEAST_REQUEST', 60, 25, 2.5]],
  ['warm-up, as it used to be written', { spec: lb('simple: LEAST_REQUEST, warmupDurationSecs: 30s') }, ['LEAST_REQUEST', 30, 10, undefined]],
];
for (const [name, of, want] of balancers) test(`balancer: ${name}`, () => assert.deepEqual(balancer(clusterOf(of)), want));

const discovery = (cluster: Cluster) => (cluster.clusterDiscoveryType.case === 'type' ? Cluster_DiscoveryType[cluster.clusterDiscoveryType.value] : undefined);

test('PASSTHROUGH calls the address that was dialled; at a gateway nobody dialled one', () => {
  const spec = lb('simple: PASSTHROUGH');
  const sidecar = clusterOf({ spec });
  assert.deepEqual([discovery(sidecar), ...balancer(sidecar)], ['ORIGINAL_DST', 'CLUSTER_PROVIDED']);
  const gateway = clusterOf({ spec, who: { kind: 'router' } });
  assert.deepEqual([discovery(gateway), ...balancer(gateway)], ['EDS', 'LEAST_REQUEST']);
});

function ejection(of: RuleCase): Record<string, unknown> | undefined {
  const made = clusterOf(of).outlierDetection;
  if (!made) return undefined;
  const { $typeName: _type, monitors: _monitors, ...fields } = made;
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined && value !== false).map(([key, value]) => [key, typeof value === 'object' && 'seconds' in value ? Number(value.seconds) : value]));
}

const ejections: readonly [name: string, spec: string, want: Record<string, unknown>][] = [
  ['defaults are the proxy’s, without success rates', '', { enforcingSuccessRate: 0 }],
  ['errors in a row', 'consecutive5xxErrors: 7', { enforcingSuccessRate: 0, consecutive5xx: 7, enforcingConsecutive5xx: 100 }],
  ['as they used to be written', 'consecutiveErrors: 7', { enforcingSuccessRate: 0, consecutive5xx: 7, enforcingConsecutive5xx: 100 }],
  ['0 switches them off', 'consecutive5xxErrors: 0', { enforcingSuccessRate: 0, enforcingConsecutive5xx: 0 }],
  ['gateway errors', 'consecutiveGatewayErrors: 2', { enforcingSuccessRate: 0, consecutiveGatewayFailure: 2, enforcingConsecutiveGatewayFailure: 100 }],
  ['local failures apart', 'splitExternalLocalOriginErrors: true, consecutiveLocalOriginFailures: 4', { enforcingSuccessRate: 0, splitExternalLocalOriginErrors: true, enforcingLocalOriginSuccessRate: 0, consecutiveLocalOriginFailure: 4, enforcingConsecutiveLocalOriginFailure: 100 }],
  ['times and shares', 'interval: 3s, baseEjectionTime: 2m, maxEjectionPercent: 60', { enforcingSuccessRate: 0, interval: 3, baseEjectionTime: 120, maxEjectionPercent: 60 }],
];
for (const [name, spec, want] of ejections) test(`ejection: ${name}`, () => assert.deepEqual(ejection({ spec: outlier(spec) }), want));
test('ejection: none without the block', () => assert.equal(ejection({}), undefined));

test('listed codes count in the place of 5xx', () => {
  const made = clusterOf({ spec: outlier('outlierDetectionHttpErrorCodes: [503, 429, 501, 502], consecutive5xxErrors: 3') }).outlierDetection;
  assert.equal(made?.enforcingConsecutive5xx, 0);
  const any = made.monitors[0]?.typedConfig;
  const monitor = any && anyUnpack(any, ConsecutiveErrorsSchema);
  assert.deepEqual([monitor?.threshold, monitor?.enforcing, monitor?.errorBuckets?.httpErrors.map(({ range }) => [range?.start, range?.end])], [3, 100, [[429, 429], [501, 503]]]);
});

const panic: readonly [name: string, spec: string | undefined, want: number | undefined][] = [
  ['the proxy’s own without ejection', undefined, undefined],
  ['none with ejection', outlier(''), 0],
  ['as asked', outlier('minHealthPercent: 40'), 40],
];
for (const [name, spec, want] of panic) test(`panic: ${name}`, () => assert.equal(clusterOf({ spec }).commonLbConfig?.healthyPanicThreshold?.value, want));

const place = (text: string, extra = '') => `trafficPolicy: {loadBalancer: {localityLbSetting: {${text}}}${extra}}`;
const EJECTION = ', outlierDetection: {}';
const weights: readonly [name: string, of: RuleCase, want: boolean][] = [
  ['not by default', {}, false],
  ['not with mere ejection', { spec: outlier('') }, false],
  ['with shares', { spec: place('distribute: [{from: "*", to: {"*": 100}}]') }, true],
  ['with failover and ejection', { spec: place('failover: [{from: a, to: b}]', EJECTION) }, true],
  ['not with failover alone', { spec: place('failover: [{from: a, to: b}]') }, false],
  ['with failover labels and ejection', { spec: place('failoverPriority: [version]', EJECTION) }, true],
  ['not when switched off', { spec: place('enabled: false, distribute: [{from: "*", to: {"*": 100}}]') }, false],
  ['with the mesh’s shares', { mesh: { localityLbSetting: { distribute: [{ from: '*', to: { '*': 100 } }] } } }, true],
  ['not with the mesh’s when the policy has its own setting', { mesh: { localityLbSetting: { distribute: [{ from: '*', to: { '*': 100 } }] } }, spec: place('enabled: true') }, false],
];
for (const [name, of, want] of weights) test(`weights of localities: ${name}`, () => assert.equal(clusterOf(of).commonLbConfig?.localityConfigSpecifier.case === 'localityWeightedLbConfig', want));
