/** Checks a value against a structural schema as the API server does, CEL rules excepted. For input that no API server
 * has seen: files given to the command line, the mesh configuration. */
import { childPath, type Issue } from '../issue.ts';
import type { JsonSchema } from './json-schema.ts';

export interface CheckOptions {
  /** How a field that the schema lacks is reported. Default: an error, as with strict field validation. */
  unknownField?: 'error' | 'warning';
}

/** @param path of the value within the object, '' for the object itself */
export function checkValue(schema: JsonSchema, value: unknown, path = '', options: CheckOptions = {}): Issue[] {
  // As the API server does: a field without a value counts as left out, unless it must be there.
  if (value === null) return [];
  if (schema['x-kubernetes-int-or-string']) return typeof value === 'string' || Number.isInteger(value) ? [] : [error(path, 'must be an integer or a string')];
  if (schema.type !== undefined && !hasType(value, schema.type)) return [error(path, `must be ${article(schema.type)}, not ${describe(value)}`)];
  if (typeof value === 'string') return checkString(schema, value, path);
  if (typeof value === 'number') return checkNumber(schema, value, path);
  if (Array.isArray(value)) return checkList(schema, value, path, options);
  if (typeof value === 'object') return checkObject(schema, value as Record<string, unknown>, path, options);
  return [];
}

function checkObject(schema: JsonSchema, value: Record<string, unknown>, path: string, options: CheckOptions): Issue[] {
  const issues: Issue[] = [];
  const size = Object.keys(value).length;
  if (schema.minProperties !== undefined && size < schema.minProperties) issues.push(error(path, `must have at least ${schema.minProperties} entries`));
  if (schema.maxProperties !== undefined && size > schema.maxProperties) issues.push(error(path, `must have at most ${schema.maxProperties} entries`));
  for (const name of schema.required ?? []) if (value[name] === undefined || (value[name] === null && !schema.properties?.[name]?.nullable)) issues.push(error(childPath(path, name), 'is required'));
  for (const [name, item] of Object.entries(value)) {
    const known = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : schema.additionalProperties;
    if (known) issues.push(...checkValue(known, item, childPath(path, name), options));
    else if (!schema['x-kubernetes-preserve-unknown-fields']) issues.push(unknownField(schema, name, path, options));
  }
  for (const group of exclusiveGroups(schema)) {
    const set = group.filter((name) => Object.hasOwn(value, name));
    if (set.length > 1) issues.push(error(path, `set only one of ${set.join(', ')}`));
  }
  return issues;
}

function checkList(schema: JsonSchema, value: unknown[], path: string, options: CheckOptions): Issue[] {
  const issues: Issue[] = [];
  if (schema.minItems !== undefined && value.length < schema.minItems) issues.push(error(path, `must have at least ${schema.minItems} items`));
  if (schema.maxItems !== undefined && value.length > schema.maxItems) issues.push(error(path, `must have at most ${schema.maxItems} items`));
  const [key] = schema['x-kubernetes-list-map-keys'] ?? [];
  if (key !== undefined) issues.push(...repeatedKeys(value, key, path));
  const { items } = schema;
  if (items) value.forEach((item, index) => issues.push(...checkValue(items, item, childPath(path, index), options)));
  return issues;
}

function repeatedKeys(items: readonly unknown[], key: string, path: string): Issue[] {
  const seen = new Set<unknown>();
  return items.flatMap((item, index) => {
    const value = typeof item === 'object' && item !== null ? (item as Record<string, unknown>)[key] : undefined;
    const isRepeated = value !== undefined && seen.has(value);
    seen.add(value);
    return isRepeated ? [error(childPath(childPath(path, index), key), `Duplicate value: ${JSON.stringify(value)} is there already`)] : [];
  });
}

function checkString(schema: JsonSchema, value: string, path: string): Issue[] {
  if (schema.enum && !schema.enum.includes(value)) return [error(path, `must be one of ${schema.enum.join(', ')}, not ${JSON.stringify(value)}`)];
  if (schema.minLength !== undefined && value.length < schema.minLength) return [error(path, schema.minLength === 1 ? 'must not be empty' : `must be at least ${schema.minLength} characters long`)];
  if (schema.maxLength !== undefined && value.length > schema.maxLength) return [error(path, `must be at most ${schema.maxLength} characters long`)];
  if (schema.pattern !== undefined && !new RegExp(schema.pattern, 'u').test(value)) return [error(path, `must match ${schema.pattern}`)];
  return [];
}

function checkNumber(schema: JsonSchema, value: number, path: string): Issue[] {
  if (schema.format === 'int32' && (value > 2_147_483_647 || value < -2_147_483_648)) return [error(path, 'must be a number of 32 bits')];
  if (schema.minimum !== undefined && value < schema.minimum) return [error(path, `must be ${schema.minimum} or more`)];
  if (schema.maximum !== undefined && value > schema.maximum) return [error(path, `must be ${schema.maximum} or less`)];
  return [];
}

function unknownField(schema: JsonSchema, name: string, path: string, options: CheckOptions): Issue {
  const home = homeOf(schema, name);
  const near = home === undefined ? nearest(name, Object.keys(schema.properties ?? {})) : undefined;
  const hint = home !== undefined ? `, it belongs under ${home}` : near !== undefined ? `, did you mean ${near}?` : '';
  return { severity: options.unknownField ?? 'error', path: childPath(path, name), message: `unknown field ${JSON.stringify(name)}${hint}` };
}

/** The field of this object under which `name` is known: what was meant when an indentation is missing. */
function homeOf(schema: JsonSchema, name: string): string | undefined {
  const has = (child: JsonSchema) => child.properties !== undefined && Object.hasOwn(child.properties, name);
  return Object.entries(schema.properties ?? {}).find(([, child]) => has(child))?.[0];
}

/** The groups made by `oneOf` of `object`: at most one field of each may be set. */
function exclusiveGroups(schema: JsonSchema): string[][] {
  const sets = [schema.oneOf, ...(schema.allOf ?? []).map((part) => part.oneOf)];
  return sets.flatMap((set) => (set ? [set.flatMap((part) => part.required ?? [])] : []));
}

function hasType(value: unknown, type: NonNullable<JsonSchema['type']>): boolean {
  if (type === 'array') return Array.isArray(value);
  if (type === 'integer') return Number.isInteger(value);
  return type === 'object' ? typeof value === 'object' && !Array.isArray(value) : typeof value === type;
}

const error = (path: string, message: string): Issue => ({ severity: 'error', path, message });
const article = (type: string | undefined) => (type === undefined ? 'set' : /^[aio]/.test(type) ? `an ${type}` : `a ${type}`);
const describe = (value: unknown) => (Array.isArray(value) ? 'a list' : typeof value === 'object' ? 'an object' : `the ${typeof value} ${JSON.stringify(value)}`);

/** The known word that differs least from `word`, when the difference looks like a slip. */
export function nearest(word: string, known: readonly string[]): string | undefined {
  const limit = word.length <= 4 ? 1 : 2;
  let best: { name: string; distance: number } | undefined;
  for (const name of known) {
    const distance = name.toLowerCase() === word.toLowerCase() ? 0 : editDistance(name.toLowerCase(), word.toLowerCase());
    if (distance <= limit && (best === undefined || distance < best.distance)) best = { name, distance };
  }
  return best?.name;
}

function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const next = [i];
    for (let j = 1; j <= b.length; j++) next[j] = Math.min((row[j] ?? 0) + 1, (next[j - 1] ?? 0) + 1, (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1));
    row = next;
  }
  return row[b.length] ?? 0;
}
