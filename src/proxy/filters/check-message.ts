/** The question put to a gRPC authorizer, on the wire. Field numbers: envoy/service/auth/v3/attribute_context.proto. */
import { BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { nested, text } from '../../xds/client/wire-struct.ts';
import type { FilterContext } from '../http/filter.ts';
import type { SocketAddress } from '../runtime-contract.ts';

/** What an authorizer sees of a request's body. */
export interface SeenBody {
  readonly bytes: Buffer;
  readonly isPartial: boolean;
  /** Told as bytes, not as text. */
  readonly isOpaque: boolean;
}

/** Tells an authorizer whether there is more of the body. */
export const PARTIAL = 'x-envoy-auth-partial-body';

/** An encoded envoy.service.auth.v3.CheckRequest, framed as a gRPC message. */
export function checkMessage(context: FilterContext, body?: SeenBody): Buffer {
  const { connection } = context;
  const writer = new BinaryWriter();
  nested(writer, 1, () => {
    nested(writer, 1, () => writePeer(writer, connection.remote, connection.facts.downstreamPeer));
    nested(writer, 2, () => writePeer(writer, connection.originalDestination, connection.facts.downstreamOwn));
    nested(writer, 4, () => nested(writer, 2, () => writeRequest(writer, context, body)));
  });
  const message = writer.finish();
  const framed = Buffer.alloc(5 + message.length);
  framed.writeUInt32BE(message.length, 1);
  framed.set(message, 5);
  return framed;
}

function writePeer(writer: BinaryWriter, { address, port }: SocketAddress, principal: string | undefined): void {
  nested(writer, 1, () =>
    nested(writer, 1, () => {
      text(writer, 2, address);
      writer.tag(3, WireType.Varint).uint32(port);
    }));
  if (principal !== undefined) text(writer, 4, principal);
}

function writeRequest(writer: BinaryWriter, { request }: FilterContext, body: SeenBody | undefined): void {
  text(writer, 1, request.headers.get('x-request-id') ?? '');
  text(writer, 2, request.method);
  const fields = new Map<string, string>([[':method', request.method], [':path', request.path], [':authority', request.authority], [':scheme', request.scheme]]);
  for (const [name] of request.headers) fields.set(name, request.headers.get(name) ?? '');
  if (body) fields.set(PARTIAL, String(body.isPartial));
  for (const [name, value] of fields) {
    nested(writer, 3, () => {
      text(writer, 1, name);
      text(writer, 2, value);
    });
  }
  text(writer, 4, request.path);
  text(writer, 5, request.authority);
  text(writer, 6, request.scheme);
  writer.tag(9, WireType.Varint).int64(request.bodyLength);
  text(writer, 10, request.protocol);
  if (body?.isOpaque) writer.tag(12, WireType.LengthDelimited).bytes(body.bytes);
  else if (body) text(writer, 11, body.bytes.toString('utf8'));
}
