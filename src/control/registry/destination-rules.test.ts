import assert from 'node:assert/strict';
import test from 'node:test';
import { snapshotOf } from './snapshot-builder.ts';
import { findHostPolicy, type PolicyClient } from './destination-rules.ts';
import { yamlMesh } from './testing/yaml-mesh.ts';

const HOST = 'reviews.shop.svc.cluster.local';
const SERVICE = { host: HOST, namespace: 'shop' };

let age = 0;
const rule = (at: string, spec: string) => {
  const [namespace, name] = at.split('/');
  age++;
  return `---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: ${name}, namespace: ${namespace}, creationTimestamp: "2026-01-01T00:${String(age).padStart(2, '0')}:00Z"}
spec: {${spec}}
`;
};

function find(rules: readonly string[], client: Partial<PolicyClient> = {}) {
  const { hostPolicies } = snapshotOf(yamlMesh(rules.join('')));
  return findHostPolicy(hostPolicies, { namespace: 'default', labels: {}, ...client }, SERVICE, 'istio-system');
}
const whose = (rules: readonly string[], client: Partial<PolicyClient> = {}) => {
  const found = find(rules, client);
  return found && `${found.namespace}/${found.name}`;
};

const cases: readonly [name: string, rules: readonly string[], want: string | undefined, client?: Partial<PolicyClient>][] = [
  ['nothing fits', [rule('shop/a', 'host: ratings')], undefined],
  ['a short name is of the object’s namespace', [rule('shop/a', 'host: reviews')], 'shop/a'],
  ['a short name elsewhere is another host', [rule('default/a', 'host: reviews')], undefined],
  ['the client’s namespace comes first', [rule('shop/a', 'host: reviews'), rule('default/b', `host: ${HOST}`), rule('istio-system/c', `host: ${HOST}`)], 'default/b'],
  ['then that of the service', [rule('shop/a', 'host: reviews'), rule('istio-system/c', `host: ${HOST}`)], 'shop/a'],
  ['then the root namespace', [rule('other/a', `host: ${HOST}`), rule('istio-system/c', `host: ${HOST}`)], 'istio-system/c'],
  ['a mesh default is a wildcard in the root namespace', [rule('istio-system/c', 'host: "*.local"')], 'istio-system/c'],
  ['a wildcard nearby wins over an exact host farther away', [rule('default/a', 'host: "*.shop.svc.cluster.local"'), rule('shop/b', 'host: reviews')], 'default/a'],
  ['in a namespace the most specific host wins', [rule('shop/a', 'host: "*.local"'), rule('shop/b', 'host: "*.shop.svc.cluster.local"')], 'shop/b'],
  ['what is kept to its namespace is not seen elsewhere', [rule('shop/a', 'host: reviews, exportTo: ["."]')], undefined],
  ['nor what is exported to others', [rule('shop/a', 'host: reviews, exportTo: [third]')], undefined],
  ['but by those it is exported to', [rule('shop/a', 'host: reviews, exportTo: [third, default]')], 'shop/a'],
  ['what is hidden does not hide the next', [rule('shop/a', 'host: reviews, exportTo: ["."]'), rule('istio-system/c', 'host: "*.local"')], 'istio-system/c'],
  ['a hidden exact host does not hide a visible wildcard', [rule('shop/a', 'host: reviews, exportTo: ["."]'), rule('shop/b', 'host: "*.local"')], 'shop/b'],
  ['in the root namespace the service’s namespace comes before the mesh default', [rule('istio-system/c', 'host: "*.local"'), rule('shop/a', 'host: reviews')], 'shop/a', { namespace: 'istio-system' }],
  ['but not before what the root namespace keeps to itself', [rule('istio-system/c', 'host: "*.local", exportTo: ["."]'), rule('shop/a', 'host: reviews')], 'istio-system/c', { namespace: 'istio-system' }],
  ['for these clients only', [rule('default/a', `host: ${HOST}, workloadSelector: {matchLabels: {app: web}}`)], 'default/a', { labels: { app: 'web', version: 'v1' } }],
  ['and not for others', [rule('default/a', `host: ${HOST}, workloadSelector: {matchLabels: {app: web}}`)], undefined, { labels: { app: 'job' } }],
  ['a selector counts in its own namespace only', [rule('shop/a', 'host: reviews, workloadSelector: {matchLabels: {app: web}}')], undefined, { labels: { app: 'web' } }],
  ['one for these clients wins over one for all', [rule('default/a', `host: ${HOST}`), rule('default/b', `host: ${HOST}, workloadSelector: {matchLabels: {app: web}}`)], 'default/b', { labels: { app: 'web' } }],
];
for (const [name, rules, want, client] of cases) test(name, () => assert.equal(whose(rules, client), want));

test('rules for one host add up their subsets; the first of a name and the first policy win', () => {
  const found = find([
    rule('shop/a', 'host: reviews, subsets: [{name: v1, labels: {version: one}}]'),
    rule('shop/b', 'host: reviews, trafficPolicy: {loadBalancer: {simple: RANDOM}}, subsets: [{name: v1, labels: {version: other}}, {name: v2, labels: {version: two}}]'),
    rule('shop/c', 'host: reviews.shop.svc.cluster.local, trafficPolicy: {loadBalancer: {simple: ROUND_ROBIN}}'),
  ]);
  assert.deepEqual(found?.subsets.map((subset) => [subset.name, subset.labels]), [['v1', { version: 'one' }], ['v2', { version: 'two' }]]);
  assert.equal(found?.trafficPolicy?.loadBalancer?.simple, 'RANDOM');
});

test('rules for different audiences are kept apart', () => {
  const rules = [rule('shop/a', 'host: reviews, subsets: [{name: v1}], exportTo: [default]'), rule('shop/b', 'host: reviews, subsets: [{name: v2}], exportTo: ["."]')];
  assert.deepEqual(find(rules)?.subsets.map(({ name }) => name), ['v1']);
  assert.deepEqual(find(rules, { namespace: 'shop' })?.subsets.map(({ name }) => name), ['v2']);
});
