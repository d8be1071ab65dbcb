/** What makes a CustomResourceDefinition acceptable. Kubernetes: apiextensions validation.go and the structural schema rules. */
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from 'kubernetes-types/apiextensions/v1.d.ts';
import { RE2JS } from 're2js';
import { dns1035Error, subdomainError } from '../../../kube/names.ts';
import { fieldPath, isObject, type Schema } from '../../../kube/schema/schema.ts';
import { duplicate, forbiddenField, invalid, notSupported, required, type FieldError } from '../status.ts';

export function validateDefinition({ metadata, spec }: CustomResourceDefinition, old?: CustomResourceDefinition): FieldError[] {
  if (!spec) return [required('spec')];
  const errors: FieldError[] = [];
  const { group = '', names, versions = [] } = spec;
  const wanted = `${names?.plural ?? ''}.${group}`;
  if (metadata?.name !== wanted) errors.push(invalid('metadata.name', metadata?.name, `must be spec.names.plural+"."+spec.group`));
  if (group === '') errors.push(required('spec.group'));
  else if (subdomainError(group)) errors.push(invalid('spec.group', group, subdomainError(group) ?? ''));
  else if (group.split('.').length < 2) errors.push(invalid('spec.group', group, 'should be a domain with at least one dot'));
  if (!spec.scope) errors.push(required('spec.scope'));
  else if (spec.scope !== 'Cluster' && spec.scope !== 'Namespaced') errors.push(notSupported('spec.scope', spec.scope, ['Cluster', 'Namespaced']));
  errors.push(...nameErrors(names));
  const stored = versions.filter((version) => version.storage).length;
  if (stored !== 1) errors.push(invalid('spec.versions', versions.map((v) => v.name), 'must have exactly one version marked as storage version'));
  const seen = new Set<string>();
  for (const [i, version] of versions.entries()) {
    const path = `spec.versions[${i}]`;
    if (seen.has(version.name)) errors.push(duplicate(`${path}.name`, version.name));
    seen.add(version.name);
    errors.push(...versionErrors(version, path));
  }
  if (spec.conversion?.strategy === 'Webhook') errors.push(forbiddenField('spec.conversion.strategy', 'conversion webhooks are not run here; serve one version, or versions that differ in name only with strategy None'));
  if (!old?.spec) return errors;
  if (old.spec.scope !== spec.scope) errors.push(invalid('spec.scope', spec.scope, 'field is immutable'));
  if (old.spec.group !== group) errors.push(invalid('spec.group', group, 'field is immutable'));
  if (old.spec.names.plural !== names?.plural) errors.push(invalid('spec.names.plural', names?.plural, 'field is immutable'));
  return errors;
}

function nameErrors(names: CustomResourceDefinition['spec']['names'] | undefined): FieldError[] {
  if (!names) return [required('spec.names')];
  const errors: FieldError[] = [];
  const labels = [['plural', names.plural], ['singular', names.singular], ['kind', names.kind?.toLowerCase()], ['listKind', names.listKind?.toLowerCase()]] as const;
  for (const [field, value] of labels) {
    if (!value) errors.push(required(`spec.names.${field}`));
    else if (dns1035Error(value)) errors.push(invalid(`spec.names.${field}`, value, dns1035Error(value) ?? ''));
  }
  if (names.kind && names.kind === names.listKind) errors.push(invalid('spec.names.listKind', names.listKind, 'kind and listKind may not be the same'));
  return errors;
}

function versionErrors(version: CustomResourceDefinitionVersion, path: string): FieldError[] {
  const schema = version.schema?.openAPIV3Schema as Schema | undefined;
  const at = `${path}.schema.openAPIV3Schema`;
  if (!version.name) return [required(`${path}.name`)];
  if (!schema) return [required(`${path}.schema.openAPIV3Schema`, 'schemas are required')];
  const errors = schemaErrors(schema, at);
  if (schema.type !== 'object') errors.push(schema.type ? invalid(`${at}.type`, schema.type, 'must be "object" at the root') : required(`${at}.type`, 'must not be empty at the root'));
  return errors;
}

const TYPES = ['array', 'boolean', 'integer', 'number', 'object', 'string'];

/** Structural schemas: every node says its type, and nothing hides in other places. */
function schemaErrors(schema: Schema, path: string): FieldError[] {
  const errors: FieldError[] = [];
  const isOpen = schema['x-kubernetes-int-or-string'] || schema['x-kubernetes-preserve-unknown-fields'];
  if (schema.$ref) errors.push(forbiddenField(`${path}.$ref`, 'must be empty in a structural schema'));
  if (schema.type && !TYPES.includes(schema.type)) errors.push(notSupported(`${path}.type`, schema.type, TYPES));
  if (!schema.type && !isOpen && !path.endsWith('openAPIV3Schema')) errors.push(required(`${path}.type`, 'must not be empty for specified object fields'));
  if (schema.pattern !== undefined && !compiles(schema.pattern)) errors.push(invalid(`${path}.pattern`, schema.pattern, 'must be a valid regular expression'));
  if (schema.uniqueItems) errors.push(forbiddenField(`${path}.uniqueItems`, 'uniqueItems cannot be set to true since the runtime complexity becomes quadratic'));
  if (schema.type === 'array' && !schema.items) errors.push(required(`${path}.items`, 'must be specified'));
  if (isObject(schema.items)) errors.push(...schemaErrors(schema.items, `${path}.items`));
  if (schema.properties && isObject(schema.additionalProperties)) errors.push(forbiddenField(`${path}.additionalProperties`, 'additionalProperties and properties are mutual exclusive'));
  if (isObject(schema.additionalProperties)) errors.push(...schemaErrors(schema.additionalProperties, `${path}.additionalProperties`));
  for (const [name, member] of Object.entries(schema.properties ?? {})) {
    if (path.endsWith('openAPIV3Schema') && ['apiVersion', 'kind', 'metadata'].includes(name)) continue;
    errors.push(...schemaErrors(member, fieldPath(`${path}.properties`, name).replace(/\.([^.]+)$/, '[$1]')));
  }
  return errors;
}

function compiles(pattern: string): boolean {
  try {
    RE2JS.compile(pattern);
    return true;
  } catch {
    return false;
  }
}
