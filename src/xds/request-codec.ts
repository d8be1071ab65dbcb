/** Requests of xDS as they come from clients. Nearly all of them are answers: a type, a nonce, and nothing else; reading them must
 * cost next to nothing. Field numbers: envoy.service.discovery.v3.DeltaDiscoveryRequest and DiscoveryRequest. */
import { fromBinary } from '@bufbuild/protobuf';
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import type { DeltaRequest } from './delta.ts';
import { StatusSchema } from './generated/google/rpc/status_pb.js';
import type { SotwRequest } from './sotw.ts';
import { knownType } from './type-urls.ts';

export interface Decoded<Request> {
  readonly request: Request;
  /** An encoded envoy.config.core.v3.Node. */
  readonly node: Uint8Array | undefined;
}

const NO_NAMES: readonly string[] = [];
const NO_VERSIONS: Readonly<Record<string, string>> = {};

/** @throws Error when the bytes are no such message */
export function decodeDeltaRequest(bytes: Uint8Array): Decoded<DeltaRequest> {
  const reader = new BinaryReader(bytes);
  const request: DeltaRequest = { typeUrl: '', resourceNamesSubscribe: NO_NAMES, resourceNamesUnsubscribe: NO_NAMES, initialResourceVersions: NO_VERSIONS, responseNonce: '' };
  const subscribe: string[] = [];
  const unsubscribe: string[] = [];
  const versions: [string, string][] = [];
  let node: Uint8Array | undefined;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited) reader.skip(wireType, field);
    else if (field === 1) node = reader.bytes();
    else if (field === 2) request.typeUrl = readType(reader);
    else if (field === 3) subscribe.push(reader.string());
    else if (field === 4) unsubscribe.push(reader.string());
    else if (field === 5) versions.push(readPair(reader.bytes()));
    else if (field === 6) request.responseNonce = reader.string();
    else if (field === 7) request.errorDetail = fromBinary(StatusSchema, reader.bytes());
    else reader.skip(wireType, field);
  }
  if (subscribe.length > 0) request.resourceNamesSubscribe = subscribe;
  if (unsubscribe.length > 0) request.resourceNamesUnsubscribe = unsubscribe;
  if (versions.length > 0) request.initialResourceVersions = Object.fromEntries(versions);
  return { request, node };
}

/** @throws Error when the bytes are no such message */
export function decodeSotwRequest(bytes: Uint8Array): Decoded<SotwRequest> {
  const reader = new BinaryReader(bytes);
  const names: string[] = [];
  const request: SotwRequest = { typeUrl: '', resourceNames: names, responseNonce: '' };
  let node: Uint8Array | undefined;
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType !== WireType.LengthDelimited) reader.skip(wireType, field);
    else if (field === 2) node = reader.bytes();
    else if (field === 3) names.push(reader.string());
    else if (field === 4) request.typeUrl = readType(reader);
    else if (field === 5) request.responseNonce = reader.string();
    else if (field === 6) request.errorDetail = fromBinary(StatusSchema, reader.bytes());
    else reader.skip(wireType, field);
  }
  return { request, node };
}

/** One string for all of the same known type. */
function readType(reader: BinaryReader): string {
  const at = reader.pos;
  const known = knownType(reader.bytes());
  if (known !== undefined) return known;
  reader.pos = at;
  return reader.string();
}

function readPair(bytes: Uint8Array): [key: string, value: string] {
  const reader = new BinaryReader(bytes);
  const pair: [string, string] = ['', ''];
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (wireType === WireType.LengthDelimited && (field === 1 || field === 2)) pair[field - 1] = reader.string();
    else reader.skip(wireType, field);
  }
  return pair;
}
