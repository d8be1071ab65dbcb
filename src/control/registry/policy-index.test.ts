import assert from 'node:assert/strict';
import test from 'node:test';
import * as fc from 'fast-check';
import type { Stored } from '../../kube/object.ts';
import { byAge } from './by-age.ts';
import { indexPolicies, type Selecting } from './policy-index.ts';
import { labelsMatch } from './visibility.ts';

const labels = fc.dictionary(fc.constantFrom('app', 'version', 'tier'), fc.constantFrom('a', 'b', ''), { maxKeys: 3 });
const selector = fc.option(fc.record({ matchLabels: fc.option(labels, { nil: undefined }) }), { nil: undefined });
const policy = fc.record({ namespace: fc.constantFrom('one', 'two'), second: fc.integer({ min: 0, max: 3 }), selector, isAttached: fc.boolean() });

test('the policies that select a workload are those that a look at each would find, oldest first', () => {
  fc.assert(fc.property(fc.array(policy, { maxLength: 20 }), labels, (made, subject) => {
    const policies = made.map((at, i): Stored<Selecting> => ({
      apiVersion: 'v1', kind: 'Policy', metadata: { name: `p${i}`, namespace: at.namespace, uid: String(i), resourceVersion: '1', creationTimestamp: `2024-01-01T00:00:0${at.second}Z` },
      spec: { selector: at.selector, ...(at.isAttached ? { targetRefs: [{ kind: 'Service' }] } : {}) },
    }));
    const index = indexPolicies(policies);
    for (const namespace of ['one', 'two', 'three']) {
      const expected = policies.filter(({ metadata, spec }) => metadata.namespace === namespace && spec?.targetRefs === undefined && labelsMatch(spec?.selector?.matchLabels, subject)).toSorted(byAge);
      assert.deepEqual(index.get(namespace)?.selecting(subject) ?? [], expected);
    }
  }), { numRuns: 300 });
});

test('labels that run into each other are told apart', () => {
  const at = { uid: '1', resourceVersion: '1', creationTimestamp: '2024-01-01T00:00:00Z', namespace: 'one' };
  const index = indexPolicies<Selecting>([{ apiVersion: 'v1', kind: 'Policy', metadata: { ...at, name: 'p' }, spec: { selector: { matchLabels: { app: 'a=b' } } } } as Stored<Selecting>]);
  assert.equal(index.get('one')?.selecting({ 'app': 'a=b' }).length, 1);
  assert.equal(index.get('one')?.selecting({ 'app=a': 'b' }).length, 0);
});
