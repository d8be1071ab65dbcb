/** OpenAPI documents of what is served: v3 per group version, and the older v2 over all. Made when first asked for. */
import { createHash } from 'node:crypto';
import { descriptions } from '../../../kube/generated/descriptions.js';
import { builtinSchemas, nameOfRef } from '../../../kube/schema/builtin.ts';
import { isObject, type Schema } from '../../../kube/schema/schema.ts';
import { apiVersionOf, resourcePath } from '../../../kube/resource.ts';
import { hasStatus, type Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import { groupsOf } from './discovery.ts';
import { KUBERNETES_VERSION } from './version.ts';

export interface OpenapiDocuments {
  /** `/openapi/v3`: paths with a hash in each URL, so that clients can cache. */
  index(): string;
  /** @param path `api/v1`, `apis/apps/v1` */
  groupVersion(path: string): string | undefined;
  /** `/openapi/v2` */
  swagger(): string;
}

const LIST_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ListMeta';
const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';
const STATUS = 'io.k8s.apimachinery.pkg.apis.meta.v1.Status';

export function createOpenapi(kinds: KindRegistry): OpenapiDocuments {
  let made = new Map<string, string>();
  let madeFor = -1;
  const cached = (key: string, make: () => string | undefined): string | undefined => {
    if (madeFor !== kinds.version) {
      made = new Map();
      madeFor = kinds.version;
    }
    let text = made.get(key);
    if (text === undefined) {
      text = make();
      if (text !== undefined) made.set(key, text);
    }
    return text;
  };
  const document = (path: string) => cached(path, () => {
    const served = kinds.all().filter((kind) => groupPath(kind) === path);
    return served.length === 0 ? undefined : JSON.stringify(documentOf(served));
  });
  return {
    index: () => cached('index', () => JSON.stringify(indexOf(kinds))) ?? '{}',
    groupVersion: document,
    swagger: () => cached('v2', () => JSON.stringify(swaggerOf(kinds.all()))) ?? '{}',
  };
}

function indexOf(kinds: KindRegistry): object {
  const paths = groupsOf(kinds).flatMap(({ versions }) => versions.map(({ kinds: list }) => (list[0] ? groupPath(list[0]) : '')));
  return { paths: Object.fromEntries(paths.map((path) => [path, { serverRelativeURL: `/openapi/v3/${path}?hash=${hashOf(kinds, path)}` }])) };
}

const groupPath = ({ resource: r }: Kind) => (r.group === '' ? `api/${r.version}` : `apis/${r.group}/${r.version}`);

/** Of what the document is made from, so that the index is quick and no document needs to be made for it. */
function hashOf(kinds: KindRegistry, path: string): string {
  const hash = createHash('sha512').update(KUBERNETES_VERSION.gitVersion);
  for (const kind of kinds.all()) {
    if (groupPath(kind) !== path) continue;
    hash.update(kind.resource.kind);
    if (kind.isCustom) hash.update(JSON.stringify(kind.schema()));
  }
  return hash.digest('hex').toUpperCase();
}

function documentOf(served: readonly Kind[]): object {
  const definitions = collectDefinitions(served);
  const paths: Record<string, object> = {};
  for (const kind of served) Object.assign(paths, pathsOf(kind, '#/components/schemas/', v3Content));
  return { openapi: '3.0.0', info: { title: 'Kubernetes', version: KUBERNETES_VERSION.gitVersion }, paths, components: { schemas: Object.fromEntries(definitions) } };
}

/** All definitions that the kinds reach, with descriptions and group-version-kinds. */
function collectDefinitions(served: readonly Kind[]): Map<string, Schema> {
  const result = new Map<string, Schema>();
  const texts = new DescriptionReader();
  const visit = (name: string) => {
    if (result.has(name)) return;
    const definition = builtinSchemas.definition(name);
    if (!definition) return;
    const described = texts.describe(name, definition);
    result.set(name, described);
    for (const ref of refsIn(definition)) visit(ref);
  };
  for (const name of [LIST_META, OBJECT_META, STATUS, 'io.k8s.apimachinery.pkg.apis.meta.v1.DeleteOptions', 'io.k8s.apimachinery.pkg.apis.meta.v1.Patch']) visit(name);
  for (const kind of served) {
    const { group, version, kind: name } = kind.resource;
    const gvk = [{ group, version, kind: name }];
    const schemaName = definitionOf(kind);
    if (kind.definition) {
      visit(kind.definition);
      visit(`${kind.definition}List`);
      const own = result.get(kind.definition);
      if (own) result.set(kind.definition, { ...own, 'x-kubernetes-group-version-kind': gvk });
      const list = result.get(`${kind.definition}List`);
      if (list) result.set(`${kind.definition}List`, { ...list, 'x-kubernetes-group-version-kind': [{ group, version, kind: kind.listKind }] });
    } else {
      const schema = kind.schema();
      for (const ref of refsIn(schema)) visit(ref);
      result.set(schemaName, { ...schema, 'x-kubernetes-group-version-kind': gvk });
      result.set(`${schemaName}List`, customList(kind, schemaName));
    }
  }
  return result;
}

function customList(kind: Kind, name: string): Schema {
  const { group, version } = kind.resource;
  return {
    description: `${kind.listKind} is a list of ${kind.resource.kind}`, type: 'object', required: ['items'],
    properties: {
      apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: { allOf: [{ $ref: `#/components/schemas/${LIST_META}` }] },
      items: { type: 'array', items: { allOf: [{ $ref: `#/components/schemas/${name}` }] } },
    },
    'x-kubernetes-group-version-kind': [{ group, version, kind: kind.listKind }],
  };
}

/** Reversed domain, as Kubernetes names the definitions of custom resources: `io.istio.networking.v1.Gateway`. */
export function definitionOf(kind: Kind): string {
  return kind.definition ?? `${kind.resource.group.split('.').reverse().join('.')}.${kind.resource.version}.${kind.resource.kind}`;
}

function refsIn(schema: Schema): string[] {
  const own = nameOfRef(schema);
  const inner = [schema.items, isObject(schema.additionalProperties) ? schema.additionalProperties : undefined, ...Object.values(schema.properties ?? {}), ...(schema.allOf ?? [])];
  return [...(own ? [own] : []), ...inner.filter((s) => s !== undefined).flatMap(refsIn)];
}

class DescriptionReader {
  readonly #modules = new Map<string, Record<string, Record<string, string>>>();

  describe(name: string, definition: Schema): Schema {
    const texts = this.#textsOf(name);
    const properties = definition.properties && Object.fromEntries(Object.entries(definition.properties).map(([field, schema]) => [field, describedField(schema, texts[field])]));
    const { 'x-lateen-quantity': isQuantity, ...rest } = definition;
    if (isQuantity) return { type: 'string', description: 'A fixed-point amount such as 500m, 1.5 or 2Gi.' };
    return { ...(texts[''] ? { description: texts[''] } : {}), ...rest, ...(properties ? { properties } : {}) };
  }

  #textsOf(name: string): Record<string, string> {
    const match = /\.([a-z]+)\.(v\w+)\.\w+$/.exec(name);
    const module = match ? `${match[1]}/${match[2]}` : '';
    let parsed = this.#modules.get(module);
    if (!parsed) {
      parsed = JSON.parse(descriptions[module] ?? '{}') as Record<string, Record<string, string>>;
      this.#modules.set(module, parsed);
    }
    return parsed[name] ?? {};
  }
}

/** Beside a reference nothing else counts in OpenAPI 3.0, so a described one stands inside `allOf`. */
function describedField(schema: Schema, description: string | undefined): Schema {
  const base: Schema = schema.$ref && description ? { allOf: [{ $ref: schema.$ref }] } : schema;
  return description ? { description, ...base } : base;
}

type Content = (ref: string | undefined) => object;
const v3Content: Content = (ref) => ({ content: { 'application/json': { schema: ref ? { $ref: ref } : {} } } });

/** Operations with the extensions by which kubectl finds out what can be done with a kind (`x-kubernetes-action`, `fieldValidation`, dry run). */
function pathsOf(kind: Kind, prefix: string, content: Content): Record<string, object> {
  const { resource: r } = kind;
  const ref = `${prefix}${definitionOf(kind)}`;
  const gvk = { group: r.group, version: r.version, kind: r.kind };
  const operation = (action: string, body?: string): object => ({
    tags: [apiVersionOf(r).replace('/', '_')], operationId: `${action}${r.kind}`, 'x-kubernetes-action': action, 'x-kubernetes-group-version-kind': gvk,
    ...(prefix.includes('components') ? { parameters: body ? WRITE_PARAMETERS : [] } : { parameters: body ? SWAGGER_WRITE_PARAMETERS : [] }),
    responses: { 200: { description: 'OK', ...content(body ?? ref) } },
    ...(body && prefix.includes('components') ? { requestBody: { ...content(body), required: true } } : {}),
  });
  const root = resourcePath(r, { namespace: '{namespace}' }).replaceAll('%7B', '{').replaceAll('%7D', '}');
  const list = { get: operation('list'), post: operation('post', ref), delete: operation('deletecollection') };
  const one = { get: operation('get'), put: operation('put', ref), patch: operation('patch', ref), delete: operation('delete') };
  return {
    [root]: list, [`${root}/{name}`]: one,
    ...(hasStatus(kind) ? { [`${root}/{name}/status`]: { get: operation('get'), put: operation('put', ref), patch: operation('patch', ref) } } : {}),
  };
}

const PARAMETER_NAMES = ['dryRun', 'fieldManager', 'fieldValidation'];
const WRITE_PARAMETERS = PARAMETER_NAMES.map((name) => ({ name, in: 'query', schema: { type: 'string', uniqueItems: true } }));
const SWAGGER_WRITE_PARAMETERS = PARAMETER_NAMES.map((name) => ({ name, in: 'query', type: 'string', uniqueItems: true }));

function swaggerOf(all: readonly Kind[]): object {
  const definitions = [...collectDefinitions(all)].map(([name, schema]) => [name, toSwagger(schema)]);
  const paths: Record<string, object> = {};
  for (const kind of all) Object.assign(paths, pathsOf(kind, '#/definitions/', (ref) => (ref ? { schema: { $ref: ref } } : {})));
  return { swagger: '2.0', info: { title: 'Kubernetes', version: KUBERNETES_VERSION.gitVersion }, paths, definitions: Object.fromEntries(definitions) };
}

/** OpenAPI 2 has no oneOf, anyOf, not, nullable; references point elsewhere. */
function toSwagger(schema: Schema): object {
  const { oneOf: _o, anyOf: _a, not: _n, nullable: _u, allOf, $ref, properties, items, additionalProperties, ...rest } = schema;
  const ref = $ref ?? allOf?.find((s) => s.$ref)?.$ref;
  return {
    ...rest,
    ...(ref ? { $ref: ref.replace('#/components/schemas/', '#/definitions/') } : {}),
    ...(rest['x-kubernetes-int-or-string'] ? { type: 'string' } : {}),
    ...(properties ? { properties: Object.fromEntries(Object.entries(properties).map(([name, s]) => [name, toSwagger(s)])) } : {}),
    ...(items ? { items: toSwagger(items) } : {}),
    ...(isObject(additionalProperties) ? { additionalProperties: toSwagger(additionalProperties) } : {}),
  };
}
