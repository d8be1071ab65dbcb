import assert from 'node:assert/strict';
import test from 'node:test';
import type { LocalityLb } from '../../api/common/load-balancer.ts';
import { defaultMeshConfig } from '../../api/mesh-config.ts';
import type { Endpoint } from '../registry/model.ts';
import { parseLocality } from '../registry/workloads.ts';
import { priorities } from './locality.ts';

const endpoint = (place: string, labels: Record<string, string> = {}, weight = 0): Endpoint => ({
  address: '10.0.0.1', hostname: '', port: 80, labels, namespace: 'n', serviceAccount: '', workloadName: 'w', locality: parseLocality(place), weight, speaksMutualTls: true,
});
const HERE = 'r1/z1/s1';
const ALL = [HERE, 'r1/z1/s2', 'r1/z2/s1', 'r2/z1/s1', 'r3/z1/s1'].map((place) => endpoint(place));

interface Case {
  readonly endpoints?: readonly Endpoint[];
  readonly setting?: LocalityLb;
  readonly ejects?: boolean;
  readonly labels?: Record<string, string>;
  readonly from?: string;
  readonly prefersNear?: boolean;
}

const groups = ({ endpoints = ALL, setting, ejects = true, labels = {}, from = HERE, prefersNear = false }: Case) =>
  priorities(endpoints, { proxy: { locality: parseLocality(from), clusterId: 'c1' }, labels }, {
    effective: { ...(setting ? { loadBalancer: { localityLbSetting: setting } } : {}), ...(ejects ? { outlierDetection: {} } : {}) },
    mesh: defaultMeshConfig(),
    prefersNear,
  });
/** `priority: places` */
const levels = (of: Case) => {
  const text = new Map<number, string[]>();
  for (const group of groups(of)) text.set(group.priority, [...(text.get(group.priority) ?? []), [group.locality.region, group.locality.zone, group.locality.subzone].filter((part) => part !== '').join('/')]);
  return [...text].sort(([a], [b]) => a - b).map(([priority, places]) => `${priority}: ${places.join(' ')}`);
};

test('without ejection all places are equal', () => assert.deepEqual(levels({ ejects: false }), [`0: ${HERE} r1/z1/s2 r1/z2/s1 r2/z1/s1 r3/z1/s1`]));
test('nearest first: subzone, zone, region, the rest', () => assert.deepEqual(levels({}), [`0: ${HERE}`, '1: r1/z1/s2', '2: r1/z2/s1', '3: r2/z1/s1 r3/z1/s1']));
test('a service that prefers the near is called there first, though nobody watches for failures', () => assert.deepEqual(levels({ ejects: false, prefersNear: true }), [`0: ${HERE} r1/z1/s2`, '1: r1/z2/s1', '2: r2/z1/s1 r3/z1/s1']));
test('what a DestinationRule says of places comes before what the service prefers', () => assert.deepEqual(levels({ ejects: false, prefersNear: true, setting: { enabled: false } }).length, 1));
test('not when it is switched off', () => assert.deepEqual(levels({ setting: { enabled: false } }).length, 1));
test('priorities have no gaps', () => assert.deepEqual(levels({ endpoints: [endpoint('r1/z2/s1'), endpoint('r2/z1/s1')] }), ['0: r1/z2/s1', '1: r2/z1/s1']));
test('failover puts one region before the other far ones', () => assert.deepEqual(levels({ setting: { failover: [{ from: 'r1', to: 'r3' }] } }), [`0: ${HERE}`, '1: r1/z1/s2', '2: r1/z2/s1', '3: r3/z1/s1', '4: r2/z1/s1']));
test('failover of another region does not matter', () => assert.equal(levels({ setting: { failover: [{ from: 'r9', to: 'r3' }] } }).length, 4));

const version = (place: string, v: string, app = 'a') => endpoint(place, { version: v, app });
const byLabels = [version('r1/z1/s1', 'v1'), version('r1/z1/s2', 'v2'), version('r2/z1/s1', 'v1', 'b'), version('r3/z1/s1', 'v2', 'b')];
const CLIENT = { version: 'v1', app: 'a' };

const labelled: readonly [name: string, of: Case, want: string[]][] = [
  ['the first label decides most', { setting: { failoverPriority: ['version', 'app'] } }, ['0: r1/z1/s1', '1: r2/z1/s1', '2: r1/z1/s2 r3/z1/s1']],
  ['a label can name its value', { setting: { failoverPriority: ['version=v2'] } }, ['0: r1/z1/s2 r3/z1/s1', '1: r1/z1/s1 r2/z1/s1']],
  ['where something runs counts as labels', { setting: { failoverPriority: ['topology.kubernetes.io/region', 'topology.kubernetes.io/zone', 'topology.istio.io/subzone'] } }, ['0: r1/z1/s1', '1: r1/z1/s2', '2: r2/z1/s1 r3/z1/s1']],
  ['so does the cluster', { setting: { failoverPriority: ['topology.istio.io/cluster', 'version'] } }, ['0: r1/z1/s1 r2/z1/s1', '1: r1/z1/s2 r3/z1/s1']],
  ['labels, then places', { setting: { failoverPriority: ['version'], failover: [{ from: 'r1', to: 'r2' }] } }, ['0: r1/z1/s1', '1: r2/z1/s1', '2: r1/z1/s2', '3: r3/z1/s1']],
  ['a client of unknown place has labels too', { from: '', setting: { failoverPriority: ['version'] } }, ['0: r1/z1/s1 r2/z1/s1', '1: r1/z1/s2 r3/z1/s1']],
];
for (const [name, of, want] of labelled) test(`failover by labels: ${name}`, () => assert.deepEqual(levels({ endpoints: byLabels, labels: CLIENT, ...of }), want));

const shares = (of: Case) => Object.fromEntries(groups(of).map(({ locality, weight, priority }) => [`${locality.region}/${locality.zone}`, `${priority} ${weight}`]));
const places = [endpoint('r1/z1', {}, 3), endpoint('r1/z2'), endpoint('r2/z1')];
const distribute = (from: string, to: Record<string, number>): LocalityLb => ({ distribute: [{ from, to }] });

test('shares go to places by pattern, and those without get nothing', () => {
  assert.deepEqual(shares({ endpoints: places, setting: distribute('r1/*', { 'r1/z1/*': 80, 'r2/*': 20 }) }), { 'r1/z1': '0 80', 'r2/z1': '0 20' });
});
test('a share is divided by weight', () => assert.deepEqual(shares({ endpoints: places, setting: distribute('*', { 'r1/*': 80, 'r2/*': 20 }) }), { 'r1/z1': '0 60', 'r1/z2': '0 20', 'r2/z1': '0 20' }));
test('shares need no ejection', () => assert.deepEqual(Object.keys(shares({ ejects: false, endpoints: places, setting: distribute('*', { 'r2/*': 100 }) })), ['r2/z1']));
test('shares for another place change nothing', () => assert.deepEqual(Object.keys(shares({ endpoints: places, setting: distribute('r2/*', { 'r2/*': 100 }) })), ['r1/z1', 'r1/z2', 'r2/z1']));
