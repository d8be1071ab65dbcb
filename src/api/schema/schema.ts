/** A small language for schemas: each field is written once, and its TypeScript type, its OpenAPI form in the CRD and
 * the check of a value all follow from it. Builders are pure; a schema is never changed after it is made. */
import type { CelRule, JsonSchema } from './json-schema.ts';

/** A schema whose values are of type T. `type` is never set; it carries T. */
export interface Schema<T = unknown> {
  readonly json: JsonSchema;
  readonly type?: T;
  readonly isRequired?: boolean;
}

/** A field that an object must have. Made by `required`. */
export interface RequiredSchema<T> extends Schema<T> {
  readonly isRequired: true;
}

/** The type of a schema's values. */
export type Infer<S> = S extends Schema<infer T> ? T : never;

type Fields = Readonly<Record<string, Schema>>;
type RequiredKeys<F extends Fields> = { [K in keyof F]: F[K] extends { readonly isRequired: true } ? K : never }[keyof F];
type Flat<T> = { [K in keyof T]: T[K] };
type ObjectOf<F extends Fields> = Flat<{ [K in RequiredKeys<F>]: Infer<F[K]> } & { [K in Exclude<keyof F, RequiredKeys<F>>]?: Infer<F[K]> }>;

interface Limits {
  rules?: readonly CelRule[];
  description?: string;
}

export interface StringOptions extends Limits {
  minLength?: number;
  maxLength?: number;
  pattern?: string;
  format?: string;
}

export interface ListOptions extends Limits {
  minItems?: number;
  maxItems?: number;
  /** The list is a map by this field: the API server refuses duplicates and merges item by item. */
  key?: string;
}

export interface MapOptions extends Limits {
  minProperties?: number;
  maxProperties?: number;
}

export interface ObjectOptions<F extends Fields> extends Limits {
  /** Groups of fields of which at most one may be set, as protobuf's `oneof`. */
  oneOf?: readonly (readonly (keyof F & string)[])[];
  /** What each field means, for `kubectl explain`. */
  docs?: Partial<Record<keyof F & string, string>>;
}

export const string = (options: StringOptions = {}): Schema<string> => make('string', options);
export const boolean = (): Schema<boolean> => ({ json: { type: 'boolean' } });
export const number = (options: NumberOptions = {}): Schema<number> => make('number', { format: 'double', ...options });

export interface NumberOptions extends Limits {
  minimum?: number;
  maximum?: number;
}

/** A signed 32-bit integer. */
export const int32 = (options: NumberOptions = {}): Schema<number> => make('integer', { format: 'int32', ...options });
/** 0…2^32-1. */
export const uint32 = (options: NumberOptions = {}): Schema<number> => make('integer', { minimum: 0, maximum: 4_294_967_295, ...options });
/** 0…2^64-1; values over 2^53 lose precision, as in every JSON reader of JavaScript. */
export const uint64 = (): Schema<number> => ({ json: { type: 'integer', minimum: 0 } });
/** An integer between two bounds. */
export const integer = (minimum: number, maximum: number): Schema<number> => ({ json: { type: 'integer', minimum, maximum } });
/** One of fixed words. */
export const oneOfWords = <const W extends readonly string[]>(...words: W): Schema<W[number]> => ({ json: { type: 'string', enum: words } });
/** An object whose fields the schema does not know, kept as they are. */
export const anything = (): Schema<Record<string, unknown>> => ({ json: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } });

/** The field may also be `null`, which means the same as leaving it out. */
export const nullable = <T>(schema: Schema<T>): Schema<T | null> => ({ json: { ...schema.json, nullable: true } });

/** Marks a field that must be present. */
export const required = <T>(schema: Schema<T>): RequiredSchema<T> => ({ json: schema.json, isRequired: true });

export function list<T>(items: Schema<T>, options: ListOptions = {}): Schema<T[]> {
  const { key, ...limits } = options;
  const asMap: JsonSchema = key === undefined ? {} : { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': [key] };
  const schema = make<T[]>('array', limits);
  return { json: { ...schema.json, ...asMap, items: items.json } };
}

/** An object with free keys and values of one type. */
export function map<T>(values: Schema<T>, options: MapOptions = {}): Schema<Record<string, T>> {
  return { json: { ...make('object', options).json, additionalProperties: values.json } };
}

export function object<const F extends Fields>(fields: F, options: ObjectOptions<F> = {}): Schema<ObjectOf<F>> {
  const { oneOf = [], docs, ...limits } = options;
  const names = Object.keys(fields);
  const must = names.filter((name) => fields[name]?.isRequired === true);
  const properties = Object.fromEntries(names.map((name) => [name, documented(fields[name]?.json ?? {}, docs?.[name])]));
  const exclusive = oneOf.map(atMostOne);
  return {
    json: {
      ...make('object', limits).json,
      properties,
      ...(must.length > 0 ? { required: must } : {}),
      ...(exclusive.length > 1 ? { allOf: exclusive } : exclusive[0]),
    },
  };
}

/** Makes a rule for `rules`: a CEL expression over `self`, and what the user reads when it is false. */
export const rule = (expression: string, message: string): CelRule => ({ rule: expression, message });

function make<T>(type: NonNullable<JsonSchema['type']>, options: Limits & JsonSchema): Schema<T> {
  const { rules, ...rest } = options;
  return { json: { type, ...rest, ...(rules && rules.length > 0 ? { 'x-kubernetes-validations': rules } : {}) } };
}

const documented = (json: JsonSchema, description: string | undefined): JsonSchema => (description === undefined ? json : { ...json, description });

/** Structural schemas have no "at most one": it is written as "none of them, or exactly one". */
function atMostOne(names: readonly string[]): JsonSchema {
  const each = names.map((name) => ({ required: [name] }));
  return { oneOf: [{ not: { anyOf: each } }, ...each] };
}
