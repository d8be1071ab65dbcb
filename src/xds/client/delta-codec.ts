/** Between the session's plain values and the bytes of Delta ADS. Written by hand, like the node message: see wire-struct.ts.
 * Field numbers: envoy/service/discovery/v3/discovery.proto, google/rpc/status.proto, google/protobuf/any.proto. */
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import type { DeltaRequest, DeltaResource, DeltaResponse } from './delta-session.ts';
import { nested, text } from './wire-struct.ts';

const INVALID_ARGUMENT = 3;

/** @param node an encoded envoy.config.core.v3.Node, sent with the first request of a stream only */
export function encodeDeltaRequest(request: DeltaRequest, node?: Uint8Array): Uint8Array {
  const writer = new BinaryWriter();
  if (node) writer.tag(1, WireType.LengthDelimited).bytes(node);
  optionalText(writer, 2, request.typeUrl);
  for (const name of request.subscribe) text(writer, 3, name);
  for (const name of request.unsubscribe) text(writer, 4, name);
  for (const [name, version] of Object.entries(request.initialVersions)) {
    nested(writer, 5, () => {
      text(writer, 1, name);
      text(writer, 2, version);
    });
  }
  optionalText(writer, 6, request.nonce);
  const { error } = request;
  if (error !== undefined) {
    nested(writer, 7, () => {
      writer.tag(1, WireType.Varint).int32(INVALID_ARGUMENT);
      text(writer, 2, error);
    });
  }
  return writer.finish();
}

/** @throws Error when the bytes are not that message */
export function decodeDeltaResponse(bytes: Uint8Array): DeltaResponse {
  const resources: DeltaResource[] = [];
  const removed: string[] = [];
  let [typeUrl, nonce] = ['', ''];
  eachField(bytes, {
    2: (reader) => void resources.push(decodeResource(reader.bytes())),
    4: (reader) => void (typeUrl = reader.string()),
    5: (reader) => void (nonce = reader.string()),
    6: (reader) => void removed.push(reader.string()),
  });
  return { typeUrl, nonce, resources, removed };
}

function decodeResource(bytes: Uint8Array): DeltaResource {
  let [name, version] = ['', ''];
  let value: Uint8Array = new Uint8Array();
  eachField(bytes, {
    1: (reader) => void (version = reader.string()),
    2: (reader) => eachField(reader.bytes(), { 2: (any) => void (value = any.bytes()) }),
    3: (reader) => void (name = reader.string()),
  });
  return { name, version, value };
}

/** A response that holds these resources: the form in which they are kept on disk. */
export function encodeResources(typeUrl: string, resources: Iterable<DeltaResource>): Uint8Array {
  const writer = new BinaryWriter();
  for (const { name, version, value } of resources) {
    nested(writer, 2, () => {
      optionalText(writer, 1, version);
      nested(writer, 2, () => {
        text(writer, 1, typeUrl);
        writer.tag(2, WireType.LengthDelimited).bytes(value);
      });
      optionalText(writer, 3, name);
    });
  }
  optionalText(writer, 4, typeUrl);
  return writer.finish();
}

/** proto3: a field that has its default value is not sent. */
const optionalText = (writer: BinaryWriter, field: number, value: string): void => {
  if (value !== '') text(writer, field, value);
};

/** All fields read here are length-delimited; those of unknown numbers are skipped. */
function eachField(bytes: Uint8Array, read: Readonly<Record<number, (reader: BinaryReader) => void>>): void {
  const reader = new BinaryReader(bytes);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    const known = wireType === WireType.LengthDelimited ? read[field] : undefined;
    if (known) known(reader);
    else reader.skip(wireType, field);
  }
}
