import { planOutbound, routeNames, type OutboundPlan } from '../translate/outbound-plan.ts';
import type { Context } from '../translate/context.ts';
import { sameItems } from '../registry/memo.ts';

export interface PlannedListener {
  readonly plan: OutboundPlan;
  /** Equal for equal plans. */
  readonly text: string;
}

/** Outbound listeners to be made for one class of clients. Each part is the same object as before when nothing in it differs. */
export interface PlannedOutbound {
  /** Alike for all workloads that log alike. */
  readonly shared: readonly PlannedListener[];
  /** With HTTP: spans are named after the workload, so that each has its own. */
  readonly own: readonly PlannedListener[];
  readonly hidden: { readonly addresses: readonly string[]; readonly text: string };
  readonly routes: readonly string[];
}

export function planListeners(context: Context, before: PlannedOutbound | undefined): PlannedOutbound {
  const outbound = planOutbound(context);
  const listeners = outbound.plans.map((plan): PlannedListener => ({ plan, text: JSON.stringify(plan) }));
  const text = outbound.hidden.join();
  return {
    shared: kept(before?.shared, listeners.filter(({ plan }) => !hasHttp(plan))),
    own: kept(before?.own, listeners.filter(({ plan }) => hasHttp(plan))),
    hidden: before?.hidden.text === text ? before.hidden : { addresses: outbound.hidden, text },
    routes: routeNames(outbound),
  };
}

const hasHttp = (plan: OutboundPlan): boolean => plan.http !== undefined || plan.chains.some((chain) => chain.http !== undefined);

const texts = (listeners: readonly PlannedListener[]): string[] => listeners.map(({ text }) => text);
const kept = (before: readonly PlannedListener[] | undefined, after: readonly PlannedListener[]): readonly PlannedListener[] => (before && sameItems(texts(before), texts(after)) ? before : after);
