/** Validation of custom objects by OpenAPI schema, in the words of kube-openapi. */
import { isDeepStrictEqual } from 'node:util';
import { RE2JS } from 're2js';
import { fieldPath, isObject, type JsonObject, type Schema } from '../../../kube/schema/schema.ts';
import { duplicate, invalid, notSupported, required, tooLong, tooMany, typeInvalid, type FieldError } from '../status.ts';
import { matchesFormat } from './formats.ts';

/** @param path of the value, '' for the whole object */
export function validateSchema(value: unknown, schema: Schema, path = ''): FieldError[] {
  if (value === null) return schema.nullable || schema['x-kubernetes-preserve-unknown-fields'] ? [] : schema.type ? [wrongType(path, value, schema.type)] : [];
  const wrong = typeError(value, schema, path);
  if (wrong) return [wrong];
  return [
    ...(schema.enum && !schema.enum.some((allowed) => isDeepStrictEqual(allowed, value)) ? [notSupported(path, value, schema.enum.map((v) => (typeof v === 'string' ? v : JSON.stringify(v))))] : []),
    ...(typeof value === 'string' ? stringErrors(value, schema, path) : []),
    ...(typeof value === 'number' ? numberErrors(value, schema, path) : []),
    ...(Array.isArray(value) ? arrayErrors(value, schema, path) : []),
    ...(isObject(value) ? objectErrors(value, schema, path) : []),
    ...compositeErrors(value, schema, path),
  ];
}

function typeError(value: unknown, schema: Schema, path: string): FieldError | undefined {
  if (schema['x-kubernetes-int-or-string']) {
    return typeof value === 'string' || Number.isInteger(value) ? undefined : wrongType(path, value, 'integer,string');
  }
  const actual = typeOf(value);
  if (!schema.type || actual === schema.type || (schema.type === 'number' && actual === 'integer')) return undefined;
  return wrongType(path, value, schema.type);
}

function wrongType(path: string, value: unknown, wanted: string): FieldError {
  const actual = typeOf(value);
  return typeInvalid(path, actual, `${path} in body must be of type ${wanted}: ${JSON.stringify(actual)}`);
}

export function typeOf(value: unknown): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return 'array';
  if (typeof value === 'number') return Number.isInteger(value) ? 'integer' : 'number';
  return typeof value;
}

function stringErrors(value: string, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const length = [...value].length;
  if (schema.minLength !== undefined && length < schema.minLength) errors.push(invalid(path, value, `${path} in body should be at least ${schema.minLength} chars long`));
  if (schema.maxLength !== undefined && length > schema.maxLength) errors.push(tooLong(path, schema.maxLength));
  if (schema.pattern !== undefined && !patternMatches(schema.pattern, value)) errors.push(invalid(path, value, `${path} in body should match '${schema.pattern}'`));
  if (schema.format !== undefined && !matchesFormat(schema.format, value)) errors.push(invalid(path, value, `${path} in body must be of type ${schema.format}: ${JSON.stringify(value)}`));
  return errors;
}

/** Compiled once per pattern of a schema: the cache is bounded by what definitions contain. */
const patterns = new Map<string, RE2JS | undefined>();

/** Patterns are RE2's, so that no object can make the server slow; one that does not compile matches nothing it could refuse. */
export function patternMatches(pattern: string, value: string): boolean {
  if (!patterns.has(pattern)) patterns.set(pattern, compile(pattern));
  const compiled = patterns.get(pattern);
  return compiled === undefined || compiled.matcher(value).find();
}

function compile(pattern: string): RE2JS | undefined {
  try {
    return RE2JS.compile(pattern);
  } catch {
    return undefined; // such a definition is refused when it is created
  }
}

function numberErrors(value: number, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const { minimum, maximum, multipleOf } = schema;
  if (minimum !== undefined && (schema.exclusiveMinimum ? value <= minimum : value < minimum)) errors.push(invalid(path, value, `${path} in body should be greater than ${schema.exclusiveMinimum ? '' : 'or equal to '}${minimum}`));
  if (maximum !== undefined && (schema.exclusiveMaximum ? value >= maximum : value > maximum)) errors.push(invalid(path, value, `${path} in body should be less than ${schema.exclusiveMaximum ? '' : 'or equal to '}${maximum}`));
  if (multipleOf !== undefined && !Number.isInteger(value / multipleOf)) errors.push(invalid(path, value, `${path} in body should be a multiple of ${multipleOf}`));
  if (schema.format === 'int32' && (value < -(2 ** 31) || value >= 2 ** 31)) errors.push(invalid(path, value, `${path} in body must be of type int32: ${JSON.stringify(String(value))}`));
  return errors;
}

function arrayErrors(value: unknown[], schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  if (schema.minItems !== undefined && value.length < schema.minItems) errors.push(invalid(path, value.length, `${path} in body should have at least ${schema.minItems} items`));
  if (schema.maxItems !== undefined && value.length > schema.maxItems) errors.push(tooMany(path, value.length, schema.maxItems));
  if (schema.items) for (const [i, item] of value.entries()) errors.push(...validateSchema(item, schema.items, `${path}[${i}]`));
  return [...errors, ...duplicateErrors(value, schema, path)];
}

function duplicateErrors(value: unknown[], schema: Schema, path: string): FieldError[] {
  const type = schema['x-kubernetes-list-type'];
  if (type !== 'map' && type !== 'set') return [];
  const keys = schema['x-kubernetes-list-map-keys'] ?? [];
  const seen = new Set<string>();
  const errors: FieldError[] = [];
  for (const [i, item] of value.entries()) {
    const id = type === 'set' || !isObject(item) ? item : Object.fromEntries([...keys].sort().filter((key) => item[key] !== undefined).map((key) => [key, item[key]]));
    const text = JSON.stringify(id);
    if (seen.has(text)) errors.push(duplicate(`${path}[${i}]`, id));
    seen.add(text);
  }
  return errors;
}

function objectErrors(value: JsonObject, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const count = Object.keys(value).length;
  if (schema.minProperties !== undefined && count < schema.minProperties) errors.push(invalid(path, count, `${path} in body should have at least ${schema.minProperties} properties`));
  if (schema.maxProperties !== undefined && count > schema.maxProperties) errors.push(tooMany(path, count, schema.maxProperties));
  for (const name of schema.required ?? []) if (value[name] === undefined) errors.push(required(fieldPath(path, name)));
  for (const [key, member] of Object.entries(value)) {
    const memberSchema = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : isObject(schema.additionalProperties) ? schema.additionalProperties : undefined;
    // The metadata of the object itself has rules of its own.
    if (memberSchema && !(path === '' && key === 'metadata')) errors.push(...validateSchema(member, memberSchema, fieldPath(path, key)));
  }
  return errors;
}

function compositeErrors(value: unknown, schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const fails = (s: Schema) => validateSchema(value, s, path);
  const name = JSON.stringify(path);
  for (const part of schema.allOf ?? []) errors.push(...fails(part));
  if (schema.anyOf) {
    const results = schema.anyOf.map(fails);
    if (results.every((r) => r.length > 0)) errors.push(invalid(path, '', `${name} must validate at least one schema (anyOf)`), ...best(results));
  }
  if (schema.oneOf) {
    const results = schema.oneOf.map(fails);
    const valid = results.filter((r) => r.length === 0).length;
    if (valid === 0) errors.push(invalid(path, '', `${name} must validate one and only one schema (oneOf). Found none valid`), ...best(results));
    else if (valid > 1) errors.push(invalid(path, '', `${name} must validate one and only one schema (oneOf). Found ${valid} valid alternatives`));
  }
  if (schema.not && fails(schema.not).length === 0) errors.push(invalid(path, '', `${name} must not validate the schema (not)`));
  return errors;
}

/** Of several failed alternatives the one that came nearest. */
const best = (results: readonly FieldError[][]): FieldError[] => results.reduce((a, b) => (b.length < a.length ? b : a), results[0] ?? []);
