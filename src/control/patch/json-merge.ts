/** Writes JSON, as people write Envoy's configuration, into a message: what is said is set, also where it is a field's default, and what is
 * not said stays. Nested messages are merged field by field, an `Any` of the same type too; lists grow, or are replaced. */
import { create, fromBinary, fromJson, mergeFromJson, toBinary, type DescField, type DescMessage, type JsonObject, type JsonValue, type Message, type Registry } from '@bufbuild/protobuf';
import { reflect, type ReflectMessage } from '@bufbuild/protobuf/reflect';
import { AnySchema, type Any } from '@bufbuild/protobuf/wkt';
import { childPath } from '../../api/issue.ts';
import { nearest } from '../../api/schema/check.ts';
import { errorText } from '../../base/errors.ts';

export interface Problem {
  /** `spec.configPatches[0].patch.value.typed_config.stat_prefix` */
  readonly path: string;
  readonly message: string;
  /** Of a field, value or type that a newer Envoy may have. */
  readonly isUnknown?: true;
  /** What it stands in goes to Envoy all the same, as it was written. */
  readonly isPassed?: true;
}

/** A field that was written, or the type of an extension. */
export interface Written {
  readonly path: string;
  readonly type: string;
  /** Undefined: the type itself, in an `Any`. */
  readonly field: string | undefined;
}

export interface JsonMerge {
  readonly types: Registry;
  readonly lists: 'append' | 'replace';
  problem(problem: Problem): void;
  /** Told of everything that is written. */
  wrote?(written: Written): void;
}

/** So deep may messages nest; Envoy's own limit is 100. */
const MAX_DEPTH = 90;
const TOO_DEEP = `nests deeper than ${MAX_DEPTH} messages`;

/** @param json foreign
 * @param path of it, for problems */
export function mergeJson(desc: DescMessage, target: Message, json: unknown, by: JsonMerge & { path: string; depth?: number }): void {
  const { path, depth = 0 } = by;
  if (!isObject(json)) return by.problem({ path, message: `must be an object with the fields of ${desc.typeName}, not ${describe(json)}` });
  if (depth > MAX_DEPTH) return by.problem({ path, message: TOO_DEEP });
  const message = reflect(desc, target);
  const chosen = new Map<string, string>();
  for (const [key, value] of Object.entries(json)) {
    const at = childPath(path, key);
    const field = fieldsOf(desc).get(key);
    if (!field) by.problem({ path: at, ...unknownField(desc, key) });
    else if (value === null) by.problem({ path: at, message: 'null says nothing: leave the field out, or name the value that it is to have' });
    else {
      const other = field.oneof && chosen.get(field.oneof.name);
      if (field.oneof && other !== undefined) by.problem({ path: at, message: `set only one of ${other}, ${field.name}` });
      if (field.oneof) chosen.set(field.oneof.name, field.name);
      by.wrote?.({ path: at, type: desc.typeName, field: field.name });
      mergeField(message, field, value, { ...by, path: at, depth: depth + 1 });
    }
  }
}

type At = JsonMerge & { path: string; depth: number };

function mergeField(message: ReflectMessage, field: DescField, value: JsonValue, at: At): void {
  if (field.fieldKind === 'message' && !isLeaf(field.message)) {
    const nested = message.isSet(field) ? message.get(field) : reflect(field.message, create(field.message));
    mergeMessage(nested, value, at);
    return message.set(field, nested);
  }
  if (field.fieldKind === 'list' && field.listKind === 'message' && !isLeaf(field.message)) {
    if (!Array.isArray(value)) return at.problem({ path: at.path, message: `must be a list, not ${describe(value)}` });
    const list = message.get(field);
    if (at.lists === 'replace') list.clear();
    for (const [i, item] of value.entries()) {
      const made = reflect(field.message, create(field.message));
      mergeMessage(made, item, { ...at, path: childPath(at.path, i) });
      list.add(made);
    }
    return;
  }
  if (field.fieldKind === 'map' && field.mapKind === 'message' && !isLeaf(field.message)) {
    if (!isObject(value)) return at.problem({ path: at.path, message: `must be an object, not ${describe(value)}` });
    const map = message.get(field);
    for (const [key, item] of Object.entries(value)) {
      const known = isAny(field.message) ? map.get(key) : undefined;
      const made = known ?? reflect(field.message, create(field.message));
      // The map has been found to hold messages.
      mergeMessage(made as ReflectMessage, item, { ...at, path: childPath(at.path, key) });
      map.set(key, made);
    }
    return;
  }
  mergeLeaf(message, field, value, at);
}

function mergeMessage(nested: ReflectMessage, value: JsonValue, at: At): void {
  // The descriptor says what the message is.
  if (isAny(nested.desc)) mergeAny(nested.message as Any, value, at);
  else mergeJson(nested.desc, nested.message, value, at);
}

/** What is no message of its own: texts, numbers, durations, and lists and maps of them. */
function mergeLeaf(message: ReflectMessage, field: DescField, value: JsonValue, at: At): void {
  try {
    if (field.fieldKind === 'list' && at.lists === 'replace') message.clear(field);
    const read = fromJson(message.desc, { [field.name]: value }, { registry: at.types });
    if (field.fieldKind === 'list' || field.fieldKind === 'map') mergeFromJson(message.desc, message.message, { [field.name]: value }, { registry: at.types });
    else message.set(field, reflect(message.desc, read).get(field));
  } catch (error) {
    at.problem({ path: at.path, ...leafProblem(field, value, error) });
  }
}

/** What is in an `Any` is told by `@type`. What is there already stays where it is of that type. */
function mergeAny(any: Any, json: JsonValue, at: At): void {
  const { path, types, depth } = at;
  if (depth > MAX_DEPTH) return at.problem({ path, message: TOO_DEEP });
  if (!isObject(json)) return at.problem({ path, message: `must be an object with @type, not ${describe(json)}` });
  const { '@type': url, ...body } = json;
  if (typeof url !== 'string' || url === '') return at.problem({ path: childPath(path, '@type'), message: 'must name the type of the configuration: type.googleapis.com/envoy.…' });
  const name = typeName(url);
  if (STRUCTS.has(name)) return mergeStruct(any, name, body, at);
  const desc = types.getMessage(name);
  at.wrote?.({ path, type: name, field: undefined });
  if (!desc) {
    at.problem({ path: childPath(path, '@type'), message: `type ${name} is not known here`, isUnknown: true, isPassed: true });
    return pass(any, name, body, at);
  }
  if (isLeaf(desc)) return packLeaf(any, json, at);
  const existing = typeName(any.typeUrl) === name ? fromBinary(desc, any.value) : undefined;
  const target = existing ?? create(desc);
  const problems: Problem[] = [];
  mergeJson(desc, target, body, { ...at, problem: (problem) => void problems.push(problem) });
  const isPassed = !existing && problems.length > 0 && problems.every((problem) => problem.isUnknown);
  for (const problem of problems) at.problem(isPassed ? { ...problem, isPassed } : problem);
  if (isPassed) return pass(any, name, body, at);
  Object.assign(any, create(AnySchema, { typeUrl: `type.googleapis.com/${name}`, value: toBinary(desc, target) }));
}

/** What we cannot read goes to Envoy as it was written, which reads it as if it had been typed. */
function pass(any: Any, name: string, value: JsonObject, at: At): void {
  const desc = at.types.getMessage(TYPED_STRUCT);
  if (!desc) return;
  try {
    const struct = fromJson(desc, { type_url: `type.googleapis.com/${name}`, value });
    Object.assign(any, create(AnySchema, { typeUrl: `type.googleapis.com/${TYPED_STRUCT}`, value: toBinary(desc, struct) }));
  } catch (error) {
    at.problem({ path: at.path, message: errorText(error) });
  }
}

/** A configuration that names its type beside it: read as that type where it is known. */
function mergeStruct(any: Any, name: string, body: JsonObject, at: At): void {
  const { type_url: snake, typeUrl: camel, value = {}, ...rest } = body;
  const url = snake ?? camel;
  for (const key of Object.keys(rest)) at.problem({ path: childPath(at.path, key), message: `unknown field: ${name} has type_url and value` });
  if (typeof url !== 'string' || !isObject(value)) return at.problem({ path: at.path, message: `${name} must have a type_url and an object as its value` });
  const inner: Problem[] = [];
  const json = { '@type': url, ...value };
  mergeAny(any, json, { ...at, depth: at.depth + 1, path: childPath(at.path, 'value'), problem: (problem) => void inner.push(problem) });
  for (const problem of inner) at.problem(problem);
}

function packLeaf(any: Any, json: JsonObject, at: At): void {
  try {
    Object.assign(any, fromJson(AnySchema, json, { registry: at.types }));
  } catch (error) {
    at.problem({ path: at.path, message: errorText(error) });
  }
}

const TYPED_STRUCT = 'xds.type.v3.TypedStruct';
const STRUCTS: ReadonlySet<string> = new Set([TYPED_STRUCT, 'udpa.type.v1.TypedStruct']);

/** `type.googleapis.com/a.b.C` → `a.b.C` */
export const typeName = (url: string): string => url.slice(url.lastIndexOf('/') + 1);

const isAny = (desc: DescMessage): boolean => desc.typeName === 'google.protobuf.Any';
/** Messages that JSON writes in a way of their own. */
const isLeaf = (desc: DescMessage): boolean => desc.typeName.startsWith('google.protobuf.') && !isAny(desc) && desc.typeName !== 'google.protobuf.Empty';
const isObject = (value: unknown): value is JsonObject => typeof value === 'object' && value !== null && !Array.isArray(value);
const describe = (value: unknown): string => (value === null ? 'null' : Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : JSON.stringify(value).slice(0, 80));

const known = new WeakMap<DescMessage, ReadonlyMap<string, DescField>>();

/** By the names that JSON may use: `stat_prefix`, `statPrefix`. */
function fieldsOf(desc: DescMessage): ReadonlyMap<string, DescField> {
  let fields = known.get(desc);
  if (!fields) known.set(desc, (fields = new Map(desc.fields.flatMap((field) => [[field.name, field], [field.jsonName, field]]))));
  return fields;
}

function unknownField(desc: DescMessage, key: string): { message: string; isUnknown?: true } {
  const near = nearest(key, desc.fields.map(({ name }) => name));
  const message = `${desc.typeName} has no field ${key}`;
  return near === undefined ? { message, isUnknown: true } : { message: `${message}; did you mean ${near}?` };
}

function leafProblem(field: DescField, value: JsonValue, error: unknown): { message: string; isUnknown?: true } {
  if (field.enum && typeof value === 'string') {
    const names = field.enum.values.map(({ name }) => name);
    const near = nearest(value, names);
    if (!names.includes(value)) return near === undefined ? { message: `${value} is none of ${names.join(', ')}`, isUnknown: true } : { message: `${value} is none of ${names.join(', ')}; did you mean ${near}?` };
  }
  if (field.fieldKind === 'message') return { message: `${describe(value)} is no ${field.message.typeName}${FORMS[field.message.typeName] ?? ''}` };
  // The library names the field before what is wrong with it; the path says that already.
  const text = error instanceof Error ? error.message : errorText(error);
  return { message: text.replace(/^cannot decode (field|message) \S+ from JSON: /, '') };
}

const FORMS: Readonly<Record<string, string>> = { 'google.protobuf.Duration': ', such as 1.5s' };
