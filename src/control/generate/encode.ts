import { toBinary, type DescMessage, type MessageShape } from '@bufbuild/protobuf';
import { EncodedResource, type ResourceFacts } from '../../xds/resource.ts';

/** Encodes a message as a resource that proxies can share. */
export function encode<D extends DescMessage>(schema: D, name: string, message: MessageShape<D>, facts: ResourceFacts = {}): EncodedResource {
  return new EncodedResource(`type.googleapis.com/${schema.typeName}`, name, toBinary(schema, message), facts);
}
