/** Rules in CEL (`x-kubernetes-validations`) of custom objects. Kubernetes: apiextensions-apiserver pkg/apiserver/schema/cel. */
import { celEnv, isCelError, parse, plan, type CelEnv, type CelInput, type CelResult } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { durationFromMs, timestampFromDate } from '@bufbuild/protobuf/wkt';
import { RE2JS } from 're2js';
import { parseDuration } from '../../../base/duration.ts';
import { fieldPath, isObject, type Schema, type ValidationRule } from '../../../kube/schema/schema.ts';
import { duplicate, forbiddenField, invalid, required, type FieldError } from '../status.ts';
import { kubernetesFunctions } from './cel-functions.ts';

type Program = (bindings: Record<string, CelInput>) => CelResult;
export type CompiledRule = { run: Program; usesOld: boolean } | { error: string };

/** Compiles rules once, when they are first needed: a mesh brings hundreds, and most are about fields that nobody sets.
 * One for each API server. */
export class CelRules {
  readonly #onProblem: (rule: string, error: string) => void;
  readonly #compiled = new Map<string, CompiledRule>();
  #env: CelEnv | undefined;

  /** @param onProblem told once of each rule that cannot be compiled, and so is not enforced */
  constructor(onProblem: (rule: string, error: string) => void = () => {}) {
    this.#onProblem = onProblem;
  }

  /** All rules of a schema that cannot be compiled: path of the schema and what is wrong. */
  problems(schema: Schema, path = ''): { path: string; rule: string; error: string }[] {
    const own = (schema['x-kubernetes-validations'] ?? []).flatMap(({ rule }) => {
      const compiled = this.compile(rule);
      return 'error' in compiled ? [{ path, rule, error: compiled.error }] : [];
    });
    const inner = [
      ...Object.entries(schema.properties ?? {}).map(([name, s]) => [fieldPath(path, name), s] as const),
      ...(schema.items ? [[`${path}[]`, schema.items] as const] : []),
      ...(isObject(schema.additionalProperties) ? [[`${path}[*]`, schema.additionalProperties] as const] : []),
    ];
    return [...own, ...inner.flatMap(([at, s]) => this.problems(s, at))];
  }

  compile(expression: string): CompiledRule {
    let compiled = this.#compiled.get(expression);
    if (!compiled) {
      compiled = this.#plan(expression);
      this.#compiled.set(expression, compiled);
    }
    return compiled;
  }

  /** @param old the value before an update; rules about changes run only when there is one */
  validate(value: unknown, schema: Schema, at: { path: string; old: unknown }): FieldError[] {
    if (value === undefined || value === null) return [];
    const errors: FieldError[] = [];
    for (const rule of schema['x-kubernetes-validations'] ?? []) {
      const error = this.#check(rule, value, schema, at);
      if (error) errors.push(error);
    }
    return [...errors, ...this.#inner(value, schema, at)];
  }

  #inner(value: unknown, schema: Schema, at: { path: string; old: unknown }): FieldError[] {
    if (Array.isArray(value) && schema.items) {
      const { items } = schema;
      if (!hasRules(items)) return [];
      return value.flatMap((item, i) => this.validate(item, items, { path: `${at.path}[${i}]`, old: sameItem(schema, at.old, item) }));
    }
    if (!isObject(value)) return [];
    const old = isObject(at.old) ? at.old : {};
    return Object.entries(value).flatMap(([key, member]) => {
      const memberSchema = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : isObject(schema.additionalProperties) ? schema.additionalProperties : undefined;
      if (!memberSchema || !hasRules(memberSchema)) return [];
      const path = schema.properties?.[key] ? fieldPath(at.path, key) : `${at.path}[${key}]`;
      return this.validate(member, memberSchema, { path, old: old[key] });
    });
  }

  #check(rule: ValidationRule, value: unknown, schema: Schema, at: { path: string; old: unknown }): FieldError | undefined {
    const compiled = this.compile(rule.rule);
    if ('error' in compiled) return undefined; // reported when it was compiled
    if (compiled.usesOld && (at.old === undefined || rule.optionalOldSelf)) return undefined;
    const bindings: Record<string, CelInput> = { self: toCel(value, schema) };
    if (compiled.usesOld) bindings['oldSelf'] = toCel(at.old, schema);
    const result = run(compiled.run, bindings);
    if (result === true) return undefined;
    const path = at.path + (rule.fieldPath ?? '');
    if (typeof result !== 'boolean') return invalid(path, schema.type ?? '', `rule evaluation error: ${failureText(result)} evaluating rule: ${rule.rule}`);
    return errorOf(rule, path.replace(/^\./, ''), { type: schema.type ?? '', message: this.#message(rule, bindings) });
  }

  #message(rule: ValidationRule, bindings: Record<string, CelInput>): string {
    if (rule.messageExpression) {
      const compiled = this.compile(rule.messageExpression);
      const text = 'error' in compiled ? undefined : run(compiled.run, bindings);
      if (typeof text === 'string' && text.trim() !== '' && !text.includes('\n')) return text;
    }
    return rule.message ?? `failed rule: ${rule.rule.trim()}`;
  }

  #plan(expression: string): CompiledRule {
    try {
      this.#env ??= celEnv({
        funcs: [...strings, ...kubernetesFunctions()],
        re2: { compile: (pattern) => {
          const compiled = RE2JS.compile(pattern);
          return { test: (text) => compiled.matcher(text).find() };
        } },
      });
      return { run: plan(this.#env, parse(expression)) as Program, usesOld: /\boldSelf\b/.test(expression) };
    } catch (cause) {
      const error = cause instanceof Error ? cause.message : String(cause);
      this.#onProblem(expression, error);
      return { error };
    }
  }
}

function run(program: Program, bindings: Record<string, CelInput>): CelResult {
  try {
    return program(bindings);
  } catch (error) {
    // A function of ours refused its arguments: for the rule that is a failed evaluation.
    return (error instanceof Error ? error.message : String(error)) as CelResult;
  }
}

function failureText(result: CelResult): string {
  const text = String(isCelError(result) ? result.message : result);
  return text.endsWith(' to a BigInt') ? "type conversion error from 'string' to 'int'" : text;
}

function errorOf(rule: ValidationRule, path: string, what: { type: string; message: string }): FieldError {
  switch (rule.reason) {
    case 'FieldValueRequired': return required(path, what.message);
    case 'FieldValueForbidden': return forbiddenField(path, what.message);
    case 'FieldValueDuplicate': return duplicate(path, what.type);
    default: return invalid(path, what.type, what.message);
  }
}

/** Schemas below which there is a rule, so that big objects without any are not walked. */
const withRules = new WeakMap<Schema, boolean>();

export function hasRules(schema: Schema): boolean {
  let known = withRules.get(schema);
  if (known === undefined) {
    withRules.set(schema, false);
    known = (schema['x-kubernetes-validations'] ?? []).length > 0 || (schema.items !== undefined && hasRules(schema.items))
      || Object.values(schema.properties ?? {}).some(hasRules) || (isObject(schema.additionalProperties) && hasRules(schema.additionalProperties));
    withRules.set(schema, known);
  }
  return known;
}

/** Items of a list are the same before and after only when the list merges by keys. */
function sameItem(schema: Schema, old: unknown, item: unknown): unknown {
  const keys = schema['x-kubernetes-list-map-keys'];
  if (schema['x-kubernetes-list-type'] !== 'map' || !keys || !Array.isArray(old) || !isObject(item)) return undefined;
  return old.find((other) => isObject(other) && keys.every((key) => other[key] === item[key])) as unknown;
}

/** JSON as CEL's types: what is an integer and what a moment only the schema knows. */
function toCel(value: unknown, schema: Schema): CelInput {
  if (typeof value === 'number') return schema.type === 'number' || !Number.isInteger(value) ? value : BigInt(value);
  if (typeof value === 'string') return textToCel(value, schema.format);
  if (Array.isArray(value)) return value.map((item) => toCel(item, schema.items ?? {}));
  if (!isObject(value)) return (value ?? null) as CelInput;
  const entries = Object.entries(value).filter(([, member]) => member !== null).map(([key, member]) => {
    const own = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : undefined;
    const memberSchema = own ?? (isObject(schema.additionalProperties) ? schema.additionalProperties : {});
    return [own ? escapeName(key) : key, toCel(member, memberSchema)] as const;
  });
  return new Map(entries) as CelInput;
}

function textToCel(text: string, format: string | undefined): CelInput {
  if (format === 'date-time' && !Number.isNaN(Date.parse(text))) return timestampFromDate(new Date(text)) as CelInput<never> as CelInput;
  if (format === 'duration') {
    const ms = parseDuration(text);
    if (ms !== undefined) return durationFromMs(ms) as CelInput<never> as CelInput;
  }
  return format === 'byte' ? new Uint8Array(Buffer.from(text, 'base64')) : text;
}

const RESERVED = new Set(['true', 'false', 'null', 'in', 'as', 'break', 'const', 'continue', 'else', 'for', 'function', 'if', 'import', 'let', 'loop', 'package', 'namespace', 'return', 'var', 'void', 'while']);

/** Names that are no CEL identifiers have escaped ones. Kubernetes: schema/cel/model Escape. */
export function escapeName(name: string): string {
  if (RESERVED.has(name)) return `__${name}__`;
  return name.replaceAll('__', '__underscores__').replaceAll('.', '__dot__').replaceAll('-', '__dash__').replaceAll('/', '__slash__');
}

