import assert from 'node:assert/strict';
import test from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { anyPack } from '@bufbuild/protobuf/wkt';
import { ClusterLoadAssignmentSchema } from './generated/envoy/config/endpoint/v3/endpoint_pb.js';
import { DeltaDiscoveryResponseSchema, DiscoveryResponseSchema } from './generated/envoy/service/discovery/v3/discovery_pb.js';
import { EncodedResource } from './resource.ts';
import { TypeUrl } from './type-urls.ts';
import { encodeDeltaResponse, encodeSotwResponse } from './wire.ts';

const long = 'n'.repeat(300);
const message = create(ClusterLoadAssignmentSchema, { clusterName: long });
const resource = new EncodedResource(TypeUrl.Endpoints, long, toBinary(ClusterLoadAssignmentSchema, message));

test('a delta response that was put together from bytes is what the message codec would write', () => {
  const bytes = encodeDeltaResponse({ typeUrl: TypeUrl.Endpoints, nonce: 'n1', version: 'v1' }, [resource.delta, resource.delta], ['x', 'y']).bytes;
  const one = { name: long, version: resource.version, resource: anyPack(ClusterLoadAssignmentSchema, message) };
  const expected = create(DeltaDiscoveryResponseSchema, { typeUrl: TypeUrl.Endpoints, nonce: 'n1', systemVersionInfo: 'v1', resources: [one, one], removedResources: ['x', 'y'] });
  assert.deepEqual(fromBinary(DeltaDiscoveryResponseSchema, bytes), expected);
});

test('a state-of-the-world response too', () => {
  const bytes = encodeSotwResponse({ typeUrl: TypeUrl.Endpoints, nonce: 'n1', version: 'v1' }, [resource.any]).bytes;
  const expected = create(DiscoveryResponseSchema, { typeUrl: TypeUrl.Endpoints, nonce: 'n1', versionInfo: 'v1', resources: [anyPack(ClusterLoadAssignmentSchema, message)] });
  assert.deepEqual(fromBinary(DiscoveryResponseSchema, bytes), expected);
});

test('equal content has an equal version, other content another', () => {
  const same = new EncodedResource(TypeUrl.Endpoints, 'a', resource.value);
  assert.equal(same.version, resource.version);
  assert.notEqual(new EncodedResource(TypeUrl.Endpoints, 'a', new Uint8Array([1])).version, resource.version);
});
