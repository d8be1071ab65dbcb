/** Checks the CEL rules of a schema, which the API server of a current installation enforces: for objects that one with older
 * definitions has stored. Kept apart from the other checks, since few processes need a CEL engine. */
import { celEnv, isCelError, parse, plan, type CelInput } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { childPath, type Issue } from '../issue.ts';
import type { JsonSchema } from './json-schema.ts';

type Program = ReturnType<typeof plan>;

const env = celEnv({ funcs: strings });
const programs = new Map<string, Program>();

/** @param value one whose types have been checked */
export function checkRules(schema: JsonSchema, value: unknown, path = ''): Issue[] {
  if (value === undefined || value === null) return [];
  const own = (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule, message }): Issue[] => {
    const result = program(rule)({ self: celValue(value) });
    return result === true ? [] : [{ severity: 'error', path, message: isCelError(result) ? `${message} (${result.message})` : message }];
  });
  if (Array.isArray(value)) return [...own, ...value.flatMap((item, index) => (schema.items ? checkRules(schema.items, item, childPath(path, index)) : []))];
  if (typeof value !== 'object') return own;
  const inner = Object.entries(value).flatMap(([name, field]) => {
    const child = schema.properties && Object.hasOwn(schema.properties, name) ? schema.properties[name] : schema.additionalProperties;
    return child ? checkRules(child, field, childPath(path, name)) : [];
  });
  return [...own, ...inner];
}

/** Planned when it is first needed: most rules are about fields that nobody sets. */
function program(rule: string): Program {
  const known = programs.get(rule) ?? plan(env, parse(rule));
  programs.set(rule, known);
  return known;
}

/** JSON as CEL sees it: whole numbers are int. */
function celValue(value: unknown): CelInput {
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value === 'object' && value !== null) return new Map(Object.entries(value).filter(([, field]) => field !== null).map(([key, field]) => [key, celValue(field)]));
  // What is neither list nor map in JSON is a scalar of CEL.
  return typeof value === 'number' && Number.isInteger(value) ? BigInt(value) : (value as CelInput);
}
