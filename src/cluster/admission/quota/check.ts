/** The decision on one request and one quota. Pure. Kubernetes: resourcequota CheckRequest. */
import type { ResourceQuota } from 'kubernetes-types/core/v1.d.ts';
import { compareQuantities } from '../../../kube/quantity.ts';
import { addAmounts, isZero, maskAmounts, parseAmounts, printAmounts, subtractAmounts } from './amounts.ts';
import type { Amounts } from './amounts.ts';
import type { KubeObject } from '../../../kube/object.ts';
import type { Evaluator } from './evaluators.ts';

export interface QuotaQuestion {
  evaluator: Evaluator;
  object: KubeObject;
  /** The object as it was; absent on CREATE. */
  before?: KubeObject | undefined;
  nowMs: number;
}

export type QuotaAnswer =
  | { t: 'untouched' }
  | { t: 'charged'; used: Amounts }
  /** The quota's usage is not known yet; the text says of which resources. */
  | { t: 'unknown'; message: string }
  | { t: 'refused'; message: string };

export function checkQuota(quota: ResourceQuota, question: QuotaQuestion): QuotaAnswer {
  const { evaluator, object, before, nowMs } = question;
  const name = quota.metadata?.name ?? '';
  const hard = parseAmounts(quota.spec?.hard);
  const counted = [...hard.keys()].filter((each) => evaluator.counts(each)).sort();
  if (counted.length === 0) return { t: 'untouched' };
  const missing = before ? undefined : evaluator.missing?.(object, counted);
  if (missing !== undefined) return { t: 'refused', message: `failed quota: ${name}: ${missing}` };
  const used = parseAmounts(quota.status?.used);
  if (counted.some((each) => !used.has(each))) return { t: 'unknown', message: `status unknown for quota: ${name}, resources: ${counted.join(',')}` };
  const usage = evaluator.usage(object, nowMs);
  const change = before ? subtractAmounts(usage, evaluator.usage(before, nowMs)) : usage;
  const delta = new Map([...change].filter(([each, quantity]) => counted.includes(each) && !isZero(quantity)));
  if (delta.size === 0) return { t: 'untouched' };
  const after = addAmounts(used, delta);
  const exceeded = [...delta.keys()].filter((each) => isOver(after, hard, each) && isIncrease(delta, each));
  if (exceeded.length === 0) return { t: 'charged', used: after };
  const show = (amounts: Amounts) => printAmounts(maskAmounts(amounts, exceeded));
  return { t: 'refused', message: `exceeded quota: ${name}, requested: ${show(delta)}, used: ${show(used)}, limited: ${show(hard)}` };
}

function isOver(after: Amounts, hard: Amounts, name: string): boolean {
  const [sum, most] = [after.get(name), hard.get(name)];
  return sum !== undefined && most !== undefined && compareQuantities(sum, most) > 0;
}

/** What gets smaller is never refused, even above the limit. */
const isIncrease = (delta: Amounts, name: string): boolean => (delta.get(name)?.nanos ?? 0n) > 0n;
