/** Who is called of those that are near and far: by shares, by places, by labels, and when the near ones fail. */
import { defaultMeshConfig } from '../../../src/api/mesh-config.ts';
import { OUTSIDE_HOSTS } from '../lab/network.ts';
import { AT_ONCE, destinationRule, eject, get, serviceEntry, type Ask, type Eject, type Scenario } from '../scenario.ts';

const at = (i: number): string => OUTSIDE_HOSTS[i - 1] ?? '';

/** @param places of host 1, 2, …: a locality, or more of the endpoint */
const shop = (...places: readonly string[]): string =>
  serviceEntry(`{hosts: [shop.test], addresses: [10.250.9.1], location: MESH_EXTERNAL, resolution: STATIC, ports: [{number: 80, name: http, protocol: HTTP}], endpoints: [${places.map((place, i) => `{address: ${at(i + 1)}, ${place.includes(':') ? place : `locality: ${place}`}}`).join(', ')}]}`);

/** One failure is enough, and nobody comes back. */
const EJECTS = 'consecutive5xxErrors: 1, interval: 60s, baseEjectionTime: 300s, maxEjectionPercent: 100';
const policy = (setting: string | undefined, outlier = EJECTS): string =>
  destinationRule(`{host: shop.test, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN${setting === undefined ? '' : `, localityLbSetting: {${setting}}`}}, outlierDetection: {${outlier}}}}`) + `---\n${AT_ONCE}`;
const distribute = (to: string, from = '"near/*"'): string =>
  destinationRule(`{host: shop.test, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN, localityLbSetting: {distribute: [{from: ${from}, to: {${to}}}]}}}}`);

/** Places and their endpoints take turns: of so many each has its share. */
const TURNS = 40;
/** Priorities are drawn by lot: of so many, two runs differ by more than is let pass once in 10⁷. */
const LOTS = 600;
const seen = (shares: Readonly<Record<number, number>>, times = TURNS): Ask =>
  get('shop.test/', { shares: Object.fromEntries(Object.entries(shares).map(([i, share]) => [at(Number(i)), share])) }, { times, tally: 'seen' });
/** These fail, and are left out from then on. */
const without = (...hosts: readonly number[]): Eject => eject(hosts.map((i) => `${at(i)}:80`), get('shop.test/', {}, { app: { in: hosts.map(at), status: 500 } }));

const SETTING = 'DestinationRule.trafficPolicy.loadBalancer.localityLbSetting';
const THREE_REGIONS = shop('near/a/x', 'mid/a/x', 'far/a/x');

export const LOCALITY: readonly Scenario[] = [
  {
    name: 'shares of places', place: 'near/a/x', covers: [`${SETTING}.distribute[].from`, `${SETTING}.distribute[].to{}`],
    without: { [`${SETTING}.distribute[].from`]: 'elsewhere/*', [`${SETTING}.distribute[].to{}`]: { 'near/*': 20, 'far/*': 80 } },
    mesh: [shop('near/a/x', 'far/b/x'), distribute('"near/*": 70, "far/*": 30')], steps: [seen({ 1: 0.7, 2: 0.3 })],
  },
  { name: 'shares of places are shared by their endpoints', place: 'near/a/x', mesh: [shop('near/a/x', 'near/b/x', 'far/b/x'), distribute('"near/*": 50, "far/b/*": 50')], steps: [seen({ 1: 0.25, 2: 0.25, 3: 0.5 })] },
  { name: 'shares from another place are not for this client', place: 'near/a/x', mesh: [shop('near/a/x', 'far/b/x'), distribute('"near/*": 100', '"far/*"')], steps: [seen({ 1: 0.5, 2: 0.5 })] },
  { name: 'a place without a share gets nothing', place: 'near/a/x', mesh: [shop('near/a/x', 'far/b/x', 'far/c/x'), distribute('"near/*": 50, "far/b/*": 50')], steps: [seen({ 1: 0.5, 2: 0.5 })] },
  { name: 'the nearest are called: subzone, zone, region', place: 'near/a/x', mesh: [shop('near/a/x', 'near/a/y', 'near/b/x', 'far/a/x'), policy(undefined)], steps: [
    seen({ 1: 1 }, 20), without(1), seen({ 2: 1 }, 20), without(2), seen({ 3: 1 }, 20), without(3), seen({ 4: 1 }, 20),
  ] },
  { name: 'without outlier detection near and far are equal', place: 'near/a/x', mesh: [shop('near/a/x', 'far/a/x'), destinationRule('{host: shop.test, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}}')], steps: [seen({ 1: 0.5, 2: 0.5 })] },
  {
    name: 'when a region fails, its failover region is next', place: 'near/a/x', covers: [`${SETTING}.failover[]`, `${SETTING}.failover[].from`, `${SETTING}.failover[].to`],
    without: { [`${SETTING}.failover[].from`]: 'other', [`${SETTING}.failover[].to`]: 'mid' },
    mesh: [THREE_REGIONS, policy('failover: [{from: near, to: far}]')], steps: [seen({ 1: 1 }, 20), without(1), seen({ 3: 1 }, 20), without(3), seen({ 2: 1 }, 20)],
  },
  { name: 'when a region fails, all others are next', place: 'near/a/x', mesh: [THREE_REGIONS, policy(undefined)], steps: [without(1), seen({ 2: 0.5, 3: 0.5 })] },
  { name: 'the mesh names a failover region', place: 'near/a/x', config: { localityLbSetting: { ...defaultMeshConfig().localityLbSetting, failover: [{ from: 'near', to: 'far' }] } }, mesh: [THREE_REGIONS, policy(undefined)], steps: [without(1), seen({ 3: 1 }, 20)] },
  { name: 'labels decide who is next, place by place', place: 'near/a/x', mesh: [shop('near/b/x', 'far/a/x', 'near/a/y'), policy('failoverPriority: [topology.kubernetes.io/region, topology.kubernetes.io/zone]')], steps: [
    seen({ 3: 1 }, 20), without(3), seen({ 1: 1 }, 20), without(1), seen({ 2: 1 }, 20),
  ] },
  { name: 'labels with a value of their own', place: 'near/a/x', mesh: [shop(`locality: far/a, labels: {tier: gold}`, `locality: near/a/x, labels: {tier: tin}`), policy('failoverPriority: ["tier=gold"]')], steps: [seen({ 1: 1 }, 20), without(1), seen({ 2: 1 }, 20)] },
  // Two of four are well: 50 % · 1.4.
  { name: 'what the near ones cannot bear spills over', place: 'near/a/x', mesh: [shop('near/a/x', 'near/a/x', 'near/a/x', 'near/a/x', 'far/a/x'), policy(undefined)], steps: [without(1, 2), seen({ 3: 0.35, 4: 0.35, 5: 0.3 }, LOTS)] },
  // Three of four are well: 75 % · 1.4 is more than all.
  { name: 'a loss that the near ones can bear spills nothing over', place: 'near/a/x', mesh: [shop('near/a/x', 'near/a/x', 'near/a/x', 'near/a/x', 'far/a/x'), policy(undefined)], steps: [without(1), seen({ 2: 1 / 3, 3: 1 / 3, 4: 1 / 3 })] },
  { name: 'no panic as long as the far ones are well', place: 'near/a/x', mesh: [shop('near/a/x', 'near/a/x', 'far/a/x'), policy(undefined, `${EJECTS}, minHealthPercent: 60`)], steps: [without(1), seen({ 2: 0.7, 3: 0.3 }, LOTS)] },
  { name: 'panic everywhere asks everybody', place: 'near/a/x', mesh: [shop('near/a/x', 'near/a/x', 'near/a/x', 'near/a/x', 'far/a/x', 'far/a/x'), policy(undefined, `${EJECTS}, minHealthPercent: 60`)], steps: [
    without(1, 2, 3, 5, 6), seen({ 1: 1 / 6, 2: 1 / 6, 3: 1 / 6, 4: 1 / 6, 5: 1 / 6, 6: 1 / 6 }, LOTS),
  ] },
  { name: 'nobody is left', place: 'near/a/x', mesh: [shop('near/a/x', 'far/a/x'), policy(undefined)], steps: [without(1, 2), get('shop.test/', { status: 503, body: 'no healthy upstream', log: { flags: 'UH' } })] },
];
