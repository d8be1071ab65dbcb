import assert from 'node:assert/strict';
import test from 'node:test';
import type { ServiceEntry, ServiceEntrySpec } from '../../api/service-entry.ts';
import type { Stored } from '../../kube/object.ts';
import { planAddresses } from './address-plan.ts';

interface Facts {
  created?: number;
  labels?: Record<string, string>;
  addresses?: { value?: string; host?: string }[];
}

function entry(name: string, spec: Partial<ServiceEntrySpec>, { created = 0, labels, addresses }: Facts = {}): Stored<ServiceEntry> {
  return {
    apiVersion: 'networking.istio.io/v1', kind: 'ServiceEntry',
    metadata: { name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: new Date(created * 1000).toISOString(), ...(labels ? { labels } : {}) },
    spec: { hosts: [`${name}.example`], resolution: 'DNS', ...spec },
    ...(addresses ? { status: { addresses } } : {}),
  };
}

/** The entries as they are when the plan has been carried out. */
const settle = (entries: readonly Stored<ServiceEntry>[]) => {
  const { changes } = planAddresses(entries);
  return entries.map((e) => {
    const change = changes.find((c) => c.entry === e);
    return change ? { ...e, status: { addresses: change.addresses.map((a) => ({ ...a })) } } : e;
  });
};
const valuesOf = (entries: readonly Stored<ServiceEntry>[]) => entries.flatMap((e) => e.status?.addresses ?? []).map((a) => a.value);

test('every host gets an address of each family, out of the ranges that Istio uses', () => {
  const [made] = settle([entry('a', { hosts: ['a.example', 'b.example'] })]);
  assert.deepEqual(made?.status?.addresses?.map((a) => a.host), ['a.example', 'a.example', 'b.example', 'b.example']);
  assert.match(String(made?.status?.addresses?.[0]?.value), /^240\.240\.\d+\.\d+$/);
  assert.match(String(made?.status?.addresses?.[1]?.value), /^2001:2::f0f0:[0-9a-f]+$/);
});

for (const [why, spec, facts] of [
  ['it names addresses of its own', { addresses: ['192.0.2.1'] }, {}],
  ['callers dial the real addresses', { resolution: 'NONE' }, {}],
  ['its label says no', {}, { labels: { 'networking.istio.io/enable-autoallocate-ip': 'false' } }],
  ['its host is a pattern', { hosts: ['*.example'], resolution: 'DYNAMIC_DNS' }, {}],
] as readonly (readonly [string, Partial<ServiceEntrySpec>, Facts])[]) test(`an entry gets no address when ${why}`, () => assert.deepEqual(planAddresses([entry('a', spec, facts)]).changes, []));

test('two thousand hosts get as many addresses, and then nothing changes any more', () => {
  const made = settle(Array.from({ length: 2000 }, (_, i) => entry(`e${i}`, {})));
  assert.equal(new Set(valuesOf(made)).size, 4000);
  assert.deepEqual(planAddresses(made).changes, []);
});

test('what is in the status stays, whoever comes before or after', () => {
  const made = settle([entry('a', {}), entry('b', {})]);
  const again = settle([entry('z', {}, { created: -9 }), ...made, entry('c', {}, { created: 9 })]);
  assert.deepEqual(valuesOf(again.slice(1, 3)), valuesOf(made));
});

test('an address that is in use twice stays with the older entry', () => {
  const same = (name: string) => [{ value: '240.240.0.7', host: `${name}.example` }, { value: '2001:2::f0f0:7', host: `${name}.example` }];
  const made = settle([entry('young', {}, { created: 2, addresses: same('young') }), entry('old', {}, { created: 1, addresses: same('old') })]);
  assert.equal(made[1]?.status?.addresses?.[0]?.value, '240.240.0.7');
  assert.notEqual(made[0]?.status?.addresses?.[0]?.value, '240.240.0.7');
  assert.equal(new Set(valuesOf(made)).size, 4);
});

test('an address that an entry names itself is not given to another', () => {
  const [first] = settle([entry('a', {})]);
  const value = first?.status?.addresses?.[0]?.value ?? '';
  const made = settle([entry('owner', { addresses: [value] }), entry('a', {})]);
  assert.notEqual(made[1]?.status?.addresses?.[0]?.value, value);
});

test('hosts that left the entry, and entries that want none any more, lose theirs', () => {
  const [made] = settle([entry('a', { hosts: ['a.example', 'b.example'] })]);
  const fewer = { ...made, spec: { ...made?.spec, hosts: ['b.example'] } } as Stored<ServiceEntry>;
  assert.deepEqual(planAddresses([fewer]).changes.map((c) => c.addresses.map((a) => a.host)), [['b.example', 'b.example']]);
  const none = { ...made, spec: { ...made?.spec, resolution: 'NONE' } } as Stored<ServiceEntry>;
  assert.deepEqual(planAddresses([none]).changes.map((c) => c.addresses), [[]]);
});
