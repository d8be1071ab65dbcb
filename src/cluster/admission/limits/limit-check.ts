/** Whether a pod or claim keeps within a LimitRange. Pure; each finding is Kubernetes' own sentence.
 * Kubernetes: plugin/pkg/admission/limitranger, min-, max- and limitRequestRatioConstraint. */
import type { LimitRange, LimitRangeItem, PersistentVolumeClaim, Pod } from 'kubernetes-types/core/v1.d.ts';
import { compareQuantities, formatQuantity, parseQuantity } from '../../../kube/quantity.ts';
import { parseAmounts } from '../quota/amounts.ts';
import type { Amounts } from '../quota/amounts.ts';
import { podTotal } from '../quota/pod-usage.ts';

interface Stated {
  requests: Amounts;
  limits: Amounts;
}

export function podLimitErrors(pod: Pod, range: LimitRange): string[] {
  return (range.spec?.limits ?? []).flatMap((item) => {
    if (item.type === 'Container') {
      const all = [...(pod.spec?.containers ?? []), ...(pod.spec?.initContainers ?? [])];
      return all.flatMap(({ resources }) => errors(item, { requests: parseAmounts(resources?.requests), limits: parseAmounts(resources?.limits) }));
    }
    return item.type === 'Pod' ? errors(item, { requests: podTotal(pod, 'requests'), limits: podTotal(pod, 'limits') }) : [];
  });
}

export function claimLimitErrors(claim: PersistentVolumeClaim, range: LimitRange): string[] {
  const requests = parseAmounts(claim.spec?.resources?.requests);
  return (range.spec?.limits ?? [])
    .filter((item) => item.type === 'PersistentVolumeClaim')
    .flatMap((item) => [
      ...each(item.min).map((rule) => tooLittle(rule, item.type, { requests, limits: new Map() })),
      ...each(item.max).map((rule) => tooMuchRequested(rule, item.type, requests)),
    ])
    .filter((error) => error !== undefined);
}

type Rule = readonly [name: string, text: string];

const each = (list: Record<string, string> | undefined): Rule[] => Object.entries(list ?? {}).sort(([a], [b]) => (a < b ? -1 : 1));

function errors(item: LimitRangeItem, stated: Stated): string[] {
  return [
    ...each(item.min).map((rule) => tooLittle(rule, item.type, stated)),
    ...each(item.max).map((rule) => tooMuch(rule, item.type, stated)),
    ...each(item.maxLimitRequestRatio).map((rule) => tooFarApart(rule, item.type, stated)),
  ].filter((error) => error !== undefined);
}

/** Text of the amount, and how it compares with the rule; undefined when it is not stated. */
function measure(amounts: Amounts, [name, text]: Rule): { shown: string; order: number } | undefined {
  const amount = amounts.get(name);
  const bound = parseQuantity(text);
  return amount && bound ? { shown: formatQuantity(amount), order: compareQuantities(amount, bound) } : undefined;
}

function tooLittle(rule: Rule, type: string, stated: Stated): string | undefined {
  const sentence = `minimum ${rule[0]} usage per ${type} is ${rule[1]}`;
  const request = measure(stated.requests, rule);
  if (!request) return `${sentence}.  No request is specified`;
  if (request.order < 0) return `${sentence}, but request is ${request.shown}`;
  const limit = measure(stated.limits, rule);
  return limit && limit.order < 0 ? `${sentence}, but limit is ${limit.shown}` : undefined;
}

function tooMuch(rule: Rule, type: string, stated: Stated): string | undefined {
  const sentence = `maximum ${rule[0]} usage per ${type} is ${rule[1]}`;
  const limit = measure(stated.limits, rule);
  if (!limit) return `${sentence}.  No limit is specified`;
  if (limit.order > 0) return `${sentence}, but limit is ${limit.shown}`;
  const request = measure(stated.requests, rule);
  return request && request.order > 0 ? `${sentence}, but request is ${request.shown}` : undefined;
}

function tooMuchRequested(rule: Rule, type: string, requests: Amounts): string | undefined {
  const sentence = `maximum ${rule[0]} usage per ${type} is ${rule[1]}`;
  const request = measure(requests, rule);
  if (!request) return `${sentence}.  No request is specified`;
  return request.order > 0 ? `${sentence}, but request is ${request.shown}` : undefined;
}

function tooFarApart([name, text]: Rule, type: string, stated: Stated): string | undefined {
  const sentence = `${name} max limit to request ratio per ${type} is ${text}`;
  const [request, limit, most] = [stated.requests.get(name), stated.limits.get(name), parseQuantity(text)];
  if (!request || request.nanos === 0n) return `${sentence}, but no request is specified or request is 0`;
  if (!limit || limit.nanos === 0n) return `${sentence}, but no limit is specified or limit is 0`;
  const ratio = Number(limit.nanos) / Number(request.nanos);
  return most && ratio > Number(most.nanos) / 1e9 ? `${sentence}, but provided ratio is ${ratio.toFixed(6)}` : undefined;
}
