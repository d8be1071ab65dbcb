/** Strategic merge patch: a merge patch that knows from the schema which lists merge by a key, with directives for
 * deleting, replacing and ordering. Kubernetes: apimachinery pkg/util/strategicpatch. */
import { isDeepStrictEqual } from 'node:util';
import { cloneJson } from '../../base/clone.ts';
import type { BuiltinSchemas } from '../schema/builtin.ts';
import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { PatchError } from './errors.ts';
import { getOwn, setOwn } from './members.ts';

const DIRECTIVE = '$patch';
const RETAIN_KEYS = '$retainKeys';
const ORDER = '$setElementOrder/';
const DELETE_VALUES = '$deleteFromPrimitiveList/';

/** @returns the patched document; neither argument is changed. @throws PatchError for a malformed patch */
export function applyStrategicMerge(document: JsonObject, patch: JsonObject, schema: Schema, schemas: BuiltinSchemas): JsonObject {
  return new Merger(schemas).object(document, cloneJson(patch), schema);
}

class Merger {
  readonly #schemas: BuiltinSchemas;

  constructor(schemas: BuiltinSchemas) {
    this.#schemas = schemas;
  }

  object(original: JsonObject, patch: JsonObject, declared: Schema | undefined): JsonObject {
    const schema = declared && this.#schemas.resolve(declared);
    const directive = patch[DIRECTIVE];
    const { [DIRECTIVE]: _directive, ...rest } = patch;
    if (directive === 'replace') return this.#plain(rest) as JsonObject;
    if (directive === 'delete') return {};
    if (directive !== undefined && directive !== 'merge') throw new PatchError(`Unknown patch type: ${String(directive)}`);
    const result = retained(original, rest[RETAIN_KEYS]);
    delete rest[RETAIN_KEYS];
    for (const key of Object.keys(rest)) {
      if (key.startsWith(DELETE_VALUES)) deleteValues(result, key.slice(DELETE_VALUES.length), rest[key]);
    }
    const fields = new Set(Object.keys(rest).filter((key) => !key.startsWith(DELETE_VALUES)).map((key) => (key.startsWith(ORDER) ? key.slice(ORDER.length) : key)));
    for (const key of fields) this.#field(result, { key, value: getOwn(rest, key), order: rest[ORDER + key], present: Object.hasOwn(rest, key) }, fieldOf(schema, key));
    return result;
  }

  #field(result: JsonObject, patch: { key: string; value: unknown; order: unknown; present: boolean }, schema: Schema | undefined): void {
    const { key, value, order } = patch;
    const original = getOwn(result, key);
    if (!patch.present) {
      if (Array.isArray(original) && Array.isArray(order)) setOwn(result, key, this.#ordered(original, [], { order, schema }));
    } else if (value === null) {
      delete result[key];
    } else if (isObject(value)) {
      if (value[DIRECTIVE] === 'delete') delete result[key];
      else setOwn(result, key, this.object(isObject(original) ? original : {}, value, schema));
    } else if (Array.isArray(value)) {
      setOwn(result, key, this.#list(Array.isArray(original) ? original : [], value, { order, schema }));
    } else {
      setOwn(result, key, value);
    }
  }

  #list(original: unknown[], patch: unknown[], about: { order: unknown; schema: Schema | undefined }): unknown[] {
    const { schema } = about;
    if (!mergesLists(schema)) return this.#plain(patch) as unknown[];
    if (patch.some((item) => isObject(item) && item[DIRECTIVE] === 'replace')) {
      return this.#plain(patch.filter((item) => !(isObject(item) && item[DIRECTIVE] === 'replace'))) as unknown[];
    }
    const mergeKey = schema?.['x-kubernetes-patch-merge-key'];
    const merged = mergeKey ? this.#mergeByKey(original, patch, { key: mergeKey, items: schema?.items }) : [...original, ...patch.filter((value) => !original.includes(value))];
    return this.#ordered(merged, original, about);
  }

  #mergeByKey(original: unknown[], patch: unknown[], by: { key: string; items: Schema | undefined }): unknown[] {
    let result = [...original];
    for (const item of patch) {
      if (!isObject(item)) throw new PatchError(`a list that merges by ${by.key} has an element that is no object`);
      const id = item[by.key];
      if (id === undefined) throw new PatchError(`map: ${JSON.stringify(item)} does not contain declared merge key: ${by.key}`);
      const matches = (other: unknown) => isObject(other) && isDeepStrictEqual(other[by.key], id);
      if (item[DIRECTIVE] === 'delete') {
        result = result.filter((other) => !matches(other));
        continue;
      }
      const at = result.findIndex(matches);
      const present = result[at];
      if (isObject(present)) result[at] = this.object(present, item, by.items);
      else result.push(this.object({}, item, by.items));
    }
    return result;
  }

  /** Brings the elements that the client knows into its order; those of others keep their place among them. */
  #ordered(merged: unknown[], original: unknown[], about: { order: unknown; schema: Schema | undefined }): unknown[] {
    const { order, schema } = about;
    if (!Array.isArray(order)) return merged;
    const key = schema?.['x-kubernetes-patch-merge-key'];
    const id = (item: unknown) => JSON.stringify(key && isObject(item) ? item[key] : item);
    const wanted = order.map(id);
    const server = (original.length > 0 ? original : merged).map(id);
    const known = merged.filter((item) => wanted.includes(id(item))).sort((a, b) => wanted.indexOf(id(a)) - wanted.indexOf(id(b)));
    const others = merged.filter((item) => !wanted.includes(id(item)));
    const result: unknown[] = [];
    while (known.length > 0 && others.length > 0) {
      const [left, right] = [server.indexOf(id(others[0])), server.indexOf(id(known[0]))];
      result.push(left >= 0 && right >= 0 && left < right ? others.shift() : known.shift());
    }
    return [...result, ...known, ...others];
  }

  /** A value that replaces or is new: without directives and without nulls. */
  #plain(value: unknown): unknown {
    if (Array.isArray(value)) return value.filter((item) => !(isObject(item) && item[DIRECTIVE] === 'delete')).map((item) => this.#plain(item));
    if (!isObject(value)) return value;
    const entries = Object.entries(value).filter(([key, member]) => member !== null && !key.startsWith('$'));
    return Object.fromEntries(entries.map(([key, member]) => [key, this.#plain(member)]));
  }
}

function mergesLists(schema: Schema | undefined): boolean {
  return schema?.['x-kubernetes-patch-strategy']?.split(',').includes('merge') ?? false;
}

function fieldOf(schema: Schema | undefined, key: string): Schema | undefined {
  if (schema?.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
  return isObject(schema?.additionalProperties) ? schema.additionalProperties : undefined;
}

function retained(original: JsonObject, keys: unknown): JsonObject {
  if (!Array.isArray(keys)) return { ...original };
  return Object.fromEntries(Object.entries(original).filter(([key]) => keys.includes(key)));
}

function deleteValues(result: JsonObject, key: string, values: unknown): void {
  const list = getOwn(result, key);
  if (Array.isArray(list) && Array.isArray(values)) setOwn(result, key, list.filter((value) => !values.includes(value)));
}
