/** Reads Kubernetes' protobuf encoding into the same objects as its JSON: Go clients send it for built-in kinds.
 * Kubernetes: runtime/serializer/protobuf; the numbers are in `field-numbers.ts`, the types come from the schemas. */
import { BinaryReader, WireType } from '@bufbuild/protobuf/wire';
import { errorText } from '../../base/errors.ts';
import { definitionCandidates, nameOfRef, type BuiltinSchemas } from '../schema/builtin.ts';
import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { PatchError } from '../patch/errors.ts';
import { FIELD_NUMBERS } from './field-numbers.ts';

export const PROTOBUF = 'application/vnd.kubernetes.protobuf';

/** The four bytes before the envelope: `k8s` and zero. */
const MAGIC = [0x6b, 0x38, 0x73, 0x00];
const MODULE = /(?:^io\.k8s\.api\.|\.apis\.)([a-z]+\.v\w+)\.(\w+)$/;

interface Field {
  name: string;
  isPointer: boolean;
  /** Message whose fields stand among the parent's. */
  inline?: string;
}

export class ProtobufDecoder {
  readonly #schemas: BuiltinSchemas;
  #messages: Map<string, Map<number, Field>> | undefined;

  constructor(schemas: BuiltinSchemas) {
    this.#schemas = schemas;
  }

  /** @throws PatchError when the bytes are no such object */
  decode(bytes: Uint8Array): JsonObject {
    if (MAGIC.some((byte, i) => bytes[i] !== byte)) throw new PatchError('provided data does not appear to be a protobuf message, expected prefix [107 56 115 0]');
    try {
      return this.#object(bytes.subarray(MAGIC.length));
    } catch (error) {
      if (error instanceof PatchError) throw error;
      // The reader's own complaints: bytes that end too early, numbers out of range, JSON inside that is none.
      throw new PatchError(`the body is not a protobuf message of its kind: ${errorText(error)}`);
    }
  }

  #object(bytes: Uint8Array): JsonObject {
    const { apiVersion, kind, raw } = readEnvelope(bytes);
    const name = definitionCandidates(apiVersion, kind).find((candidate) => this.#schemas.definition(candidate));
    if (!name) throw new PatchError(`no kind ${JSON.stringify(kind)} is registered for version ${JSON.stringify(apiVersion)}`);
    return { apiVersion, kind, ...this.#message(new BinaryReader(raw), name) };
  }

  #message(reader: BinaryReader, name: string, end = reader.len): JsonObject {
    const [, module = '', message = ''] = MODULE.exec(name) ?? [];
    return this.#fields(reader, { end, module, message, schema: this.#schemas.definition(name) ?? {} });
  }

  #fields(reader: BinaryReader, at: { end: number; module: string; message: string; schema: Schema }): JsonObject {
    const numbers = this.#numbers().get(`${at.module.replace('.', '/')} ${at.message}`);
    const result: JsonObject = {};
    while (reader.pos < at.end) {
      const [number, wire] = reader.tag();
      const field = numbers?.get(number);
      const schema = field && at.schema.properties?.[field.name];
      if (field?.inline) {
        const length = reader.uint32();
        Object.assign(result, this.#fields(reader, { ...at, message: field.inline, end: reader.pos + length }));
      } else if (field && schema) this.#put(result, field, { reader, wire, schema });
      else reader.skip(wire);
    }
    return result;
  }

  #put(result: JsonObject, field: Field, from: { reader: BinaryReader; wire: WireType; schema: Schema }): void {
    const { reader, wire } = from;
    const schema = this.#schemas.resolve(from.schema);
    if (schema.type === 'array' && schema.items) {
      const list = (result[field.name] ??= []) as unknown[];
      const isPacked = wire === WireType.LengthDelimited && ['integer', 'boolean', 'number'].includes(this.#schemas.resolve(schema.items).type ?? '');
      const end = isPacked ? reader.uint32() + reader.pos : reader.pos + 1;
      do list.push(this.#value(reader, schema.items)); while (reader.pos < end && isPacked);
    } else if (isObject(schema.additionalProperties)) {
      const [key, value] = this.#mapEntry(reader, schema.additionalProperties);
      const map = (result[field.name] ??= {}) as JsonObject;
      map[key] = value;
    } else {
      const value = this.#value(reader, from.schema);
      if (field.isPointer || !isZero(value)) result[field.name] = value;
    }
  }

  #mapEntry(reader: BinaryReader, values: Schema): [string, unknown] {
    const end = reader.uint32() + reader.pos;
    let key = '';
    let value: unknown;
    while (reader.pos < end) {
      const [number, wire] = reader.tag();
      if (number === 1) key = reader.string();
      else if (number === 2) value = this.#mapValue(reader, values);
      else reader.skip(wire);
    }
    return [key, value ?? (this.#schemas.resolve(values).type === 'string' ? '' : null)];
  }

  /** Lists as map values are messages with one repeated field. */
  #mapValue(reader: BinaryReader, schema: Schema): unknown {
    if (schema.type !== 'array' || !schema.items) return this.#value(reader, schema);
    const items: unknown[] = [];
    const end = reader.uint32() + reader.pos;
    while (reader.pos < end) {
      const [number, wire] = reader.tag();
      if (number === 1) items.push(this.#value(reader, schema.items));
      else reader.skip(wire);
    }
    return items;
  }

  #value(reader: BinaryReader, declared: Schema): unknown {
    const name = nameOfRef(declared) ?? '';
    const schema = this.#schemas.resolve(declared);
    const wrapped = this.#wrapped(reader, name.slice(name.lastIndexOf('.') + 1));
    if (wrapped) return wrapped.value;
    switch (schema.type) {
      case 'boolean': return reader.bool();
      case 'integer': return Number(reader.int64());
      case 'number': return reader.double();
      case 'string': return schema.format === 'byte' ? Buffer.from(reader.bytes()).toString('base64') : reader.string();
      default: {
        const length = reader.uint32();
        const end = reader.pos + length;
        return this.#message(reader, name, end);
      }
    }
  }

  /** Types that are plain values in JSON and messages on the wire. */
  #wrapped(reader: BinaryReader, type: string): { value: unknown } | undefined {
    if (!WRAPPED.has(type)) return undefined;
    const end = reader.uint32() + reader.pos;
    const parts = new Map<number, unknown>();
    while (reader.pos < end) {
      const [number, wire] = reader.tag();
      parts.set(number, this.#wrappedPart(reader, wire, { type, number, previous: parts.get(number) }));
    }
    return { value: unwrap(type, parts) };
  }

  #wrappedPart(reader: BinaryReader, wire: WireType, part: { type: string; number: number; previous: unknown }): unknown {
    if (wire === WireType.Varint) return Number(reader.int64());
    if (wire !== WireType.LengthDelimited) return reader.skip(wire);
    const { type, number, previous } = part;
    if (type.startsWith('JSONSchemaPropsOr') && !(type.endsWith('StringArray') && number === 2)) {
      const length = reader.uint32();
      const schema = this.#message(reader, 'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaProps', reader.pos + length);
      return type.endsWith('OrArray') && number === 2 ? [...((previous as unknown[] | undefined) ?? []), schema] : schema;
    }
    const text = Buffer.from(reader.bytes()).toString('utf8');
    return type.endsWith('StringArray') ? [...((previous as unknown[] | undefined) ?? []), text] : text;
  }

  #numbers(): Map<string, Map<number, Field>> {
    this.#messages ??= new Map(FIELD_NUMBERS.trim().split('\n').map((line) => {
      const [module = '', message = '', ...fields] = line.split(' ');
      return [`${module} ${message}`, new Map(fields.map(parseField))];
    }));
    return this.#messages;
  }
}

const WRAPPED = new Set(['Quantity', 'IntOrString', 'Time', 'MicroTime', 'RawExtension', 'FieldsV1', 'JSON', 'JSONSchemaPropsOrBool', 'JSONSchemaPropsOrArray', 'JSONSchemaPropsOrStringArray']);

function unwrap(type: string, parts: ReadonlyMap<number, unknown>): unknown {
  switch (type) {
    case 'Quantity': return parts.get(1) ?? '0';
    case 'IntOrString': return parts.get(1) === 1 ? (parts.get(3) ?? '') : (parts.get(2) ?? 0);
    case 'Time': case 'MicroTime': return parts.size === 0 ? '' : timeOf(Number(parts.get(1) ?? 0), Number(parts.get(2) ?? 0), type === 'MicroTime');
    case 'RawExtension': case 'FieldsV1': case 'JSON': return parts.has(1) ? (JSON.parse(String(parts.get(1))) as unknown) : null;
    case 'JSONSchemaPropsOrBool': return parts.get(2) ?? Boolean(parts.get(1));
    default: return parts.get(1) ?? parts.get(2) ?? [];
  }
}

function timeOf(seconds: number, nanos: number, isMicro: boolean): string {
  const whole = new Date(seconds * 1000).toISOString().slice(0, 19);
  return isMicro ? `${whole}.${String(Math.floor(nanos / 1000)).padStart(6, '0')}Z` : `${whole}Z`;
}

/** What Go's JSON would leave out. */
const isZero = (value: unknown): boolean => value === '' || value === 0 || value === false;

function parseField(text: string): [number, Field] {
  const [, name = '', number = '', pointer, inline] = /^(.+)=(\d+)(\*)?(?::(\w+))?$/.exec(text) ?? [];
  return [Number(number), { name, isPointer: pointer !== undefined, inline }];
}

function readEnvelope(bytes: Uint8Array): { apiVersion: string; kind: string; raw: Uint8Array } {
  const reader = new BinaryReader(bytes);
  let apiVersion = '';
  let kind = '';
  let raw: Uint8Array = new Uint8Array();
  while (reader.pos < reader.len) {
    const [number, wire] = reader.tag();
    if (number === 1) {
      const end = reader.uint32() + reader.pos;
      while (reader.pos < end) {
        const [inner] = reader.tag();
        if (inner === 1) apiVersion = reader.string();
        else kind = reader.string();
      }
    } else if (number === 2) raw = reader.bytes();
    else reader.skip(wire);
  }
  return { apiVersion, kind, raw };
}
