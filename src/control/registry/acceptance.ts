/** Whether an object of the mesh can be used. Objects that are not valid can be stored when the validating webhook was away;
 * what is made of the others must not depend on them. */
import type { Issue } from '../../api/issue.ts';
import { isError } from '../../api/issue.ts';
import { checkRules } from '../../api/schema/cel-check.ts';
import { checkValue } from '../../api/schema/check.ts';
import type { Kind, MeshObject } from '../../api/schema/kind.ts';
import { NO_CONTEXT } from '../../api/validation/context.ts';
import { validateObject } from '../../api/validation/validate.ts';
import { checkPatchValue } from '../patch/patch.ts';
import { errorText } from '../../base/errors.ts';
import type { Stored } from '../../kube/object.ts';

export interface Verdict {
  readonly isUsable: boolean;
  readonly issues: readonly Issue[];
}

const SECURITY = 'security.istio.io';

/** Checks an object by itself, as the API server and the webhook do together. An object with an error is left out as a whole,
 * except policies of security whose fields have the right types: of those the translation takes what it understands, since
 * without them more would be allowed than before. */
export function judge(kind: Kind, object: Stored<MeshObject<unknown>>): Verdict {
  const fields = fieldIssues(kind, object.spec);
  if (fields.some(isError)) return { isUsable: false, issues: fields };
  const issues = [...fields, ...meaningIssues(kind, object)];
  return { isUsable: kind.group === SECURITY || !issues.some(isError), issues };
}

function fieldIssues(kind: Kind, spec: unknown): Issue[] {
  if (spec === undefined || spec === null) return kind.specRequired ? [{ severity: 'error', path: 'spec', message: 'is required' }] : [];
  const issues = checkValue(kind.spec.json, spec, 'spec', { unknownField: 'warning' });
  return issues.some(isError) ? issues : [...issues, ...checkRules(kind.spec.json, spec, 'spec')];
}

/** References are not followed here. */
const CONTEXT = { ...NO_CONTEXT, envoyValue: checkPatchValue };

function meaningIssues(kind: Kind, object: Stored<MeshObject<unknown>>): Issue[] {
  try {
    // Items of a list carry no kind of their own.
    return validateObject({ ...object, apiVersion: `${kind.group}/${kind.versions[0]}`, kind: kind.kind }, CONTEXT);
  } catch (error) {
    return [{ severity: 'error', path: 'spec', message: `cannot be checked: ${errorText(error)}` }];
  }
}
