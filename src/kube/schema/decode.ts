/** Reads an object of a built-in kind as Go's decoder of Kubernetes does: wrong types are refused in its words, fields that
 * the type does not have are dropped and reported, `null` counts as absent, quantities become canonical. */
import { cloneJson } from '../../base/clone.ts';
import { canonicalQuantity, parseQuantity, QUANTITY_ERROR } from '../quantity.ts';
import { nameOfRef, type BuiltinSchemas } from './builtin.ts';
import { fieldPath, isObject, type JsonObject, type Schema } from './schema.ts';

export interface Decoded {
  /** A copy without the unknown fields. */
  value: JsonObject;
  /** Paths of the fields that were dropped, `spec.containers[0].foo`. */
  unknown: string[];
  /** Go's message for the first value of a wrong type. */
  error?: string;
}

interface Place {
  /** With indices, for unknown fields. */
  path: string;
  /** Without, as Go's decoder names fields. */
  goPath: string;
  /** Name of the struct around the field. */
  struct: string;
}

export function decodeBuiltin(value: JsonObject, schema: Schema, schemas: BuiltinSchemas): Decoded {
  const decoder = new Decoder(schemas);
  const root = decoder.read(value, schema, { path: '', goPath: '', struct: '' });
  return { value: isObject(root) ? root : {}, unknown: decoder.unknown, error: decoder.error };
}

class Decoder {
  readonly unknown: string[] = [];
  error: string | undefined;
  readonly #schemas: BuiltinSchemas;

  constructor(schemas: BuiltinSchemas) {
    this.#schemas = schemas;
  }

  read(value: unknown, declared: Schema, place: Place): unknown {
    const schema = this.#schemas.resolve(declared);
    if (schema['x-lateen-quantity']) return this.#quantity(value, place);
    if (schema['x-kubernetes-int-or-string']) return typeof value === 'string' || Number.isInteger(value) ? value : this.#wrong(value, place, 'intstr.IntOrString');
    if (schema['x-kubernetes-preserve-unknown-fields']) return cloneJson(value);
    switch (schema.type) {
      case 'object': return this.#object(value, schema, { place, name: nameOfRef(declared) });
      case 'array': return this.#array(value, schema, place);
      case 'string': return typeof value === 'string' ? this.#string(value, schema) : this.#wrong(value, place, schema.format === 'date-time' ? 'time.Time' : 'string');
      case 'boolean': return typeof value === 'boolean' ? value : this.#wrong(value, place, 'bool');
      case 'integer': return this.#integer(value, schema, place);
      case 'number': return typeof value === 'number' ? value : this.#wrong(value, place, 'float64');
      default: return cloneJson(value);
    }
  }

  #object(value: unknown, schema: Schema, at: { place: Place; name: string | undefined }): unknown {
    const { place } = at;
    const struct = at.name?.slice(at.name.lastIndexOf('.') + 1) ?? '';
    if (!isObject(value)) return this.#wrong(value, place, schema.additionalProperties ? goMap(schema, this.#schemas) : `v1.${struct}`);
    const result: JsonObject = {};
    const values = schema.properties ? undefined : schema.additionalProperties;
    for (const [key, member] of Object.entries(value)) {
      const memberSchema = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : isObject(values) ? values : undefined;
      if (!memberSchema) this.unknown.push(fieldPath(place.path, key));
      // Go leaves the zero value in a map for null, and nothing in a struct.
      else if (member === null) {
        if (isObject(values) && memberSchema.type === 'string') result[key] = '';
      } else {
        result[key] = this.read(member, memberSchema, { path: fieldPath(place.path, key), goPath: fieldPath(place.goPath, key), struct: struct || place.struct });
      }
    }
    return result;
  }

  #array(value: unknown, schema: Schema, place: Place): unknown {
    if (!Array.isArray(value)) return this.#wrong(value, place, `[]${goType(schema.items, this.#schemas)}`);
    return value.map((item, i) => (item === null ? this.#zero(schema.items ?? {}) : this.read(item, schema.items ?? {}, { ...place, path: `${place.path}[${i}]` })));
  }

  #zero(schema: Schema): unknown {
    return this.#schemas.resolve(schema).type === 'string' ? '' : {};
  }

  #string(value: string, schema: Schema): string {
    if (schema.format === 'byte') {
      const bad = /[^A-Za-z0-9+/=\r\n]/.exec(value)?.index ?? (value.replaceAll(/[\r\n]/g, '').length % 4 === 0 ? -1 : value.length);
      if (bad >= 0) this.error ??= `illegal base64 data at input byte ${bad}`;
    }
    return value;
  }

  #integer(value: unknown, schema: Schema, place: Place): unknown {
    const type = schema.format ?? 'int64';
    if (typeof value !== 'number') return this.#wrong(value, place, type);
    const fits = Number.isInteger(value) && (type !== 'int32' || (value >= -(2 ** 31) && value < 2 ** 31));
    return fits ? value : this.#wrong(value, place, type);
  }

  #quantity(value: unknown, place: Place): unknown {
    if (typeof value !== 'string' && typeof value !== 'number') return this.#wrong(value, place, 'resource.Quantity');
    if (!parseQuantity(value)) this.error ??= QUANTITY_ERROR;
    return canonicalQuantity(value);
  }

  #wrong(value: unknown, place: Place, type: string): unknown {
    const what = typeof value === 'number' && type.startsWith('int') ? `number ${value}` : jsonTypeOf(value);
    const into = place.goPath === '' ? 'Go value' : `Go struct field ${place.struct}.${place.goPath}`;
    this.error ??= `json: cannot unmarshal ${what} into ${into} of type ${type}`;
    return value;
  }
}

function jsonTypeOf(value: unknown): string {
  if (Array.isArray(value)) return 'array';
  return typeof value === 'boolean' ? 'bool' : typeof value;
}

function goMap(schema: Schema, schemas: BuiltinSchemas): string {
  return `map[string]${goType(isObject(schema.additionalProperties) ? schema.additionalProperties : undefined, schemas)}`;
}

function goType(schema: Schema | undefined, schemas: BuiltinSchemas): string {
  if (!schema) return 'interface {}';
  const name = nameOfRef(schema);
  if (name) return `${name.includes('.resource.') ? 'resource' : 'v1'}.${name.slice(name.lastIndexOf('.') + 1)}`;
  const resolved = schemas.resolve(schema);
  if (resolved.type === 'array') return `[]${goType(resolved.items, schemas)}`;
  if (resolved.type === 'object') return goMap(resolved, schemas);
  if (resolved.type === 'integer') return resolved.format ?? 'int64';
  return resolved.type === 'boolean' ? 'bool' : (resolved.type ?? 'interface {}');
}
