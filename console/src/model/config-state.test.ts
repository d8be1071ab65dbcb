import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { IstioObject } from '../api/kube.ts';
import { concernsService, configState } from './config-state.ts';
import { mtlsMode } from './mesh-policy.ts';

const object = (spec: Record<string, unknown>, extra: Partial<IstioObject> = {}): IstioObject => ({ metadata: { name: 'x', namespace: 'default' }, spec, ...extra });

for (const [name, it, leftOut, want] of [
  ['the control plane left it out', object({}), 'no such subset', 'error'],
  ['the control plane uses it', object({}), null, 'valid'],
  ['nobody says anything', object({}), undefined, 'unknown'],
  ['a condition is not met', object({}, { status: { conditions: [{ type: 'Accepted', status: 'False', message: 'no' }] } }), null, 'error'],
  ['an analyzer warns', object({}, { status: { validationMessages: [{ level: 'WARNING', message: 'careful' }] } }), null, 'warning'],
] as const) {
  test(`${name}: ${want}`, () => assert.equal(configState(it, leftOut).state, want));
}

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
