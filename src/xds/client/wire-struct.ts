/** google.protobuf.Struct on the wire, for the few messages that a data plane sends: the descriptors of the general way cost
 * every sidecar 40 ms and 10 MB. Field numbers: google/protobuf/struct.proto. */
import { WireType } from '@bufbuild/protobuf/wire';
import type { BinaryWriter } from '@bufbuild/protobuf/wire';

export type StructValue = null | boolean | number | string | readonly StructValue[] | { readonly [key: string]: StructValue | undefined };
export type StructObject = Readonly<Record<string, StructValue | undefined>>;

/** Writes the fields of a Struct; the caller has written tag and length. Members that are undefined are left out. */
export function writeStruct(writer: BinaryWriter, struct: StructObject): void {
  for (const [key, value] of Object.entries(struct)) {
    if (value === undefined) continue;
    nested(writer, 1, () => {
      text(writer, 1, key);
      nested(writer, 2, () => writeValue(writer, value));
    });
  }
}

function writeValue(writer: BinaryWriter, value: StructValue): void {
  if (value === null) writer.tag(1, WireType.Varint).int32(0);
  else if (typeof value === 'number') writer.tag(2, WireType.Bit64).double(value);
  else if (typeof value === 'string') text(writer, 3, value);
  else if (typeof value === 'boolean') writer.tag(4, WireType.Varint).bool(value);
  else if (isList(value)) nested(writer, 6, () => value.forEach((item) => nested(writer, 1, () => writeValue(writer, item))));
  else nested(writer, 5, () => writeStruct(writer, value));
}

// `Array.isArray` does not recognise a readonly array.
const isList = (value: StructValue): value is readonly StructValue[] => Array.isArray(value);

/** A length-delimited field whose content is written by `write`. */
export function nested(writer: BinaryWriter, field: number, write: () => void): void {
  writer.tag(field, WireType.LengthDelimited).fork();
  write();
  writer.join();
}

export const text = (writer: BinaryWriter, field: number, value: string): void => void writer.tag(field, WireType.LengthDelimited).string(value);
