/** Decodes messages by a schema table into the same objects that @bufbuild/protobuf makes (without its `$typeName`). */
import type { FieldRow, SchemaTable, TypeRow, ValueKind } from './table.ts';
import { WireError, WireReader } from './reader.ts';

type Json = null | boolean | number | string | Json[] | { [key: string]: Json };
type Message = Record<string, unknown>;

interface CompiledType {
  readonly name: string;
  readonly fields: ReadonlyMap<number, FieldRow>;
  /** Makes an empty message with the defaults of its fields. */
  blank(): Message;
}

const SOURCE = Symbol('source');

export interface Decoder {
  /** @throws WireError */
  decode(root: string, bytes: Uint8Array): unknown;
  /** Full name of the message type. */
  typeName(root: string): string;
  /** The bytes that a nested message was, or is to be, read from; only of the types named when the decoder was made. */
  source(message: object): Uint8Array | undefined;
}

export interface DecoderOptions {
  /** Full names of the message types whose source bytes are remembered. */
  readonly traced?: readonly string[];
  /** Of those that are not read where they stand in another message: there they are empty, and their source bytes tell. A
   * message of thousands of them need not be in memory as a whole. */
  readonly deferred?: readonly string[];
}

export function createDecoder(table: SchemaTable, options: DecoderOptions = {}): Decoder {
  const types: (CompiledType | undefined)[] = [];
  const keep = new Set(options.traced);
  const deferred = new Set(options.deferred);

  const typeAt = (index: number): CompiledType => (types[index] ??= compileType(table, index));

  const readMessage = (index: number, reader: WireReader): Message => {
    const type = typeAt(index);
    const message = type.blank();
    const start = reader.pos;
    while (reader.more) {
      const tag = reader.uint32();
      const field = type.fields.get(tag >>> 3);
      if (field) readField(field, message, reader, tag & 7);
      else reader.skip(tag & 7);
    }
    if (keep.has(type.name)) remember(message, reader.bytes.subarray(start, reader.end));
    return message;
  };
  const nested = (index: number, reader: WireReader): Message => {
    const { start, end } = reader.span();
    if (!deferred.has(typeAt(index).name)) return readMessage(index, new WireReader(reader.bytes, start, end));
    const message: Message = {};
    remember(message, reader.bytes.subarray(start, end));
    return message;
  };
  const readValue = (field: FieldRow, reader: WireReader): unknown => {
    if (field.kind !== 'message') return readScalar(field.kind, reader);
    const message = nested(field.type ?? 0, reader);
    if (field.as === 'json') return structToJson(message);
    return field.as === 'unwrapped' ? message['value'] : message;
  };
  const readField = (field: FieldRow, message: Message, reader: WireReader, wireType: number): void => {
    if (field.mapKey) return readMapEntry(field, message[field.name] as Message, reader);
    if (field.list) {
      const list = message[field.name] as unknown[];
      if (wireType === 2 && isPackable(field.kind)) {
        const { start, end } = reader.span();
        const packed = new WireReader(reader.bytes, start, end);
        while (packed.more) list.push(readValue(field, packed));
      } else {
        list.push(readValue(field, reader));
      }
      return;
    }
    const value = readValue(field, reader);
    if (field.oneof === undefined) message[field.name] = value;
    else message[field.oneof] = { case: field.name, value };
  };
  const readMapEntry = (field: FieldRow, map: Message, reader: WireReader): void => {
    const { start, end } = reader.span();
    const entry = new WireReader(reader.bytes, start, end);
    let key: unknown = '';
    let value: unknown = field.kind === 'message' ? undefined : defaultOf(field.kind);
    while (entry.more) {
      const tag = entry.uint32();
      if (tag >>> 3 === 1) key = readScalar(field.mapKey ?? 'string', entry);
      else if (tag >>> 3 === 2) value = readValue(field, entry);
      else entry.skip(tag & 7);
    }
    if (value === undefined) {
      const empty = typeAt(field.type ?? 0).blank();
      value = field.as === 'json' ? {} : empty;
    }
    // Keys are foreign: `__proto__` must become a key like any other.
    Object.defineProperty(map, String(key), { value, enumerable: true, configurable: true, writable: true });
  };

  const indexOf = (root: string): number => {
    const index = table.roots[root];
    if (index === undefined) throw new WireError(`there is no message type ${root}`);
    return index;
  };
  return {
    decode: (root, bytes) => readMessage(indexOf(root), new WireReader(bytes)),
    typeName: (root) => typeAt(indexOf(root)).name,
    source: (message: { [SOURCE]?: Uint8Array }) => message[SOURCE],
  };
}

/** Not enumerable: it is none of the message's fields. A WeakMap would stay as large as it once was. */
const remember = (message: object, source: Uint8Array): void => void Object.defineProperty(message, SOURCE, { value: source });

function compileType(table: SchemaTable, index: number): CompiledType {
  const json = table.types[index];
  if (json === undefined) throw new WireError(`there is no message type number ${index}`);
  // Our own, of the build.
  const row = JSON.parse(json) as TypeRow;
  const fields = new Map(row.fields.map((field) => [field.n, field]));
  const blank = (): Message => {
    const message: Message = {};
    for (const field of row.fields) {
      if (field.mapKey) message[field.name] = {};
      else if (field.list) message[field.name] = [];
      else if (field.oneof === undefined && field.kind !== 'message' && !field.optional) message[field.name] = defaultOf(field.kind);
    }
    for (const oneof of row.oneofs) message[oneof] = { case: undefined };
    return message;
  };
  return { name: row.name, fields, blank };
}

const isPackable = (kind: ValueKind) => kind !== 'string' && kind !== 'bytes' && kind !== 'message';

function defaultOf(kind: ValueKind): unknown {
  switch (kind) {
    case 'string':
      return '';
    case 'bool':
      return false;
    case 'bytes':
      return new Uint8Array();
    case 'int64':
    case 'uint64':
    case 'fixed64':
    case 'sfixed64':
    case 'sint64':
      return 0n;
    default:
      return 0;
  }
}

function readScalar(kind: ValueKind, reader: WireReader): unknown {
  switch (kind) {
    case 'string':
      return reader.string();
    case 'bool':
      return reader.uint64() !== 0n;
    case 'bytes': {
      const { start, end } = reader.span();
      return reader.bytes.slice(start, end);
    }
    case 'int32':
    case 'enum':
      return reader.uint32() | 0;
    case 'uint32':
      return reader.uint32();
    case 'sint32': {
      const raw = reader.uint32();
      return (raw >>> 1) ^ -(raw & 1);
    }
    case 'fixed32':
      return reader.fixed32();
    case 'sfixed32':
      return reader.fixed32() | 0;
    case 'int64':
      return BigInt.asIntN(64, reader.uint64());
    case 'uint64':
      return reader.uint64();
    case 'sint64': {
      const raw = reader.uint64();
      return (raw >> 1n) ^ -(raw & 1n);
    }
    case 'fixed64':
      return reader.fixed64();
    case 'sfixed64':
      return BigInt.asIntN(64, reader.fixed64());
    case 'double':
      return reader.double();
    case 'float':
      return reader.float();
    case 'message':
      throw new WireError('a message is no scalar');
  }
}

/** google.protobuf.Struct → JSON. */
function structToJson(struct: Message): { [key: string]: Json } {
  const json: { [key: string]: Json } = {};
  for (const [key, value] of Object.entries(struct['fields'] as Record<string, Message>)) {
    Object.defineProperty(json, key, { value: valueToJson(value), enumerable: true, configurable: true, writable: true });
  }
  return json;
}

function valueToJson(message: Message): Json {
  const kind = message['kind'] as { case?: string; value?: unknown };
  switch (kind.case) {
    case 'numberValue':
      return kind.value as number;
    case 'stringValue':
      return kind.value as string;
    case 'boolValue':
      return kind.value as boolean;
    case 'structValue':
      return kind.value as { [key: string]: Json };
    case 'listValue':
      return ((kind.value as Message)['values'] as Message[]).map(valueToJson);
    default:
      return null;
  }
}
