/** The schemas of Kubernetes' built-in types, parsed when first used. */
import { schemas } from '../generated/schemas.js';
import type { Schema } from './schema.ts';

const REF = '#/components/schemas/';
const PREFIX = /^io\.k8s\.(?:api\.|apiextensions-apiserver\.pkg\.apis\.|apimachinery\.pkg\.apis\.)([a-z]+)\.(v\w+)\./;

export const OBJECT_META = 'io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta';

export class BuiltinSchemas {
  readonly #parsed = new Map<string, Record<string, Schema>>();
  readonly #definitions = new Map<string, Schema | undefined>();

  /** By definition name, `io.k8s.api.core.v1.Pod`. */
  definition(name: string): Schema | undefined {
    if (!this.#definitions.has(name)) this.#definitions.set(name, this.#find(name));
    return this.#definitions.get(name);
  }

  #find(name: string): Schema | undefined {
    const special = this.module('special')[name];
    if (special) return special;
    const match = PREFIX.exec(name);
    return match ? this.module(`${match[1]}/${match[2]}`)[name] : undefined;
  }

  /** All definitions of `core/v1`, `meta/v1`, …; empty when there is no such module. */
  module(name: string): Record<string, Schema> {
    let module = this.#parsed.get(name);
    if (!module) {
      const text = schemas[name];
      module = text === undefined ? {} : (JSON.parse(text) as Record<string, Schema>);
      this.#parsed.set(name, module);
    }
    return module;
  }

  /** Follows a reference, alone or as the only member of `allOf`. */
  resolve(schema: Schema): Schema {
    const ref = schema.$ref ?? (schema.type === undefined && schema.allOf?.length === 1 ? schema.allOf[0]?.$ref : undefined);
    if (ref === undefined) return schema;
    return this.definition(ref.slice(REF.length)) ?? schema;
  }
}

/** `apps/v1`, `Deployment` → `io.k8s.api.apps.v1.Deployment`. */
export function definitionName(apiVersion: string, kind: string): string {
  const [group = '', version = ''] = apiVersion.includes('/') ? apiVersion.split('/') : ['core', apiVersion];
  const short = group.split('.')[0] ?? '';
  return `${short === 'apiextensions' ? 'io.k8s.apiextensions-apiserver.pkg.apis' : 'io.k8s.api'}.${short}.${version}.${kind}`;
}

/** Where the definition of a body may be: options such as DeleteOptions are sent under any group. */
export const definitionCandidates = (apiVersion: string, kind: string): string[] => [definitionName(apiVersion, kind), `io.k8s.apimachinery.pkg.apis.meta.v1.${kind}`];

export const refTo = (name: string): Schema => ({ $ref: REF + name });
export const nameOfRef = (schema: Schema): string | undefined => (schema.$ref ?? schema.allOf?.[0]?.$ref)?.slice(REF.length);

/** One parse per process: the definitions are constant data, read lazily. */
export const builtinSchemas = new BuiltinSchemas();
