import assert from 'node:assert/strict';
import test from 'node:test';
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { VirtualService } from '../../api/virtual-service.ts';
import type { Stored } from '../../kube/object.ts';
import { SnapshotBuilder } from './snapshot-builder.ts';
import type { MeshSnapshot } from './snapshot.ts';
import { yamlMesh } from './testing/yaml-mesh.ts';

const MESH = yamlMesh(`
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {selector: {app: app}, ports: [{name: http, port: 80}]}
`);

const HOST = 'app.default.svc.cluster.local';

const metadata = (name: string) => ({ name, namespace: 'default', uid: name, resourceVersion: '1', creationTimestamp: '2026-01-01T00:00:00Z' });
const rule = (names: string[], options: { name?: string; host?: string } = {}): Stored<DestinationRule> => ({
  metadata: metadata(options.name ?? 'app'), spec: { host: options.host ?? 'app', trafficPolicy: { loadBalancer: { simple: 'RANDOM' } }, subsets: names.map((name) => ({ name, labels: { version: name } })) },
});
const route = (subset: string): Stored<VirtualService> => ({ metadata: metadata('app'), spec: { hosts: ['app'], http: [{ route: [{ destination: { host: 'app', subset } }] }] } });

const builderOf = () => {
  const builder = new SnapshotBuilder();
  return (destinationRules: Stored<DestinationRule>[], virtualServices: Stored<VirtualService>[]) => builder.build({ ...MESH, destinationRules, virtualServices }, 0);
};

const policiesOf = ({ hostPolicies }: MeshSnapshot, host = HOST) => hostPolicies.byNamespace.get('default')?.get(host) ?? [];
const subsetsOf = (snapshot: MeshSnapshot, host = HOST) => policiesOf(snapshot, host).flatMap(({ subsets }) => subsets.map(({ name }) => name));

test('a subset stays while a route sends to it, although its rule has dropped it', () => {
  const build = builderOf();
  build([rule(['v1'])], [route('v1')]);
  const between = build([rule(['first'])], [route('v1')]);
  assert.deepEqual(subsetsOf(between), ['first', 'v1']);
  assert.match(between.leftOut[0]?.reason ?? '', /no DestinationRule has subset v1 of app\.default\.svc\.cluster\.local any more/);
  assert.deepEqual(subsetsOf(build([rule(['first'])], [route('v1')])), ['first', 'v1'], 'also when nothing changes');
  const after = build([rule(['first'])], [route('first')]);
  assert.deepEqual(subsetsOf(after), ['first']);
  assert.deepEqual(after.leftOut, []);
});

test('it stays through further changes of the rule', () => {
  const build = builderOf();
  build([rule(['v1'])], [route('v1')]);
  build([rule(['first'])], [route('v1')]);
  assert.deepEqual(subsetsOf(build([rule(['second'])], [route('v1')])), ['second', 'v1']);
});

test('it stays when the rule is deleted, without the rest of the rule', () => {
  const build = builderOf();
  build([rule(['v1', 'v2'])], [route('v1')]);
  const [policy] = policiesOf(build([], [route('v1')]));
  assert.deepEqual(policy?.subsets.map(({ name }) => name), ['v1']);
  assert.equal(policy?.trafficPolicy, undefined);
  assert.deepEqual(policiesOf(build([], [])), []);
});

test('it goes when another rule for the host has taken it over', () => {
  const build = builderOf();
  build([rule(['v1'])], [route('v1')]);
  const policies = policiesOf(build([rule(['v1'], { name: 'other' })], [route('v1')]));
  assert.deepEqual(policies.map(({ name }) => name), ['other']);
});

test('a rule for many hosts keeps what one of them needs', () => {
  const build = builderOf();
  const host = '*.default.svc.cluster.local';
  build([rule(['v1'], { host })], [route('v1')]);
  assert.deepEqual(subsetsOf(build([rule(['v2'], { host })], [route('v1')]), host), ['v2', 'v1']);
});

test('a rule that speaks of another host now leaves the subset behind', () => {
  const build = builderOf();
  build([rule(['v1'])], [route('v1')]);
  const after = build([rule(['v1'], { host: 'elsewhere' })], [route('v1')]);
  assert.deepEqual(subsetsOf(after), ['v1']);
  assert.deepEqual(subsetsOf(after, 'elsewhere.default.svc.cluster.local'), ['v1']);
});

test('a subset that was never there is not made up', () => {
  const build = builderOf();
  assert.deepEqual(subsetsOf(build([rule(['v1'])], [route('v2')])), ['v1']);
  assert.deepEqual(subsetsOf(build([rule(['v1'])], [route('v2')])), ['v1']);
});

test('what is kept is the same object from snapshot to snapshot', () => {
  const build = builderOf();
  build([rule(['v1'])], [route('v1')]);
  const first = build([rule(['first'])], [route('v1')]);
  const second = build([rule(['first'])], [route('v1')]);
  assert.equal(policiesOf(first)[0], policiesOf(second)[0]);
});
