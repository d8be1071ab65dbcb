/** Our kinds as CustomResourceDefinitions. */
import type { CustomResourceDefinition } from 'kubernetes-types/apiextensions/v1.d.ts';
import { KINDS } from './kinds.ts';
import type { JsonSchema } from './schema/json-schema.ts';
import { AGE, STATE, type Kind } from './schema/kind.ts';

const INT_OR_STRING: JsonSchema = { anyOf: [{ type: 'integer' }, { type: 'string' }], 'x-kubernetes-int-or-string': true };
const TIME: JsonSchema = { type: 'string', format: 'date-time' };
const TEXT: JsonSchema = { type: 'string' };

/** What the control plane writes under `status` of every kind. Istio: meta.v1alpha1.IstioStatus. */
const STATUS: JsonSchema = {
  type: 'object',
  description: 'What the control plane made of this object.',
  'x-kubernetes-preserve-unknown-fields': true,
  properties: {
    conditions: {
      type: 'array',
      items: {
        type: 'object',
        properties: { type: TEXT, status: TEXT, reason: TEXT, message: TEXT, lastProbeTime: TIME, lastTransitionTime: TIME, observedGeneration: INT_OR_STRING },
      },
    },
    observedGeneration: INT_OR_STRING,
    validationMessages: {
      type: 'array',
      items: {
        type: 'object',
        properties: {
          documentationUrl: TEXT,
          level: { type: 'string', enum: ['UNKNOWN', 'ERROR', 'WARNING', 'INFO'] },
          type: { type: 'object', properties: { code: TEXT, name: TEXT } },
        },
      },
    },
  },
};

/** One CRD per kind, every version served with the same fields. `extraLabels` go on each CRD. */
export function renderCrds(extraLabels: Readonly<Record<string, string>> = {}): CustomResourceDefinition[] {
  return KINDS.map((kind) => renderCrd(kind, extraLabels));
}

/** The schema of whole objects of a kind, as the API server sees it. */
export function objectSchema(kind: Kind): JsonSchema {
  return {
    type: 'object',
    description: kind.description,
    properties: { spec: { ...kind.spec.json, description: kind.description }, status: STATUS },
    ...(kind.specRequired ? { required: ['spec'] } : {}),
  };
}

function renderCrd(kind: Kind, extraLabels: Readonly<Record<string, string>>): CustomResourceDefinition {
  const singular = kind.kind.toLowerCase();
  const area = kind.group.split('.')[0] ?? '';
  const storage = kind.storage ?? kind.versions[0];
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${kind.plural}.${kind.group}`, labels: { app: 'istio-pilot', release: 'istio', ...extraLabels } },
    spec: {
      group: kind.group,
      scope: 'Namespaced',
      names: { kind: kind.kind, listKind: `${kind.kind}List`, plural: kind.plural, singular, categories: ['istio-io', `${area}-istio-io`], ...(kind.shortNames ? { shortNames: [...kind.shortNames] } : {}) },
      versions: kind.versions.map((name) => ({
        name,
        served: true,
        storage: name === storage,
        subresources: { status: {} },
        additionalPrinterColumns: [...(kind.columns ?? [AGE]), ...STATE].map((column) => ({ type: 'string', ...column })),
        // JsonSchema is the subset of JSONSchemaProps that structural schemas use; its lists are readonly, the other's are not.
        schema: { openAPIV3Schema: objectSchema(kind) as never },
      })),
    },
  };
}
