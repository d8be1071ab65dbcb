import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { LimitRange, LimitRangeItem, Pod } from 'kubernetes-types/core/v1.d.ts';
import { claimLimitErrors, podLimitErrors } from './limit-check.ts';
import { applyLimitDefaults } from './limit-defaults.ts';

const range = (item: Partial<LimitRangeItem>): LimitRange => ({ metadata: { name: 'limits' }, spec: { limits: [{ type: 'Container', ...item }] } });
const pod = (resources: object): Pod => ({ spec: { containers: [{ name: 'x', resources }] } });

test('what a container leaves unsaid is filled in and noted', () => {
  const given: Pod = { metadata: { name: 'p' }, spec: { containers: [{ name: 'x' }, { name: 'y', resources: { limits: { cpu: '2' } } }], initContainers: [{ name: 'i' }] } };
  applyLimitDefaults(given, [range({ default: { cpu: '1', memory: '512Mi' }, defaultRequest: { cpu: '500m' } })]);
  assert.deepEqual(given.spec?.containers[0]?.resources, { limits: { cpu: '1', memory: '512Mi' }, requests: { cpu: '500m', memory: '512Mi' } });
  // Its own limit is its request, by the API's defaults.
  assert.deepEqual(given.spec?.containers[1]?.resources, { limits: { cpu: '2', memory: '512Mi' }, requests: { memory: '512Mi' } });
  assert.equal(
    given.metadata?.annotations?.['kubernetes.io/limit-ranger'],
    'LimitRanger plugin set: cpu, memory request for container x; cpu, memory limit for container x; memory request for container y; memory limit for container y; cpu, memory request for init container i; cpu, memory limit for init container i',
  );
});

test('a container that states everything is left as it is', () => {
  const given = pod({ limits: { cpu: '1' }, requests: { cpu: '1' } });
  applyLimitDefaults(given, [range({ default: { cpu: '2' } })]);
  assert.equal(given.metadata, undefined);
});

for (const [name, item, resources, want] of [
  ['over the maximum', { max: { cpu: '1' } }, { limits: { cpu: '2' } }, ['maximum cpu usage per Container is 1, but limit is 2']],
  ['no limit where there is a maximum', { max: { cpu: '1' } }, {}, ['maximum cpu usage per Container is 1.  No limit is specified']],
  ['under the minimum', { min: { memory: '100Mi' } }, { requests: { memory: '50Mi' } }, ['minimum memory usage per Container is 100Mi, but request is 50Mi']],
  ['no request where there is a minimum', { min: { cpu: '10m' } }, {}, ['minimum cpu usage per Container is 10m.  No request is specified']],
  ['limit too far above the request', { maxLimitRequestRatio: { cpu: '2' } }, { limits: { cpu: '3' }, requests: { cpu: '1' } }, ['cpu max limit to request ratio per Container is 2, but provided ratio is 3.000000']],
  ['within all bounds', { min: { cpu: '100m' }, max: { cpu: '1' } }, { limits: { cpu: '1' }, requests: { cpu: '100m' } }, []],
] as const) {
  test(`a pod ${name}`, () => assert.deepEqual(podLimitErrors(pod(resources), range(item)), want));
}

test('a range of type Pod adds the containers up', () => {
  const given: Pod = { spec: { containers: ['a', 'b'].map((name) => ({ name, resources: { limits: { cpu: '600m' }, requests: { cpu: '600m' } } })) } };
  assert.deepEqual(podLimitErrors(given, range({ type: 'Pod', max: { cpu: '1' } })), ['maximum cpu usage per Pod is 1, but limit is 1200m']);
});

test('a claim is bounded by its request of storage', () => {
  const claim = { spec: { resources: { requests: { storage: '20Gi' } } } };
  assert.deepEqual(claimLimitErrors(claim, range({ type: 'PersistentVolumeClaim', min: { storage: '1Gi' }, max: { storage: '10Gi' } })), ['maximum storage usage per PersistentVolumeClaim is 10Gi, but request is 20Gi']);
});
