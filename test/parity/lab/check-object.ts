import { kindOf } from '../../../src/api/kinds.ts';
import { isError } from '../../../src/api/issue.ts';
import { checkValue } from '../../../src/api/schema/check.ts';
import { validateObject } from '../../../src/api/validation/validate.ts';
import type { KubeObject } from '../../../src/kube/object.ts';

/** What the API server would say against an object, with its name. */
export function checkObject(object: KubeObject): string[] {
  const kind = kindOf(object);
  if (!kind) return [];
  // Of a kind that has a spec.
  const { spec } = object as { spec?: unknown };
  const issues = checkValue(kind.spec.json, spec ?? {}, 'spec').filter(isError);
  const all = issues.length > 0 ? issues : validateObject(object).filter(isError);
  return all.map((issue) => `${object.kind} ${object.metadata?.name}: ${issue.path}: ${issue.message}`);
}
