/** Pruning and defaulting by a structural schema. Kubernetes: apiextensions-apiserver pkg/apiserver/schema/{pruning,defaulting}. */
import { cloneJson } from '../../../base/clone.ts';
import { builtinSchemas, OBJECT_META } from '../../../kube/schema/builtin.ts';
import { decodeBuiltin, type Decoded } from '../../../kube/schema/decode.ts';
import { fieldPath, isObject, type JsonObject, type Schema } from '../../../kube/schema/schema.ts';

/** Reads a custom object: its metadata strictly typed, the rest pruned. Values of a wrong type are left for validation. */
export function decodeCustom(value: JsonObject, schema: Schema): Decoded {
  const unknown: string[] = [];
  const { apiVersion, kind, metadata, ...rest } = value;
  const pruned = prune(rest, schema, { path: '', unknown }) as JsonObject;
  const meta = decodeMeta(metadata, 'metadata', unknown);
  return { value: { apiVersion, kind, ...(meta.value ? { metadata: meta.value } : {}), ...pruned }, unknown, error: meta.error };
}

function decodeMeta(metadata: unknown, path: string, unknown: string[]): { value?: JsonObject; error?: string } {
  if (metadata === undefined || metadata === null) return {};
  if (!isObject(metadata)) return { error: `json: cannot unmarshal ${Array.isArray(metadata) ? 'array' : typeof metadata} into Go struct field .metadata of type v1.ObjectMeta` };
  const schema = builtinSchemas.definition(OBJECT_META) ?? {};
  const decoded = decodeBuiltin(metadata, schema, builtinSchemas);
  unknown.push(...decoded.unknown.map((field) => `${path}.${field}`));
  return { value: decoded.value, error: decoded.error?.replace('Go struct field .', 'Go struct field ObjectMeta.metadata.') };
}

interface Pruning {
  path: string;
  unknown: string[];
}

function prune(value: unknown, schema: Schema, at: Pruning): unknown {
  if (Array.isArray(value)) return schema.items ? value.map((item, i) => prune(item, schema.items ?? {}, { ...at, path: `${at.path}[${i}]` })) : cloneJson(value);
  if (!isObject(value)) return value;
  const isEmbedded = schema['x-kubernetes-embedded-resource'] === true;
  const keepsUnknown = schema['x-kubernetes-preserve-unknown-fields'] === true || schema.additionalProperties === true;
  const result: JsonObject = {};
  for (const [key, member] of Object.entries(value)) {
    const path = fieldPath(at.path, key);
    const memberSchema = schema.properties && Object.hasOwn(schema.properties, key) ? schema.properties[key] : isObject(schema.additionalProperties) ? schema.additionalProperties : undefined;
    if (memberSchema) result[key] = prune(member, memberSchema, { ...at, path });
    else if (keepsUnknown || (isEmbedded && ['apiVersion', 'kind', 'metadata'].includes(key))) result[key] = cloneJson(member);
    else at.unknown.push(path);
  }
  return result;
}

/** Fills defaults in place; an explicit null where the schema has a default and is not nullable counts as absent. */
export function applyDefaults(value: unknown, schema: Schema): void {
  if (Array.isArray(value)) {
    if (schema.items) for (const item of value) applyDefaults(item, schema.items);
    return;
  }
  if (!isObject(value)) return;
  for (const [key, member] of Object.entries(schema.properties ?? {})) {
    if (member.default !== undefined && (value[key] === undefined || (value[key] === null && !member.nullable))) value[key] = cloneJson(member.default);
    if (value[key] !== undefined) applyDefaults(value[key], member);
  }
  if (!isObject(schema.additionalProperties)) return;
  for (const [key, member] of Object.entries(value)) if (!schema.properties?.[key]) applyDefaults(member, schema.additionalProperties);
}
