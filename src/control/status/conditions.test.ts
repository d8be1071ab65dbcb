import assert from 'node:assert/strict';
import test from 'node:test';
import { saysTheSame, statusOf } from './conditions.ts';
import type { ObjectFacts } from './facts.ts';

const GOOD: ObjectFacts = {
  generation: 3, issues: [], isUsable: true, conflicts: [], leftOut: [], missing: [], ineffective: [], becomes: 'resources',
  progress: { interested: 2, acknowledged: 2, waitingFor: [], refusals: [] },
};
const error = (message: string) => ({ severity: 'error' as const, path: 'spec.x', message });

const said = (facts: Partial<ObjectFacts>, type: string): string => {
  const found = statusOf({ ...GOOD, ...facts }, [], 0).conditions.find((c) => c.type === type);
  return `${found?.status} ${found?.reason}: ${found?.message}`;
};

test('each fact comes to stand in one condition', () => {
  const cases: [Partial<ObjectFacts>, type: string, expected: string][] = [
    [{}, 'Accepted', 'True Valid: the object is valid'],
    [{ issues: [{ severity: 'warning', path: 'spec.y', message: 'odd' }] }, 'Accepted', 'True Valid: the object is valid, but look at spec.y: odd'],
    [{ issues: [error('bad')], isUsable: false }, 'Accepted', 'False Invalid: left out: spec.x: bad'],
    [{ issues: [error('bad')] }, 'Accepted', 'False Invalid: spec.x: bad'],
    [{ issues: Array.from({ length: 12 }, (_, i) => error(String(i))), isUsable: false }, 'Accepted', `False Invalid: left out: ${Array.from({ length: 10 }, (_, i) => `spec.x: ${i}`).join('; ')}; and 2 more`],
    [{ leftOut: ['rule 1'] }, 'Accepted', 'False LeftOut: rule 1'],
    [{ conflicts: ['another has it'] }, 'Accepted', 'False Conflict: another has it'],
    [{ missing: ['host a'] }, 'ResolvedRefs', 'False RefNotFound: host a'],
    [{ ineffective: [{ path: 'spec.z', why: 'not built' }] }, 'InEffect', 'False FieldsNotInEffect: spec.z: not built'],
    [{}, 'Programmed', 'True Programmed: acknowledged by 2 of 2 interested proxies'],
    [{ progress: { interested: 0, acknowledged: 0, waitingFor: [], refusals: [] } }, 'Programmed', 'True NoInterestedProxy: no connected proxy uses this object'],
    [{ progress: { interested: 9, acknowledged: 1, waitingFor: ['a', 'b'], refusals: [] } }, 'Programmed', 'False Pending: acknowledged by 1 of 9 interested proxies; waiting for a, b and 6 more'],
    [{ progress: { interested: 4, acknowledged: 1, waitingFor: [], refusals: [{ proxy: 'a', message: 'no' }, { proxy: 'b', message: 'no' }, { proxy: 'c', message: 'never' }] } }, 'Programmed', 'False Refused: acknowledged by 1 of 4 interested proxies; refused by a and 1 more: no; c: never'],
    [{ isUsable: false }, 'Programmed', 'False Invalid: the object is left out; see Accepted'],
    [{ becomes: 'nothing' }, 'Programmed', 'False NotTranslated: nothing is made of objects of this kind; see InEffect'],
    [{ becomes: 'machines', registered: 2 }, 'Programmed', 'True AtRegistration: in force for machines that register from now on; 2 registered now'],
    [{ becomes: 'pods' }, 'Programmed', 'True AtInjection: in force for pods that are created from now on'],
  ];
  for (const [facts, type, expected] of cases) assert.equal(said(facts, type), expected);
});

test('conditions of others stay', () => {
  const healthy = { type: 'Healthy', status: 'True' as const, reason: 'Probe', message: 'fine' };
  const status = statusOf(GOOD, [healthy], 0);
  assert.deepEqual(status.conditions.at(-1), healthy);
  assert.equal(saysTheSame({ ...status, conditions: status.conditions.slice(0, -1) }, status), true);
});

test('a condition keeps its time as long as its status stays, and what says the same need not be written', () => {
  const first = statusOf(GOOD, [], 1_000);
  const counted = statusOf({ ...GOOD, progress: { ...GOOD.progress, interested: 3, acknowledged: 3 } }, first.conditions, 60_000);
  const times = (status: typeof first) => status.conditions.map((c) => c.lastTransitionTime);
  assert.deepEqual(times(counted), times(first));
  assert.equal(saysTheSame(first, counted), false);
  assert.equal(saysTheSame(first, statusOf(GOOD, [], 60_000)), true);
  assert.equal(saysTheSame(undefined, first), false);
  const broken = statusOf({ ...GOOD, missing: ['x'] }, first.conditions, 60_000);
  assert.deepEqual(times(broken).map((time) => time === '1970-01-01T00:01:00Z'), [false, true, false, false]);
});
