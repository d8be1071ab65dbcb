import assert from 'node:assert/strict';
import { test } from 'node:test';
import { create, fromBinary, toBinary, toJson } from '@bufbuild/protobuf';
import type { JsonObject } from '@bufbuild/protobuf';
import { StructSchema } from '@bufbuild/protobuf/wkt';
import { BinaryWriter } from '@bufbuild/protobuf/wire';
import { NodeSchema } from '../generated/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '../generated/envoy/service/discovery/v3/discovery_pb.js';
import { decodeDeltaResponse, encodeDeltaRequest, encodeResources } from './delta-codec.ts';
import { writeStruct } from './wire-struct.ts';

const CDS = 'type.googleapis.com/envoy.config.cluster.v3.Cluster';

test('a request is the one that the generated code would send', () => {
  const node = create(NodeSchema, { id: 'sidecar~1.1.1.1~p.ns~ns.svc', metadata: { NAMESPACE: 'ns' } });
  const bytes = encodeDeltaRequest({ typeUrl: CDS, subscribe: ['a', 'ü'], unsubscribe: ['b'], initialVersions: { a: '1', c: '2' }, nonce: 'n', error: 'no' }, toBinary(NodeSchema, node));
  assert.deepEqual(fromBinary(DeltaDiscoveryRequestSchema, bytes), create(DeltaDiscoveryRequestSchema, {
    node, typeUrl: CDS, resourceNamesSubscribe: ['a', 'ü'], resourceNamesUnsubscribe: ['b'], initialResourceVersions: { a: '1', c: '2' }, responseNonce: 'n',
    errorDetail: { code: 3, message: 'no' },
  }));
});

test('what a request does not say is not sent', () => {
  assert.equal(encodeDeltaRequest({ typeUrl: '', subscribe: [], unsubscribe: [], initialVersions: {}, nonce: '' }).length, 0);
});

test('a response is read, and fields that nobody asked for are skipped', () => {
  const bytes = toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, {
    systemVersionInfo: 'v', typeUrl: CDS, nonce: 'n', removedResources: ['gone', 'too'], controlPlane: { identifier: 'istiod' },
    resources: [
      { name: 'a', version: '1', aliases: ['x'], ttl: { seconds: 5n }, resource: { typeUrl: CDS, value: Uint8Array.of(1, 2) } },
      { name: 'empty', version: '2' },
    ],
  }));
  assert.deepEqual(decodeDeltaResponse(bytes), {
    typeUrl: CDS, nonce: 'n', removed: ['gone', 'too'],
    resources: [{ name: 'a', version: '1', value: Uint8Array.of(1, 2) }, { name: 'empty', version: '2', value: new Uint8Array() }],
  });
});

test('a response that is cut off is an error', () => {
  const bytes = toBinary(DeltaDiscoveryResponseSchema, create(DeltaDiscoveryResponseSchema, { typeUrl: CDS, nonce: 'n' }));
  assert.throws(() => decodeDeltaResponse(bytes.subarray(0, bytes.length - 1)));
});

test('kept resources come back', () => {
  const resources = [{ name: 'a', version: '1', value: Uint8Array.of(7) }];
  assert.deepEqual(decodeDeltaResponse(encodeResources(CDS, resources)), { typeUrl: CDS, nonce: '', removed: [], resources });
});

test('every kind of JSON value becomes a member of a Struct', () => {
  const json: JsonObject = { text: 'é', empty: '', number: -1.5, yes: true, no: false, nothing: null, list: [1, 'a', [], { deep: null }], nested: { of: { it: 'x' } }, none: {} };
  const writer = new BinaryWriter();
  writeStruct(writer, json);
  assert.deepEqual(toJson(StructSchema, fromBinary(StructSchema, writer.finish())), json);
});
