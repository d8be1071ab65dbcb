/** The answer of the validating webhook to one review. */
import { errorText } from '../../base/errors.ts';
import { isError, issueText } from '../../api/issue.ts';
import type { ValidationContext } from '../../api/validation/context.ts';
import { validateObject } from '../../api/validation/validate.ts';
import { checkPatchValue } from '../patch/patch.ts';
import type { ReviewRequest, ReviewResponse } from './admission-review.ts';

/** Warnings become `Warning:` lines that kubectl prints; any error refuses the object with all of its errors. */
export function reviewConfig(request: ReviewRequest, context: ValidationContext): ReviewResponse {
  const { object } = request;
  if (object === undefined || (request.operation !== 'CREATE' && request.operation !== 'UPDATE')) return { allowed: true };
  // An object on its way out is changed only to take its finalizers off.
  if (object.metadata?.deletionTimestamp !== undefined) return { allowed: true };
  const placed = request.namespace === undefined || object.metadata?.namespace !== undefined ? object : { ...object, metadata: { ...object.metadata, namespace: request.namespace } };
  try {
    const issues = validateObject(placed, { ...context, envoyValue: checkPatchValue });
    const warnings = issues.filter((issue) => !isError(issue)).map(issueText);
    const errors = issues.filter(isError).map(issueText);
    return errors.length === 0 ? { allowed: true, warnings } : { allowed: false, message: `configuration is invalid: ${errors.join('; ')}`, warnings };
  } catch (error) {
    return { allowed: false, message: `configuration cannot be checked: ${errorText(error)}` };
  }
}
