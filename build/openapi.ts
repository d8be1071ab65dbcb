/** Generates the OpenAPI definitions of Kubernetes' built-in kinds from the declarations of `kubernetes-types`
 * (made from Kubernetes' own OpenAPI, so the format is regular) → src/kube/generated (not committed). */
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { ADDITIONS, ATOMIC_MAPS, ATOMIC_TYPES, DEFAULTS, DOUBLES, FORMATS, INT32, INT64, LISTS, RETAIN_KEYS } from './openapi-facts.ts';

const OUT = 'src/kube/generated';
const FROM = 'node_modules/kubernetes-types';
/** Groups of versions that the API server serves, or whose types those use. */
const MODULES = [
  'core/v1', 'apps/v1', 'batch/v1', 'autoscaling/v1', 'autoscaling/v2', 'policy/v1', 'networking/v1', 'rbac/v1', 'storage/v1', 'scheduling/v1', 'coordination/v1', 'discovery/v1',
  'events/v1', 'certificates/v1', 'admissionregistration/v1', 'apiextensions/v1', 'authentication/v1', 'authorization/v1', 'node/v1', 'meta/v1',
];
const META = 'io.k8s.apimachinery.pkg.apis.meta.v1';
const SPECIAL: Readonly<Record<string, object>> = {
  'io.k8s.apimachinery.pkg.api.resource.Quantity': { type: 'string', format: 'quantity', 'x-lateen-quantity': true },
  'io.k8s.apimachinery.pkg.util.intstr.IntOrString': { 'x-kubernetes-int-or-string': true, format: 'int-or-string', oneOf: [{ type: 'integer' }, { type: 'string' }] },
  'io.k8s.apimachinery.pkg.runtime.RawExtension': { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  [`${META}.Time`]: { type: 'string', format: 'date-time' },
  [`${META}.MicroTime`]: { type: 'string', format: 'date-time' },
  [`${META}.FieldsV1`]: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  [`${META}.Patch`]: { type: 'object', 'x-kubernetes-preserve-unknown-fields': true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSON': { 'x-kubernetes-preserve-unknown-fields': true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrArray': { 'x-kubernetes-preserve-unknown-fields': true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrBool': { 'x-kubernetes-preserve-unknown-fields': true },
  'io.k8s.apiextensions-apiserver.pkg.apis.apiextensions.v1.JSONSchemaPropsOrStringArray': { 'x-kubernetes-preserve-unknown-fields': true },
};

interface Definition {
  schema: Record<string, unknown>;
  /** Of the type under '', of its fields under their names. */
  texts: Record<string, string>;
}

interface Member {
  name: string;
  optional: boolean;
  type: string;
  text: string;
}

/** Returns whether anything was made anew. */
export function buildOpenapi(): boolean {
  const mark = fingerprint();
  const stamp = join(OUT, '.fingerprint');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === mark) return false;
  const schemas: Record<string, Record<string, unknown>> = {};
  const texts: Record<string, Record<string, Record<string, string>>> = {};
  for (const module of MODULES) {
    const definitions = parseModule(module);
    schemas[module] = Object.fromEntries([...definitions].map(([name, d]) => [name, d.schema]));
    texts[module] = Object.fromEntries([...definitions].map(([name, d]) => [name, d.texts]));
  }
  schemas['special'] = SPECIAL as Record<string, unknown>;
  mkdirSync(OUT, { recursive: true });
  writeModule('schemas', schemas);
  writeModule('descriptions', texts);
  writeFileSync(stamp, mark);
  return true;
}

function fingerprint(): string {
  const version = (JSON.parse(readFileSync(join(FROM, 'package.json'), 'utf8')) as { version: string }).version;
  return [version, readFileSync('build/openapi.ts', 'utf8'), readFileSync('build/openapi-facts.ts', 'utf8')].join('\n');
}

/** Strings of JSON inside a module: they are parsed one by one, when a kind is first used. */
function writeModule(name: string, parts: Record<string, unknown>): void {
  const lines = Object.entries(parts).map(([key, part]) => `  ${JSON.stringify(key)}: ${JSON.stringify(JSON.stringify(part))},`);
  writeFileSync(join(OUT, `${name}.js`), `export const ${name} = {\n${lines.join('\n')}\n};\n`);
  writeFileSync(join(OUT, `${name}.d.ts`), `/** JSON of each module's part, by module. */\nexport declare const ${name}: Readonly<Record<string, string>>;\n`);
}

export function definitionPrefix(module: string): string {
  if (module === 'meta/v1') return META;
  if (module === 'api/resource') return 'io.k8s.apimachinery.pkg.api.resource';
  if (module === 'runtime') return 'io.k8s.apimachinery.pkg.runtime';
  const path = module.replace('/', '.');
  return module.startsWith('apiextensions/') ? `io.k8s.apiextensions-apiserver.pkg.apis.${path}` : `io.k8s.api.${path}`;
}

function parseModule(module: string): Map<string, Definition> {
  const source = readFileSync(join(FROM, `${module}.d.ts`), 'utf8');
  const names = new Map<string, string>();
  for (const [, list = '', from = ''] of source.matchAll(/^import \{ (.*?) \} from "(.*?)";/gm)) {
    const target = join(dirname(module), from);
    for (const name of list.split(', ')) names.set(name, `${definitionPrefix(target)}.${name}`);
  }
  const prefix = definitionPrefix(module);
  for (const [, name = ''] of source.matchAll(/^export (?:interface|type) (\w+)/gm)) names.set(name, `${prefix}.${name}`);
  const result = new Map<string, Definition>();
  for (const [, text = '', name = '', body = ''] of source.matchAll(/^\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\nexport interface (\w+) \{\n([\s\S]*?)^\}/gm)) {
    const full = `${prefix}.${name}`;
    result.set(full, define(full, parseMembers(body), { text: comment(text), names, module }));
  }
  for (const full of Object.keys(ADDITIONS)) if (full.startsWith(`${prefix}.`) && !result.has(full)) result.set(full, define(full, [], { text: '', names, module }));
  return result;
}

function parseMembers(body: string): Member[] {
  const members: Member[] = [];
  const pattern = /^ {4}(?:\/\*\*((?:(?!\*\/)[\s\S])*)\*\/\n {4})?(?:readonly )?"?([$\w-]+)"?(\?)?: (\{\n[\s\S]*?^ {4}\}|.*?);$/gm;
  for (const [, text = '', name = '', optional, type = ''] of body.matchAll(pattern)) {
    members.push({ name: name.replace(/^x_kubernetes_/, 'x-kubernetes-').replaceAll(/(?<=^x-kubernetes-.*)_/g, '-'), optional: optional === '?', type, text: comment(text) });
  }
  return members;
}

const comment = (text: string) => text.split('\n').map((line) => line.replace(/^\s*\* ?/, '')).join('\n').trim();

function define(full: string, members: Member[], context: { text: string; names: Map<string, string>; module: string }): Definition {
  const properties: Record<string, unknown> = {};
  const texts: Record<string, string> = { '': context.text };
  for (const member of members) {
    properties[member.name] = fieldSchema(full, member, context.names);
    texts[member.name] = member.text;
  }
  for (const [name, [type, text]] of Object.entries(ADDITIONS[full] ?? {})) {
    properties[name] ??= type.endsWith('[]') ? { type: 'array', items: named(type.slice(0, -2)), ...listFacts(LISTS[full]?.[name]) } : named(type);
    texts[name] ??= text;
  }
  const required = members.filter((m) => !m.optional).map((m) => m.name);
  const schema = {
    type: 'object', properties,
    ...(required.length > 0 ? { required } : {}),
    ...(ATOMIC_TYPES.includes(full) ? { 'x-kubernetes-map-type': 'atomic' } : {}),
  };
  return { schema, texts };
}

function named(type: string): object {
  if (type.startsWith('io.k8s.')) return { $ref: `#/components/schemas/${type}` };
  if (type === 'int32' || type === 'int64') return { type: 'integer', format: type };
  return type === 'object' ? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true } : { type };
}

function fieldSchema(full: string, member: Member, names: Map<string, string>): Record<string, unknown> {
  const base = typeSchema(member.type, member.name, names);
  const path = `${full}.${member.name}`;
  const format = FORMATS[path];
  if (format) {
    const holder = (base['additionalProperties'] ?? base) as Record<string, unknown>;
    holder['format'] = format;
  }
  if (INT32.includes(path)) base['format'] = 'int32';
  if (path in DEFAULTS) base['default'] = DEFAULTS[path];
  if (ATOMIC_MAPS.includes(path)) base['x-kubernetes-map-type'] = 'atomic';
  if (RETAIN_KEYS.includes(path)) return { allOf: [base], 'x-kubernetes-patch-strategy': 'retainKeys' };
  if (base['type'] === 'array') Object.assign(base, listFacts(LISTS[full]?.[member.name]));
  return base;
}

function listFacts(fact: string | undefined): object {
  if (fact === undefined) return { 'x-kubernetes-list-type': 'atomic' };
  const [type = '', option = ''] = fact.split('|');
  if (type === 'set') return { 'x-kubernetes-list-type': 'set', ...(option === 'nomerge' ? {} : { 'x-kubernetes-patch-strategy': 'merge' }) };
  const keys = type.slice(type.indexOf(':') + 1).split(',');
  const patch = option === 'nomerge' ? {} : { 'x-kubernetes-patch-merge-key': keys[0], 'x-kubernetes-patch-strategy': option === 'retain' ? 'merge,retainKeys' : 'merge' };
  if (type.startsWith('only:')) return { 'x-kubernetes-list-type': 'atomic', ...patch };
  return { 'x-kubernetes-list-type': 'map', 'x-kubernetes-list-map-keys': keys, ...patch };
}

function typeSchema(type: string, field: string, names: Map<string, string>): Record<string, unknown> {
  const list = /^Array<(.*)>$/s.exec(type);
  if (list) return { type: 'array', items: typeSchema(list[1] ?? '', field, names) };
  const map = /^\{\s*\[name: string\]: (.*?);\s*\}$/s.exec(type);
  if (map) return { type: 'object', additionalProperties: typeSchema(map[1] ?? '', field, names) };
  if (type === 'string' || type.startsWith('"')) return { type: 'string' };
  if (type === 'boolean') return { type: 'boolean' };
  if (type === 'number | string') return { $ref: '#/components/schemas/io.k8s.apimachinery.pkg.util.intstr.IntOrString' };
  if (type === 'number') return DOUBLES.has(field) ? { type: 'number', format: 'double' } : { type: 'integer', format: INT64.has(field) ? 'int64' : 'int32' };
  if (type === 'any' || type === 'object') return { 'x-kubernetes-preserve-unknown-fields': true };
  const target = names.get(type);
  if (!target) throw new Error(`kubernetes-types: cannot read the type "${type}" of field ${field}`);
  return { $ref: `#/components/schemas/${target}` };
}

if (import.meta.main) {
  process.stdout.write(buildOpenapi() ? `generated ${readdirSync(OUT).join(', ')}\n` : 'unchanged\n');
}
