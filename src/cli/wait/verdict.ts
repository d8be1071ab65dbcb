/** What the status of an object says about what is waited for. */
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Condition } from '../../kube/object.ts';
import { CliError } from '../errors.ts';

/** `distribution`: in force on every proxy that it concerns. */
export type Goal = { readonly kind: 'distribution' } | { readonly kind: 'delete' } | { readonly kind: 'condition'; readonly type: string; readonly status: string };

/** `distribution`, `delete`, `condition=Accepted`, `condition=Accepted=False`. */
export function readGoal(text: string): Goal {
  if (text === 'distribution' || text === 'delete') return { kind: text };
  const [word, type, status = 'True'] = text.split('=');
  if (word === 'condition' && type) return { kind: 'condition', type, status };
  throw new CliError(`--for ${text}: write distribution, delete, or condition=TYPE[=STATUS]`);
}

export type Verdict =
  | { readonly state: 'reached'; readonly text: string; readonly warnings: readonly string[] }
  /** It will not be reached as long as the object stays as it is. */
  | { readonly state: 'failed' | 'waiting'; readonly text: string };

/** Reasons why a generation will never be Programmed. */
const FINAL = new Set(['Refused', 'Invalid', 'NotTranslated']);

/** @param generation the one that is waited for; what the status says of older ones does not count */
export function judge(object: MeshObject<unknown>, generation: number, goal: Exclude<Goal, { kind: 'delete' }>): Verdict {
  const told = new Map((object.status?.conditions ?? []).filter((c) => Number(c.observedGeneration ?? -1) >= generation).map((c) => [c.type, c]));
  if (goal.kind === 'condition') {
    const found = told.get(goal.type);
    if (found?.status.toLowerCase() === goal.status.toLowerCase()) return { state: 'reached', text: line(found), warnings: [] };
    return { state: 'waiting', text: found ? line(found) : untold(object) };
  }
  const accepted = told.get('Accepted');
  const programmed = told.get('Programmed');
  if (!programmed) return { state: 'waiting', text: untold(object) };
  if (accepted?.status === 'False' && programmed.reason === 'Invalid') return { state: 'failed', text: `not accepted: ${accepted.message ?? accepted.reason}` };
  if (programmed.status !== 'True') return { state: FINAL.has(programmed.reason ?? '') ? 'failed' : 'waiting', text: programmed.message ?? '' };
  const warnings = ['Accepted', 'ResolvedRefs', 'InEffect'].flatMap((type) => {
    const condition = told.get(type);
    return condition?.status === 'False' ? [`${condition.reason}: ${condition.message}`] : [];
  });
  return { state: 'reached', text: programmed.message ?? '', warnings };
}

const line = ({ type, status, reason, message }: Condition): string => `${type} is ${status} (${reason}): ${message}`;

const untold = (object: MeshObject<unknown>): string =>
  object.status?.conditions ? 'the control plane has not looked at this generation yet' : 'the control plane has written no status; is it running? See: kubectl get pods -n istio-system';
