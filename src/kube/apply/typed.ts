/** Objects seen through their schema, as server-side apply sees them: which parts merge and which are replaced whole.
 * Kubernetes: structured-merge-diff typed. */
import { isDeepStrictEqual } from 'node:util';
import type { BuiltinSchemas } from '../schema/builtin.ts';
import { isObject, type JsonObject, type Schema } from '../schema/schema.ts';
import { emptySet, isEmptySet, type FieldSet } from './field-set.ts';

export interface Comparison {
  added: FieldSet;
  removed: FieldSet;
  modified: FieldSet;
}

type Shape = { t: 'leaf' } | { t: 'map'; schema: Schema | undefined } | { t: 'list'; items: Schema | undefined; keys: readonly string[] | undefined };

const LEAF: Shape = { t: 'leaf' };
const PRESERVED: Schema = { 'x-kubernetes-preserve-unknown-fields': true };

export class TypedView {
  readonly #schemas: BuiltinSchemas;

  constructor(schemas: BuiltinSchemas) {
    this.#schemas = schemas;
  }

  /** The paths that a value sets. */
  fieldsOf(value: unknown, schema: Schema | undefined): FieldSet {
    const shape = this.#shape(value, schema);
    const set = emptySet();
    if (shape.t === 'leaf') return emptySet(true);
    if (shape.t === 'map') {
      for (const [key, member] of Object.entries(value as JsonObject)) {
        const child = this.fieldsOf(member, this.#field(shape.schema, key));
        // Keys of maps belong to who wrote them; fields of structs only when there is nothing inside.
        if (member === null || (isObject(member) && Object.keys(member).length === 0) || !this.#isStructField(shape.schema, key)) child.member = true;
        if (!isEmptySet(child)) set.children.set(`f:${key}`, child);
      }
      return set;
    }
    for (const [element, item] of this.#items(value as unknown[], shape)) {
      const child = this.fieldsOf(item, shape.items);
      child.member = true;
      set.children.set(element, child);
    }
    return set;
  }

  compare(before: unknown, after: unknown, schema: Schema | undefined): Comparison {
    const result: Comparison = { added: emptySet(), removed: emptySet(), modified: emptySet() };
    if (before === undefined && after === undefined) return result;
    if (before === after) return result;
    const shape = this.#shape(after ?? before, schema);
    const other = before !== undefined && after !== undefined ? this.#shape(before, schema) : shape;
    if (before === undefined) result.added.member = true;
    else if (after === undefined) result.removed.member = true;
    if (shape.t === 'leaf' || other.t !== shape.t) {
      if (before !== undefined && after !== undefined && !isDeepStrictEqual(before, after)) result.modified.member = true;
      return result;
    }
    const [left, right] = [this.#members(before, shape), this.#members(after, shape)];
    for (const element of new Set([...left.keys(), ...right.keys()])) {
      const itemSchema = shape.t === 'map' ? this.#field(shape.schema, element.slice(2)) : shape.items;
      const inner = this.compare(left.get(element), right.get(element), itemSchema);
      for (const part of ['added', 'removed', 'modified'] as const) if (!isEmptySet(inner[part])) result[part].children.set(element, inner[part]);
    }
    return result;
  }

  /** `config` over `live`: it wins where both speak, and the rest of `live` stays. */
  merge(live: unknown, config: unknown, schema: Schema | undefined): unknown {
    if (live === undefined || config === undefined) return config ?? live;
    const shape = this.#shape(config, schema);
    if (shape.t === 'leaf' || this.#shape(live, schema).t !== shape.t) return config;
    if (shape.t === 'map') {
      const result: JsonObject = { ...(live as JsonObject) };
      for (const [key, value] of Object.entries(config as JsonObject)) result[key] = this.merge(result[key], value, this.#field(shape.schema, key));
      return result;
    }
    return this.#mergeLists(this.#items(live as unknown[], shape), this.#items(config as unknown[], shape), shape.items);
  }

  /** Shared items in the order of `config`; those that only `live` has keep their place before what follows them. */
  #mergeLists(live: ReadonlyMap<string, unknown>, config: ReadonlyMap<string, unknown>, items: Schema | undefined): unknown[] {
    const result: unknown[] = [];
    const wanted = [...config];
    let next = 0;
    const takeUntil = (stop: string | undefined) => {
      while (next < wanted.length) {
        const [element, item] = wanted[next++] ?? ['', undefined];
        result.push(this.merge(live.get(element), item, items));
        if (element === stop) return;
      }
    };
    const isTaken = (element: string) => wanted.findIndex(([other]) => other === element) < next;
    for (const [element, value] of live) {
      if (!config.has(element)) result.push(value);
      else if (!isTaken(element)) takeUntil(element);
    }
    takeUntil(undefined);
    return result;
  }

  /** `value` without the paths of `set`; undefined when nothing is left. */
  remove(value: unknown, set: FieldSet, schema: Schema | undefined): unknown {
    const shape = this.#shape(value, schema);
    if (shape.t === 'leaf') return value;
    const kept = new Map<string, unknown>();
    for (const [element, member] of this.#members(value, shape)) {
      const child = set.children.get(element);
      if (child?.member) continue;
      const itemSchema = shape.t === 'map' ? this.#field(shape.schema, element.slice(2)) : shape.items;
      const rest = child ? this.remove(member, child, itemSchema) : member;
      if (rest !== undefined) kept.set(element, rest);
    }
    if (kept.size === 0 && set.children.size > 0) return undefined;
    return shape.t === 'list' ? [...kept.values()] : Object.fromEntries([...kept].map(([element, member]) => [element.slice(2), member]));
  }

  /** The set with every struct field on the way to a member made a member too. */
  withNamedFields(set: FieldSet, schema: Schema | undefined): FieldSet {
    const resolved = schema && this.#schemas.resolve(schema);
    const result = emptySet(set.member);
    for (const [element, child] of set.children) {
      const isField = element.startsWith('f:');
      const name = element.slice(2);
      const inner = this.withNamedFields(child, isField ? this.#field(resolved, name) : resolved?.items);
      if (isField && this.#isStructField(resolved, name)) inner.member = true;
      result.children.set(element, inner);
    }
    return result;
  }

  #members(value: unknown, shape: Exclude<Shape, { t: 'leaf' }>): ReadonlyMap<string, unknown> {
    if (value === undefined) return new Map();
    if (shape.t === 'list') return this.#items(value as unknown[], shape);
    return new Map(Object.entries(value as JsonObject).map(([key, member]) => [`f:${key}`, member]));
  }

  #items(list: readonly unknown[], shape: Extract<Shape, { t: 'list' }>): Map<string, unknown> {
    const result = new Map<string, unknown>();
    for (const item of list) result.set(shape.keys ? this.#keyElement(item, shape.keys, shape.items) : `v:${JSON.stringify(item)}`, item);
    return result;
  }

  #keyElement(item: unknown, keys: readonly string[], items: Schema | undefined): string {
    const schema = items && this.#schemas.resolve(items);
    const object = isObject(item) ? item : {};
    const present = [...keys].sort().map((key) => [key, object[key] ?? schema?.properties?.[key]?.default] as const).filter(([, value]) => value !== undefined);
    return `k:${JSON.stringify(Object.fromEntries(present))}`;
  }

  #shape(value: unknown, declared: Schema | undefined): Shape {
    const schema = declared && this.#schemas.resolve(declared);
    if (isObject(value)) return schema?.['x-kubernetes-map-type'] === 'atomic' || declared?.['x-kubernetes-map-type'] === 'atomic' ? LEAF : { t: 'map', schema };
    if (!Array.isArray(value)) return LEAF;
    switch (schema?.['x-kubernetes-list-type']) {
      case 'map': return { t: 'list', items: schema.items, keys: schema['x-kubernetes-list-map-keys'] ?? [] };
      case 'set': return { t: 'list', items: schema.items, keys: undefined };
      default: return LEAF;
    }
  }

  #isStructField(schema: Schema | undefined, key: string): boolean {
    return schema?.properties !== undefined && Object.hasOwn(schema.properties, key);
  }

  #field(schema: Schema | undefined, key: string): Schema | undefined {
    if (schema?.properties && Object.hasOwn(schema.properties, key)) return schema.properties[key];
    if (isObject(schema?.additionalProperties)) return schema.additionalProperties;
    return PRESERVED;
  }
}
