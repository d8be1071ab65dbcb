import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IstioObject } from '../api/kube.ts';
import { concernsService, configState } from './config-state.ts';
import { mtlsMode } from './mesh-policy.ts';

const object = (spec: Record<string, unknown>, extra: Partial<IstioObject> = {}): IstioObject => ({ metadata: { name: 'x', namespace: 'default' }, spec, ...extra });

type Condition = NonNullable<NonNullable<IstioObject['status']>['conditions']>[number];
const of = (generation: number, ...conditions: Condition[]): IstioObject => ({ metadata: { name: 'x', namespace: 'default', generation }, status: { conditions } });
const accepted = (message = 'the object is valid'): Condition => ({ type: 'Accepted', status: 'True', reason: 'Valid', message, observedGeneration: 3 });
const programmed = (status: string, reason: string, message: string): Condition => ({ type: 'Programmed', status, reason, message, observedGeneration: '3' });
const ALL = programmed('True', 'Programmed', 'acknowledged by 2 of 2 interested proxies');

for (const [name, it, want] of [
  ['nobody says anything', object({}), ['unknown']],
  ['every proxy has it', of(3, accepted(), ALL), ['valid']],
  ['no proxy wants it', of(3, accepted(), programmed('True', 'NoInterestedProxy', 'no connected proxy uses this object')), ['unused']],
  ['a proxy has not answered', of(3, accepted(), programmed('False', 'Pending', 'acknowledged by 1 of 2 interested proxies; waiting for a.default')), ['pending', 'Programmed: acknowledged by 1 of 2 interested proxies; waiting for a.default']],
  ['a proxy refuses it', of(3, accepted(), programmed('False', 'Refused', 'acknowledged by 1 of 2 interested proxies; refused by a.default: no; never')), ['error', 'Programmed: acknowledged by 1 of 2 interested proxies; refused by a.default: no; never']],
  ['it is not valid', of(3, { type: 'Accepted', status: 'False', reason: 'Invalid', message: 'spec.hosts: missing', observedGeneration: 3 }), ['error', 'Accepted: spec.hosts: missing']],
  ['it has been changed since', of(4, accepted(), ALL), ['pending', 'Accepted: the control plane has not looked at this generation yet; of the one before it said: the object is valid', 'Programmed: the control plane has not looked at this generation yet; of the one before it said: acknowledged by 2 of 2 interested proxies']],
  ['a field has no effect', of(3, accepted(), { type: 'InEffect', status: 'False', reason: 'FieldsNotInEffect', message: 'spec.a: why', observedGeneration: 3 }), ['warning', 'InEffect: spec.a: why']],
  ['the control plane warns', of(3, accepted('the object is valid, but look at spec.http[0]: odd')), ['warning', 'Accepted: the object is valid, but look at spec.http[0]: odd']],
  ['Istio’s analysis warns', object({}, { status: { validationMessages: [{ level: 'WARNING', message: 'careful' }] } }), ['warning', 'careful']],
  ['Istio’s own status', object({}, { status: { conditions: [{ type: 'Reconciled', status: 'True' }] } }), ['valid']],
] as const) {
  test(`${name}: ${want[0]}`, () => {
    const { state, messages } = configState(it);
    assert.deepEqual([state, ...messages], want);
  });
}

test('how far the proxies are, and the words of one that refuses, as they are', () => {
  const { conditions, progress, headline } = configState(of(3, programmed('False', 'Refused', 'acknowledged by 1 of 3 interested proxies; refused by a.default: bad; very bad')));
  assert.deepEqual(progress, { acknowledged: 1, interested: 3 });
  assert.deepEqual(conditions[0]?.points, ['acknowledged by 1 of 3 interested proxies', 'refused by a.default: bad; very bad']);
  assert.equal(headline, 'refused by a.default: bad; very bad');
});

for (const [host, want] of [
  ['reviews', true],
  ['reviews.default', true],
  ['reviews.default.svc.cluster.local', true],
  ['reviews.other', false],
  ['ratings', false],
  ['*', false],
] as const) {
  test(`the host ${host} ${want ? 'means' : 'does not mean'} the service reviews in default`, () => assert.equal(concernsService(object({ hosts: [host] }), 'default', 'reviews'), want));
}

test('mutual TLS: the namespace before the mesh, and policies for single workloads do not count', () => {
  const policy = (namespace: string, mode: string, selector?: object): IstioObject => ({ metadata: { name: 'p', namespace }, spec: { mtls: { mode }, ...(selector ? { selector } : {}) } });
  assert.equal(mtlsMode([policy('istio-system', 'STRICT')], 'default'), 'STRICT');
  assert.equal(mtlsMode([policy('istio-system', 'STRICT'), policy('default', 'DISABLE')], 'default'), 'DISABLE');
  assert.equal(mtlsMode([policy('default', 'STRICT', { matchLabels: {} })], 'default'), 'PERMISSIVE');
  assert.equal(mtlsMode([policy('default', 'UNSET'), policy('istio-system', 'STRICT')], 'default'), 'STRICT');
});
