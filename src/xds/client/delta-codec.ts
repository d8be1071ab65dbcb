/** Between the session's plain values and the bytes of Delta ADS. */
import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import type { Node } from '../generated/envoy/config/core/v3/base_pb.js';
import { DeltaDiscoveryRequestSchema, DeltaDiscoveryResponseSchema } from '../generated/envoy/service/discovery/v3/discovery_pb.js';
import type { DeltaRequest, DeltaResource, DeltaResponse } from './delta-session.ts';

const INVALID_ARGUMENT = 3;

/** @param node sent with the first request of a stream only */
export function encodeDeltaRequest(request: DeltaRequest, node?: Node): Uint8Array {
  return toBinary(
    DeltaDiscoveryRequestSchema,
    create(DeltaDiscoveryRequestSchema, {
      node,
      typeUrl: request.typeUrl,
      resourceNamesSubscribe: [...request.subscribe],
      resourceNamesUnsubscribe: [...request.unsubscribe],
      initialResourceVersions: request.initialVersions,
      responseNonce: request.nonce,
      errorDetail: request.error === undefined ? undefined : { code: INVALID_ARGUMENT, message: request.error },
    }),
  );
}

export function decodeDeltaResponse(bytes: Uint8Array): DeltaResponse {
  const message = fromBinary(DeltaDiscoveryResponseSchema, bytes);
  return {
    typeUrl: message.typeUrl,
    nonce: message.nonce,
    resources: message.resources.map((r) => ({ name: r.name, version: r.version, value: r.resource?.value ?? new Uint8Array() })),
    removed: message.removedResources,
  };
}

/** A response that holds these resources: the form in which they are kept on disk. */
export function encodeResources(typeUrl: string, resources: Iterable<DeltaResource>): Uint8Array {
  return toBinary(
    DeltaDiscoveryResponseSchema,
    create(DeltaDiscoveryResponseSchema, {
      typeUrl,
      resources: Array.from(resources, ({ name, version, value }) => ({ name, version, resource: { typeUrl, value } })),
    }),
  );
}
