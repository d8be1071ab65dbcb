/** One condition of an object's status, as a person wants to read it. */
import type { IstioObject } from '../api/kube.ts';

export type Tone = 'good' | 'plain' | 'warn' | 'pending' | 'bad';

export interface Progress {
  readonly acknowledged: number;
  readonly interested: number;
}

export interface ConditionView {
  readonly type: string;
  readonly tone: Tone;
  readonly reason: string;
  /** What the message says, point by point. */
  readonly points: readonly string[];
  /** Since when it is as it is. */
  readonly since: string | undefined;
  /** How far the proxies have come with the object, where the condition says so. */
  readonly progress: Progress | undefined;
}

type Condition = NonNullable<NonNullable<IstioObject['status']>['conditions']>[number];

/** Kinds of condition that are bad when they are False, ours and those of Istio and the Gateway API. */
const MUST_BE_TRUE: ReadonlySet<string> = new Set(['Accepted', 'ResolvedRefs', 'Programmed', 'Reconciled']);
/** Reasons for False that are no fault of anybody's, or not yet. */
const SOFT: Readonly<Record<string, Tone>> = { Pending: 'pending', NotTranslated: 'warn' };

export function conditionView(condition: Condition, generation: number | undefined): ConditionView {
  const { type, reason = '', message = '', lastTransitionTime: since } = condition;
  const isStale = generation !== undefined && condition.observedGeneration !== undefined && Number(condition.observedGeneration) < generation;
  if (isStale) return { type, tone: 'pending', reason: 'Outdated', points: ['the control plane has not looked at this generation yet', ...(message === '' ? [] : [`of the one before it said: ${message}`])], since, progress: undefined };
  return { type, tone: toneOf(condition), reason, points: pointsOf(message), since, progress: type === 'Programmed' ? progressOf(message) : undefined };
}

function toneOf({ type, status, reason = '', message = '' }: Condition): Tone {
  if (status === 'True') return reason === 'NoInterestedProxy' ? 'plain' : type === 'Accepted' && message.includes('but look at') ? 'warn' : 'good';
  if (status !== 'False') return 'pending';
  return SOFT[reason] ?? (MUST_BE_TRUE.has(type) ? 'bad' : 'warn');
}

/** After the count come the words of a proxy, which may hold anything: they stay as they are. */
function pointsOf(message: string): string[] {
  const parts = message.split('; ').filter((part) => part !== '');
  return progressOf(message) && parts.length > 2 ? [parts[0] ?? '', parts.slice(1).join('; ')] : parts;
}

function progressOf(message: string): Progress | undefined {
  const [, acknowledged, interested] = /^acknowledged by (\d+) of (\d+) /.exec(message) ?? [];
  return acknowledged === undefined ? undefined : { acknowledged: Number(acknowledged), interested: Number(interested) };
}
