/** From what a client sent to an object that can be worked with. */
import type { KubeObject, ObjectMeta } from '../../../kube/object.ts';
import { apiVersionOf } from '../../../kube/resource.ts';
import { isObject } from '../../../kube/schema/schema.ts';
import { labelValueError, qualifiedNameError } from '../../../kube/names.ts';
import type { Kind } from '../kinds/kind.ts';
import { badRequest, invalid, quote, required, type FieldError } from '../status.ts';
import type { Caller } from './caller.ts';

/** Decodes and prunes; unknown fields are refused, warned of or ignored as the caller asked. The result is in storage form.
 * @throws KubeApiError 400 */
export function decodeObject(kind: Kind, input: unknown, caller: Caller): KubeObject {
  if (!isObject(input)) throw badRequest(`couldn't get version/kind; json parse error: json: cannot unmarshal ${Array.isArray(input) ? 'array' : typeof input} into Go value of type struct { APIVersion string "json:\\"apiVersion,omitempty\\""; Kind string "json:\\"kind,omitempty\\"" }`);
  checkType(kind, input);
  const { value, unknown, error } = kind.decode(input);
  const cannot = `${kind.resource.kind} in version ${quote(kind.isCustom ? apiVersionOf(kind.resource) : kind.resource.version)} cannot be handled as a ${kind.resource.kind}`;
  if (error) throw badRequest(`${cannot}: ${error}`);
  const texts = unknown.map((path) => `unknown field ${quote(path)}`);
  if (texts.length > 0 && caller.fieldValidation === 'Strict') throw badRequest(`${cannot}: strict decoding error: ${texts.join(', ')}`);
  if (caller.fieldValidation === 'Warn') caller.warnings.push(...texts);
  const object = value as KubeObject;
  object.metadata ??= {};
  return kind.convert ? kind.convert.toStorage(object) : object;
}

function checkType(kind: Kind, input: Record<string, unknown>): void {
  const wanted = apiVersionOf(kind.resource);
  input['apiVersion'] ??= wanted;
  input['kind'] ??= kind.resource.kind;
  if (input['apiVersion'] !== wanted) throw badRequest(`the API version in the data (${String(input['apiVersion'])}) does not match the expected API version (${wanted})`);
  if (input['kind'] !== kind.resource.kind) throw badRequest(`${kind.resource.kind} in version ${quote(kind.resource.version)} cannot be handled as a ${kind.resource.kind}: the kind in the data (${String(input['kind'])}) does not match the expected kind`);
}

/** The name and namespace of the URL are the object's. @throws KubeApiError 400 */
export function placeObject(kind: Kind, object: KubeObject, at: { namespace?: string; name?: string }): void {
  const meta = metaOf(object);
  if (at.name !== undefined) {
    if (!meta.name) meta.name = at.name;
    if (meta.name !== at.name) throw badRequest(`the name of the object (${meta.name}) does not match the name on the URL (${at.name})`);
  }
  if (!kind.resource.namespaced) delete meta.namespace;
  else if (!meta.namespace) meta.namespace = at.namespace;
  else if (at.namespace !== undefined && meta.namespace !== at.namespace) throw badRequest('the namespace of the provided object does not match the namespace sent on the request');
  if (kind.resource.namespaced && !meta.namespace) throw badRequest('an empty namespace may not be set during creation');
}

export function metaOf(object: KubeObject): ObjectMeta {
  return (object.metadata ??= {});
}

/** Names, labels, annotations, finalizers. Kubernetes: apimachinery ValidateObjectMeta. */
export function validateMeta(object: KubeObject, nameError: (name: string) => string | undefined): FieldError[] {
  const meta = object.metadata ?? {};
  const errors: FieldError[] = [];
  if (!meta.name) errors.push(required('metadata.name', 'name or generateName is required'));
  else {
    const wrong = nameError(meta.name);
    if (wrong) errors.push(invalid('metadata.name', meta.name, wrong));
  }
  errors.push(...validateLabels(meta.labels, 'metadata.labels'));
  let size = 0;
  for (const [key, value] of Object.entries(meta.annotations ?? {})) {
    const wrong = qualifiedNameError(key.toLowerCase());
    if (wrong) errors.push(invalid('metadata.annotations', key, wrong));
    size += key.length + value.length;
  }
  if (size > 262_144) errors.push({ field: 'metadata.annotations', type: 'FieldValueTooLong', message: 'Too long: may not be more than 262144 bytes' });
  for (const [i, finalizer] of (meta.finalizers ?? []).entries()) {
    const wrong = qualifiedNameError(finalizer);
    if (wrong) errors.push(invalid(`metadata.finalizers[${i}]`, finalizer, wrong));
  }
  for (const [i, owner] of (meta.ownerReferences ?? []).entries()) {
    for (const field of ['apiVersion', 'kind', 'name', 'uid'] as const) {
      if (!owner[field]) errors.push(invalid(`metadata.ownerReferences[${i}].${field}`, '', 'must not be empty'));
    }
  }
  return errors;
}

export function validateLabels(labels: Record<string, string> | undefined, field: string): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels ?? {})) {
    const wrongKey = qualifiedNameError(key);
    if (wrongKey) errors.push(invalid(field, key, wrongKey));
    const wrongValue = labelValueError(value);
    if (wrongValue) errors.push(invalid(field, value, wrongValue));
  }
  return errors;
}
