import assert from 'node:assert/strict';
import test from 'node:test';
import type { Condition } from '../../kube/object.ts';
import { judge, readGoal } from './verdict.ts';

const condition = (type: string, status: 'True' | 'False', reason: string, generation = 2): Condition => ({ type, status, reason, message: `${type} ${reason}`, observedGeneration: generation });
const GOOD = [condition('Accepted', 'True', 'Valid'), condition('ResolvedRefs', 'True', 'ResolvedRefs'), condition('Programmed', 'True', 'Programmed'), condition('InEffect', 'True', 'AllFieldsInEffect')];
const withOther = (...others: Condition[]) => GOOD.map((c) => others.find((o) => o.type === c.type) ?? c);

test('the status of an object says whether its generation is in force, will be, or never', () => {
  const cases: [conditions: Condition[] | undefined, goal: string, expected: string][] = [
    [GOOD, 'distribution', 'reached Programmed Programmed'],
    [undefined, 'distribution', 'waiting the control plane has written no status; is it running? See: kubectl get pods -n istio-system'],
    [GOOD.map((c) => ({ ...c, observedGeneration: 1 })), 'distribution', 'waiting the control plane has not looked at this generation yet'],
    [withOther(condition('Programmed', 'False', 'Pending')), 'distribution', 'waiting Programmed Pending'],
    [withOther(condition('Programmed', 'False', 'Refused')), 'distribution', 'failed Programmed Refused'],
    [withOther(condition('Programmed', 'False', 'NotTranslated')), 'distribution', 'failed Programmed NotTranslated'],
    [withOther(condition('Programmed', 'False', 'Invalid'), condition('Accepted', 'False', 'Invalid')), 'distribution', 'failed not accepted: Accepted Invalid'],
    [withOther(condition('ResolvedRefs', 'False', 'RefNotFound')), 'distribution', 'reached Programmed Programmed, but RefNotFound: ResolvedRefs RefNotFound'],
    [withOther(condition('Accepted', 'False', 'Conflict'), condition('InEffect', 'False', 'FieldsNotInEffect')), 'distribution', 'reached Programmed Programmed, but Conflict: Accepted Conflict; FieldsNotInEffect: InEffect FieldsNotInEffect'],
    [GOOD, 'condition=Accepted', 'reached Accepted is True (Valid): Accepted Valid'],
    [GOOD, 'condition=Accepted=false', 'waiting Accepted is True (Valid): Accepted Valid'],
    [[condition('Accepted', 'False', 'Invalid')], 'condition=Accepted=False', 'reached Accepted is False (Invalid): Accepted Invalid'],
  ];
  for (const [conditions, goal, expected] of cases) {
    const read = readGoal(goal);
    assert.ok(read.kind !== 'delete');
    const verdict = judge(conditions ? { status: { conditions } } : {}, 2, read);
    const warnings = verdict.state === 'reached' && verdict.warnings.length > 0 ? `, but ${verdict.warnings.join('; ')}` : '';
    assert.equal(`${verdict.state} ${verdict.text}${warnings}`, expected);
  }
});

test('a goal that is none is refused with what there is', () => {
  assert.throws(() => readGoal('ready'), /write distribution, delete, or condition=TYPE\[=STATUS\]/);
});
