/** Semantic validation: what a schema cannot say. Pure; used by the webhook and by the command line alike. */
import type { KubeObject } from '../../kube/object.ts';
import { kindOf } from '../kinds.ts';
import type { Issue } from '../issue.ts';
import { NO_CONTEXT, type ValidationContext } from './context.ts';
import { VALIDATORS } from './validators.ts';

/** Issues of an object of one of our kinds that the API server's schema check has passed; [] for other kinds. */
export function validateObject(object: KubeObject, context: ValidationContext = NO_CONTEXT): Issue[] {
  const kind = kindOf(object);
  const validator = kind && VALIDATORS[kind.kind];
  return validator ? validator(object, context) : [];
}
