/** `matchConditions`: CEL expressions over the request that all must be true for a webhook to be called.
 * Kubernetes: apiserver/pkg/admission/plugin/webhook/matchconditions. Differs: `authorizer` is not bound. */
import { celEnv, isCelError, parse, plan } from '@bufbuild/cel';
import type { CelInput } from '@bufbuild/cel';
import { strings } from '@bufbuild/cel/ext';
import { errorText } from '../../../base/errors.ts';
import type { AdmissionRequest } from '../../apiserver/admission.ts';
import type { Hook } from './hook.ts';
import { reviewRequest } from './review.ts';

export type ConditionResult = { t: 'match' } | { t: 'skip' } | { t: 'error'; message: string };

type Program = (variables: Record<string, CelInput>) => unknown;

export interface ConditionEvaluator {
  evaluate(hook: Hook, request: AdmissionRequest): ConditionResult;
}

/** Programs are compiled once for each expression; as many are kept as there are expressions in force, a few. */
export function createConditionEvaluator(): ConditionEvaluator {
  const env = celEnv({ funcs: strings });
  const programs = new Map<string, Program>();
  const compile = (expression: string): Program => {
    let program = programs.get(expression);
    if (!program) {
      const planned = plan(env, parse(expression));
      program = (variables) => planned(variables);
      if (programs.size > 512) programs.clear();
      programs.set(expression, program);
    }
    return program;
  };
  return {
    evaluate(hook, request) {
      const conditions = hook.spec.matchConditions ?? [];
      if (conditions.length === 0) return { t: 'match' };
      const variables = variablesOf(request);
      const errors: string[] = [];
      for (const { name, expression } of conditions) {
        try {
          const value = compile(expression)(variables);
          // One false condition decides, whatever went wrong in the others.
          if (value === false) return { t: 'skip' };
          if (value !== true) errors.push(`${name}: ${isCelError(value) ? value.message : 'the expression must be a bool'}`);
        } catch (error) {
          errors.push(`${name}: ${errorText(error)}`);
        }
      }
      return errors.length === 0 ? { t: 'match' } : { t: 'error', message: errors.join(', ') };
    },
  };
}

function variablesOf(request: AdmissionRequest): Record<string, CelInput> {
  const { object: _object, oldObject: _old, ...rest } = reviewRequest(request, request.uid);
  return { object: celValue(request.object ?? null), oldObject: celValue(request.oldObject ?? null), request: celValue(rest) };
}

/** JSON as CEL sees it: whole numbers are int. */
function celValue(value: unknown): CelInput {
  if (Array.isArray(value)) return value.map(celValue);
  if (typeof value === 'number') return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === 'object' && value !== null) {
    return new Map(Object.entries(value).filter(([, inner]) => inner !== undefined).map(([key, inner]) => [key, celValue(inner)]));
  }
  return typeof value === 'string' || typeof value === 'boolean' ? value : null;
}
