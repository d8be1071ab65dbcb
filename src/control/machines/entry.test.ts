import assert from 'node:assert/strict';
import test from 'node:test';
import { HEALTH_CHECKS, RegistrationAnnotation } from '../../api/registration.ts';
import type { WorkloadEntry } from '../../api/workload-entry.ts';
import type { WorkloadGroup } from '../../api/workload-group.ts';
import type { Stored } from '../../kube/object.ts';
import { NO_LOCALITY } from '../registry/workloads.ts';
import { connectedMark, disconnectedMark, entryFromGroup, entryName, fateOf, refusalOf, withHealth, type Fate, type MachineNode } from './entry.ts';

const NOW = Date.parse('2026-05-01T10:00:00Z');
const GROUP: Stored<WorkloadGroup> = {
  apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup',
  metadata: { name: 'vms', namespace: 'shop', uid: 'u-1', resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' },
  spec: {
    metadata: { labels: { app: 'reviews', tier: 'metadata' }, annotations: { team: 'a' } },
    template: { ports: { http: 8080 }, serviceAccount: 'vm', weight: 3, network: 'home', locality: 'eu/eu-1', labels: { app: 'template', version: 'v1', tier: 'template' } },
  },
};
const node = (over: Partial<MachineNode> = {}, machine: Partial<MachineNode['machine']> = {}): MachineNode => ({
  address: '10.1.2.3', namespace: 'shop', labels: {}, locality: NO_LOCALITY, machine: { group: 'vms', entry: '', network: '', isProbed: false, ...machine }, ...over,
});

const NAMES: readonly (readonly [string, Parameters<typeof entryName>[0], string])[] = [
  ['of group and address', { group: 'vms', network: '', address: '10.1.2.3' }, 'vms-10.1.2.3'],
  ['with the network', { group: 'vms', network: 'east', address: '10.1.2.3' }, 'vms-10.1.2.3-east'],
  ['of an IPv6 address', { group: 'vms', network: '', address: 'fd00::7' }, 'vms-fd00--7'],
  ['cut from the left', { group: `x${'.'.repeat(300)}`, network: '', address: '10.1.2.3' }, '10.1.2.3'],
];
for (const [what, from, name] of NAMES) test(`an entry's name: ${what}`, () => assert.equal(entryName(from), name));

test('an entry is its group’s template at the address of the machine, and the group’s own', () => {
  const { metadata, spec } = entryFromGroup(GROUP, node());
  assert.deepEqual(spec, { address: '10.1.2.3', ports: { http: 8080 }, serviceAccount: 'vm', weight: 3, network: 'home', locality: 'eu/eu-1', labels: { app: 'reviews', version: 'v1', tier: 'metadata' } });
  assert.deepEqual(metadata?.labels, spec.labels);
  assert.deepEqual(metadata?.annotations, { 'istio.io/autoRegistrationGroup': 'vms', team: 'a' });
  assert.deepEqual(metadata?.ownerReferences, [{ apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', name: 'vms', uid: 'u-1', controller: true }]);
  assert.equal(metadata?.namespace, 'shop');
});

test('what the machine says of itself goes before what its group says', () => {
  const own = node({ labels: { tier: 'own', zone: 'x' }, locality: { region: 'us', zone: 'us-2', subzone: '' } }, { network: 'east', isProbed: true });
  const { metadata, spec } = entryFromGroup(GROUP, own);
  assert.deepEqual(spec.labels, { app: 'reviews', version: 'v1', tier: 'own', zone: 'x' });
  assert.deepEqual([spec.network, spec.locality, metadata?.name], ['east', 'us/us-2', 'vms-10.1.2.3-east']);
  assert.equal(metadata?.annotations?.[HEALTH_CHECKS], 'true');
});

const caller = (namespace: string, serviceAccount: string) => ({ trustDomain: 'cluster.local', namespace, serviceAccount });
const CALLERS: readonly (readonly [string, ReturnType<typeof caller> | undefined, string | undefined, RegExp | undefined])[] = [
  ['with the account of the group', caller('shop', 'vm'), 'vm', undefined],
  ['with any account where the group names none', caller('shop', 'other'), undefined, undefined],
  ['of another account', caller('shop', 'other'), 'vm', /service account is other, but the group says vm/],
  ['of another namespace', caller('else', 'vm'), 'vm', /of namespace else/],
  ['that nobody vouches for', undefined, 'vm', /TLS port/],
];
for (const [what, who, serviceAccount, refusal] of CALLERS) {
  test(`a caller ${what} ${refusal ? 'is refused' : 'may register'}`, () => {
    const said = refusalOf(who, { metadata: { namespace: 'shop', name: 'vms-1' }, spec: { serviceAccount } });
    if (refusal) assert.match(said ?? '', refusal);
    else assert.equal(said, undefined);
  });
}

const marked = (...marks: Record<string, string | null>[]): WorkloadEntry => ({ metadata: { annotations: Object.fromEntries(Object.entries(Object.assign({}, ...marks) as Record<string, string | null>).flatMap(([key, value]) => (value === null ? [] : [[key, value]]))) }, spec: {} });
const CONNECTED = connectedMark('istiod-1', NOW - 60_000);
const FATES: readonly (readonly [string, WorkloadEntry, number | undefined, Fate])[] = [
  ['of a machine that is connected stays', marked(CONNECTED), undefined, { do: 'keep' }],
  ['of a machine that has just gone says so', marked(CONNECTED), NOW, { do: 'disconnect' }],
  ['of a machine that is waited for stays', marked(CONNECTED), NOW + 5_000, { do: 'ask again', atMs: NOW + 5_000 }],
  ['stays during the grace period', marked(CONNECTED, disconnectedMark(NOW - 4_000)), NOW - 4_000, { do: 'ask again', atMs: NOW + 6_000 }],
  ['goes after the grace period', marked(CONNECTED, disconnectedMark(NOW - 10_000)), NOW - 10_000, { do: 'remove' }],
  ['of another control plane that is there is left to it', marked(connectedMark('istiod-2', NOW)), NOW, { do: 'keep' }],
  ['of another control plane that has gone is nobody’s', marked(connectedMark('istiod-0', NOW)), NOW, { do: 'disconnect' }],
];
for (const [what, entry, goneSinceMs, fate] of FATES) {
  test(`an entry ${what}`, () => assert.deepEqual(fateOf(entry, { nowMs: NOW, instance: 'istiod-1', isElsewhere: (name) => name === 'istiod-2', goneSinceMs, graceMs: 10_000 }), fate));
}

test('marks follow each other: connected, gone, back', () => {
  const back = marked(CONNECTED, disconnectedMark(NOW), connectedMark('istiod-2', NOW + 1));
  assert.deepEqual(back.metadata?.annotations, { [RegistrationAnnotation.controller]: 'istiod-2', [RegistrationAnnotation.connectedAt]: '2026-05-01T10:00:00.001Z' });
});

test('health is a condition among others, whose transition is dated', () => {
  const accepted = { type: 'Accepted', status: 'True' as const };
  const ill = withHealth([accepted], { isHealthy: false, message: 'no answer' }, NOW);
  assert.deepEqual(ill[0], accepted);
  assert.deepEqual(ill[1], { type: 'Healthy', status: 'False', reason: 'ProbeFailed', message: 'no answer', lastProbeTime: '2026-05-01T10:00:00.000Z', lastTransitionTime: '2026-05-01T10:00:00.000Z' });
  const worse = withHealth(ill, { isHealthy: false, message: 'refused' }, NOW + 1_000);
  assert.deepEqual([worse.length, worse[1]?.message, worse[1]?.lastTransitionTime, worse[1]?.lastProbeTime], [2, 'refused', '2026-05-01T10:00:00.000Z', '2026-05-01T10:00:01.000Z']);
  const well = withHealth(worse, { isHealthy: true, message: '' }, NOW + 2_000);
  assert.deepEqual([well[1]?.status, well[1]?.message, well[1]?.lastTransitionTime], ['True', undefined, '2026-05-01T10:00:02.000Z']);
});
