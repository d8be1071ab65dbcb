import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Container } from 'kubernetes-types/core/v1.d.ts';
import { qosClass } from './pod-status.ts';

const small = { cpu: '100m', memory: '64Mi' };
const CASES: [why: string, resources: Container['resources'][], want: string][] = [
  ['no container asks for anything', [undefined, {}], 'BestEffort'],
  ['every container has its limits as requests', [{ limits: small, requests: small }, { limits: small }], 'Guaranteed'],
  ['one container has none', [{ limits: small }, {}], 'Burstable'],
  ['a request is below its limit', [{ limits: small, requests: { cpu: '50m' } }], 'Burstable'],
  ['only memory is asked for', [{ requests: { memory: '1Gi' } }], 'Burstable'],
];
for (const [why, resources, want] of CASES) {
  test(`a pod is ${want} when ${why}`, () => assert.equal(qosClass({ spec: { containers: resources.map((r, i) => ({ name: `c${i}`, resources: r })) } }), want));
}
