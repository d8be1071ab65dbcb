/** Everything that can be said about a file of objects without a cluster: syntax, fields, meaning. */
import type { KubeObject } from '../../kube/object.ts';
import { objectSchema } from '../crds.ts';
import type { Issue } from '../issue.ts';
import { kindOf } from '../kinds.ts';
import type { JsonSchema } from '../schema/json-schema.ts';
import { checkValue } from '../schema/check.ts';
import { readObjects } from '../yaml.ts';
import { contextOf, type ValidationContext } from './context.ts';
import { validateObject } from './validate.ts';

export interface Finding extends Issue {
  /** The object; undefined when the text is not YAML. */
  readonly object?: KubeObject;
  /** Line on which the object begins. */
  readonly line: number;
}

/** References are followed within the text. */
export function validateText(text: string, more: Pick<ValidationContext, 'envoyValue'> = {}): Finding[] {
  const { objects, problems } = readObjects(text);
  const known = { ...contextOf(objects.map(({ object }) => object)), ...more };
  const broken = problems.map((message): Finding => ({ severity: 'error', path: '', message, line: Number(/^line (\d+)/.exec(message)?.[1] ?? 1) }));
  return [...broken, ...objects.flatMap(({ object, line }) => validateWhole(object, known).map((issue): Finding => ({ ...issue, object, line })))];
}

/** Fields first; the meaning of an object whose fields are wrong cannot be told. */
export function validateWhole(object: KubeObject, context: ValidationContext): Issue[] {
  const kind = kindOf(object);
  if (!kind) return [];
  const schema: JsonSchema = { ...objectSchema(kind), properties: { ...objectSchema(kind).properties, apiVersion: { type: 'string' }, kind: { type: 'string' }, metadata: METADATA }, required: ['metadata'] };
  const issues = checkValue(schema, object);
  return issues.some((issue) => issue.severity === 'error') ? issues : [...issues, ...validateObject(object, context)];
}

const TEXTS: JsonSchema = { type: 'object', additionalProperties: { type: 'string' } };

const METADATA: JsonSchema = {
  type: 'object',
  properties: { name: { type: 'string' }, generateName: { type: 'string' }, namespace: { type: 'string' }, labels: TEXTS, annotations: TEXTS },
  // Fields that the API server fills in.
  'x-kubernetes-preserve-unknown-fields': true,
};
