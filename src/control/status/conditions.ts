/** From facts to conditions, as `kubectl get -o yaml` shows them and `kubectl wait --for=condition=` waits for them. */
import { isError, issueText } from '../../api/issue.ts';
import type { MeshStatus } from '../../api/schema/kind.ts';
import type { Condition } from '../../kube/object.ts';
import type { ObjectFacts, Progress, Refusal } from './facts.ts';

/** The types of condition that we write, in the order in which they are shown. */
export const ConditionType = {
  /** The object is valid and has its place. False: it, or the named part of it, is left out. */
  Accepted: 'Accepted',
  /** Everything that it refers to is there. */
  ResolvedRefs: 'ResolvedRefs',
  /** Every proxy that it concerns has acknowledged this generation. */
  Programmed: 'Programmed',
  /** Every field that it sets has an effect. */
  InEffect: 'InEffect',
} as const;

type Verdict = Pick<Condition, 'status' | 'reason' | 'message'>;

const MAX_MESSAGE = 2_000;
const MAX_ITEMS = 10;

const yes = (reason: string, message: string): Verdict => ({ status: 'True', reason, message });
const no = (reason: string, message: string): Verdict => ({ status: 'False', reason, message: message.length > MAX_MESSAGE ? `${message.slice(0, MAX_MESSAGE)} …` : message });

/** @param before the conditions of now: one whose status stays keeps its time; those of others (Healthy, of a WorkloadEntry) stay */
export function statusOf(facts: ObjectFacts, before: readonly Condition[], nowMs: number): Required<Pick<MeshStatus, 'conditions' | 'observedGeneration'>> {
  const verdicts: Readonly<Record<string, Verdict>> = {
    [ConditionType.Accepted]: accepted(facts),
    [ConditionType.ResolvedRefs]: resolvedRefs(facts),
    [ConditionType.Programmed]: programmed(facts),
    [ConditionType.InEffect]: inEffect(facts),
  };
  const conditions = Object.entries(verdicts).map(([type, verdict]): Condition => {
    const old = before.find((c) => c.type === type);
    const since = old?.status === verdict.status ? old.lastTransitionTime : undefined;
    return { type, ...verdict, observedGeneration: facts.generation, lastTransitionTime: since ?? new Date(nowMs).toISOString().replace(/\.\d+Z$/, 'Z') };
  });
  return { observedGeneration: facts.generation, conditions: [...conditions, ...before.filter(({ type }) => !OURS.has(type))] };
}

const OURS: ReadonlySet<string> = new Set(Object.values(ConditionType));

/** True when the two say the same, whenever they were written. */
export function saysTheSame(a: MeshStatus | undefined, b: MeshStatus): boolean {
  const plain = (status: MeshStatus | undefined) => (status?.conditions ?? []).filter((c) => OURS.has(c.type)).map((c) => [c.type, c.status, c.reason, c.message, Number(c.observedGeneration)]);
  return Number(a?.observedGeneration) === Number(b.observedGeneration) && JSON.stringify(plain(a)) === JSON.stringify(plain(b));
}

function accepted({ issues, isUsable, conflicts, leftOut }: ObjectFacts): Verdict {
  const errors = issues.filter(isError).map(issueText);
  if (errors.length > 0) return no('Invalid', `${isUsable ? '' : 'left out: '}${listed(errors)}`);
  if (leftOut.length > 0) return no('LeftOut', listed(leftOut));
  if (conflicts.length > 0) return no('Conflict', listed(conflicts));
  const warnings = issues.map(issueText);
  return yes('Valid', warnings.length === 0 ? 'the object is valid' : `the object is valid, but look at ${listed(warnings)}`);
}

const resolvedRefs = ({ missing }: ObjectFacts): Verdict => (missing.length === 0 ? yes('ResolvedRefs', 'everything that the object refers to is there') : no('RefNotFound', listed(missing)));

function inEffect({ ineffective }: ObjectFacts): Verdict {
  if (ineffective.length === 0) return yes('AllFieldsInEffect', 'every field that is set has an effect');
  return no('FieldsNotInEffect', listed(ineffective.map(({ path, why }) => `${path}: ${why}`)));
}

function programmed({ isUsable, becomes, progress, registered = 0 }: ObjectFacts): Verdict {
  if (becomes === 'nothing') return no('NotTranslated', 'nothing is made of objects of this kind; see InEffect');
  if (!isUsable) return no('Invalid', 'the object is left out; see Accepted');
  if (becomes === 'pods') return yes('AtInjection', 'in force for pods that are created from now on');
  if (becomes === 'machines') return yes('AtRegistration', `in force for machines that register from now on; ${registered} registered now`);
  const { interested, acknowledged, refusals } = progress;
  if (interested === 0) return yes('NoInterestedProxy', 'no connected proxy uses this object');
  const count = `acknowledged by ${acknowledged} of ${interested} interested proxies`;
  if (refusals.length > 0) return no('Refused', `${count}; refused by ${refusalText(refusals)}`);
  return acknowledged < interested ? no('Pending', `${count}${waitingText(progress)}`) : yes('Programmed', count);
}

function waitingText({ interested, acknowledged, waitingFor }: Progress): string {
  const more = interested - acknowledged - waitingFor.length;
  return waitingFor.length === 0 ? '' : `; waiting for ${waitingFor.join(', ')}${more > 0 ? ` and ${more} more` : ''}`;
}

/** Each text once, with one of the proxies that said it. */
function refusalText(refusals: readonly Refusal[]): string {
  const byMessage = Map.groupBy(refusals, (r) => r.message);
  return listed([...byMessage].map(([message, all]) => `${all[0]?.proxy ?? ''}${all.length > 1 ? ` and ${all.length - 1} more` : ''}: ${message}`));
}

const listed = (items: readonly string[]): string => [...items.slice(0, MAX_ITEMS), ...(items.length > MAX_ITEMS ? [`and ${items.length - MAX_ITEMS} more`] : [])].join('; ');
