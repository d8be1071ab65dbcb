import assert from 'node:assert/strict';
import test from 'node:test';
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import * as fc from 'fast-check';
import { NodeSchema } from './generated/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DiscoveryRequestSchema } from './generated/envoy/service/discovery/v3/discovery_pb.js';
import { decodeDeltaRequest, decodeSotwRequest } from './request-codec.ts';
import { TypeUrl } from './type-urls.ts';

const typeUrl = fc.oneof(fc.constantFrom(...Object.values(TypeUrl)), fc.string());
const names = fc.array(fc.string(), { maxLength: 4 });
const error = fc.option(fc.string(), { nil: undefined });
const nodeId = fc.option(fc.string({ minLength: 1 }), { nil: undefined });
const readNode = (bytes: Uint8Array | undefined) => bytes && fromBinary(NodeSchema, bytes).id;

test('a delta request is read as the message codec reads it', () => {
  fc.assert(fc.property(fc.record({ typeUrl, subscribe: names, unsubscribe: names, versions: fc.dictionary(fc.string(), fc.string()), nonce: fc.string(), error, nodeId, ttl: names }), (r) => {
    const message = create(DeltaDiscoveryRequestSchema, {
      node: r.nodeId === undefined ? undefined : { id: r.nodeId }, typeUrl: r.typeUrl, resourceNamesSubscribe: r.subscribe, resourceNamesUnsubscribe: r.unsubscribe, initialResourceVersions: r.versions,
      responseNonce: r.nonce, errorDetail: r.error === undefined ? undefined : { code: 3, message: r.error }, resourceLocatorsSubscribe: r.ttl.map((name) => ({ name })),
    });
    const { request, node } = decodeDeltaRequest(toBinary(DeltaDiscoveryRequestSchema, message));
    assert.deepEqual(
      [request.typeUrl, request.resourceNamesSubscribe, request.resourceNamesUnsubscribe, { ...request.initialResourceVersions }, request.responseNonce, request.errorDetail?.message, readNode(node)],
      [r.typeUrl, r.subscribe, r.unsubscribe, { ...r.versions }, r.nonce, r.error, r.nodeId],
    );
  }));
});

test('a state-of-the-world request too', () => {
  fc.assert(fc.property(fc.record({ typeUrl, names, nonce: fc.string(), version: fc.string(), error, nodeId }), (r) => {
    const message = create(DiscoveryRequestSchema, {
      node: r.nodeId === undefined ? undefined : { id: r.nodeId }, typeUrl: r.typeUrl, resourceNames: r.names, responseNonce: r.nonce, versionInfo: r.version,
      errorDetail: r.error === undefined ? undefined : { code: 3, message: r.error },
    });
    const { request, node } = decodeSotwRequest(toBinary(DiscoveryRequestSchema, message));
    assert.deepEqual([request.typeUrl, request.resourceNames, request.responseNonce, request.errorDetail?.message, readNode(node)], [r.typeUrl, r.names, r.nonce, r.error, r.nodeId]);
  }));
});

test('bytes that are no request are an error', () => {
  assert.throws(() => decodeDeltaRequest(Uint8Array.from([0x12, 0x7f, 0x01])));
  assert.throws(() => decodeSotwRequest(Uint8Array.from([0xff])));
});
