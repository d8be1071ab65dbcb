/** The kinds that a CustomResourceDefinition brings, one for each served version. */
import type { CustomResourceDefinition, CustomResourceDefinitionVersion } from 'kubernetes-types/apiextensions/v1.d.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { resource } from '../../../kube/resource.ts';
import { OBJECT_META, refTo } from '../../../kube/schema/builtin.ts';
import type { Schema } from '../../../kube/schema/schema.ts';
import { compareVersions } from '../discovery/discovery.ts';
import { ALL_VERBS, type Kind, type Strategy } from '../kinds/kind.ts';
import type { FieldError } from '../status.ts';
import { compileJsonPath } from '../table/json-path.ts';
import type { CelRules } from './cel.ts';
import { applyDefaults, decodeCustom } from './structural.ts';
import { validateSchema } from './validate.ts';

export function customKinds(definition: CustomResourceDefinition, rules: CelRules): Kind[] {
  const { spec } = definition;
  const served = spec.versions.filter((version) => version.served).sort((a, b) => compareVersions(a.name, b.name));
  const storage = spec.versions.find((version) => version.storage)?.name ?? served[0]?.name ?? '';
  return served.map((version, i) => kindOf(definition, version, { rules, storage, preferred: i === 0 }));
}

function kindOf({ spec }: CustomResourceDefinition, version: CustomResourceDefinitionVersion, context: { rules: CelRules; storage: string; preferred: boolean }): Kind {
  const { group, names } = spec;
  const apiVersion = `${group}/${version.name}`;
  const written = (version.schema?.openAPIV3Schema ?? { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }) as Schema;
  const full: Schema = { ...written, properties: { ...written.properties, apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: refTo(OBJECT_META) } };
  const r = resource(apiVersion, names.plural, names.kind, spec.scope === 'Namespaced');
  const { status, scale } = version.subresources ?? {};
  return {
    resource: r,
    singular: names.singular ?? names.kind.toLowerCase(), shortNames: names.shortNames ?? [], categories: names.categories ?? [],
    listKind: names.listKind ?? `${names.kind}List`,
    collection: `${group}/${names.plural}`,
    verbs: ALL_VERBS,
    subresources: [...(status ? ['status'] : []), ...(scale ? ['scale'] : [])],
    hasGeneration: true,
    strategy: strategyOf(version, written, context.rules),
    schema: () => full,
    decode: (value) => decodeCustom(value, written),
    isCustom: true,
    scale: scale && { specReplicas: scale.specReplicasPath, statusReplicas: scale.statusReplicasPath, selector: scale.labelSelectorPath },
    columns: version.additionalPrinterColumns,
    convert: spec.versions.length > 1 ? conversion(`${group}/${context.storage}`, apiVersion) : undefined,
    preferred: context.preferred,
    deprecation: version.deprecated ? (version.deprecationWarning ?? `${apiVersion} ${names.kind} is deprecated`) : undefined,
  };
}

/** Conversion strategy None: the versions differ in nothing but their name. */
function conversion(stored: string, served: string): Kind['convert'] {
  const as = (object: KubeObject, apiVersion: string) => (object.apiVersion === apiVersion ? object : { ...object, apiVersion });
  return { toStorage: (object) => as(object, stored), fromStorage: (object) => as(object, served) };
}

function strategyOf(version: CustomResourceDefinitionVersion, schema: Schema, rules: CelRules): Strategy {
  const check = (object: KubeObject, old: KubeObject | undefined): FieldError[] => {
    const errors = validateSchema(object, schema);
    // Rules are about objects that have the right shape.
    return errors.length > 0 ? errors : rules.validate(object, schema, { path: '', old });
  };
  /** What was wrong before and has not changed does not stand in the way of another change. Kubernetes: validation ratcheting. */
  const checkChange = (object: KubeObject, old: KubeObject): FieldError[] => {
    const errors = check(object, old);
    if (errors.length === 0) return errors;
    const known = new Set(check(old, undefined).map((e) => `${e.field} ${e.message}`));
    return errors.filter((e) => !known.has(`${e.field} ${e.message}`));
  };
  const selectable = ((version as { selectableFields?: { jsonPath: string }[] }).selectableFields ?? []).map(({ jsonPath }) => ({ name: jsonPath.replace(/^\./, ''), read: compileJsonPath(jsonPath) }));
  return {
    default: (object) => applyDefaults(object, schema),
    validateCreate: (object) => check(object, undefined),
    validateUpdate: checkChange,
    validateStatus: checkChange,
    fields: (object) => Object.fromEntries(selectable.map(({ name, read }) => [name, String(read(object)[0] ?? '')])),
    selectable: selectable.map(({ name }) => name),
  };
}
