import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createPeerCodec } from './peer-codec.ts';
import { OWN } from './outcome.fixture.ts';

test('what one sidecar says of itself, another one reads, and the same header gives the same object', () => {
  const codec = createPeerCodec(OWN, 'node');
  const peer = createPeerCodec({ ...OWN, workload: 'other' }, 'other').decode(codec.ownValue, codec.ownId);
  assert.deepEqual(peer, { workload: 'productpage-v1', namespace: 'default', cluster: 'Kubernetes', app: 'productpage', version: 'v1', canonicalName: 'productpage', canonicalRevision: 'v1' });
  assert.equal(codec.decode(codec.ownValue, 'x'), codec.decode(`${codec.ownValue}`, 'y'));
});

test('a header that is no metadata is nobody', () => {
  const codec = createPeerCodec(OWN, 'node');
  assert.equal(codec.decode(undefined, undefined), undefined);
  assert.equal(codec.decode('%%%not base64%%%', 'x'), undefined);
  assert.equal(codec.decode('x'.repeat(20_000), 'x'), undefined);
});
