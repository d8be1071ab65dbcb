/** The status of PodDisruptionBudgets: how many pods may be evicted now. Kubernetes: pkg/controller/disruption.
 * Differs from Kubernetes: the expected number of pods is the number that the selector finds; the scale of their
 * controllers is not asked for. */
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import type { PodDisruptionBudget } from 'kubernetes-types/policy/v1.d.ts';
import type { Condition, Stored } from '../../kube/object.ts';
import { Pods, resource } from '../../kube/resource.ts';
import { matchesLabelSelector } from '../../kube/selectors.ts';
import { isoTime } from './controller.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { scaled } from './deployment/rollout-plan.ts';
import { deepEqual } from './equal.ts';
import { isPodActive, isPodReady } from './pods.ts';
import { createReconciler } from './reconciler.ts';

export const PodDisruptionBudgets = resource<PodDisruptionBudget>('policy/v1', 'poddisruptionbudgets', 'PodDisruptionBudget');

export function createDisruptionController(context: ControllerContext): Controller {
  const { caches, clock, log, client } = context;
  const budgets = caches.of(PodDisruptionBudgets);
  const pods = caches.of(Pods);
  const reconcile = async (key: string): Promise<void> => {
    const budget = budgets.get(key);
    if (!budget || budget.metadata.deletionTimestamp) return;
    const chosen = pods.listIn(budget.metadata.namespace ?? '').filter((pod) => isPodActive(pod) && covers(budget, pod));
    const status = budgetStatus(budget, chosen, isoTime(clock));
    if (!deepEqual(budget.status, status)) budgets.remember(await client.update(PodDisruptionBudgets, { ...budget, status }, { subresource: 'status' }));
  };
  const queue = createReconciler({ name: 'disruption', clock, log, reconcile });
  budgets.subscribe(({ object }) => queue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`));
  pods.subscribe(({ object, old }) => {
    for (const budget of budgets.listIn(object.metadata.namespace ?? '')) {
      if (covers(budget, object) || (old && covers(budget, old))) queue.enqueue(`${budget.metadata.namespace}/${budget.metadata.name}`);
    }
  });
  return queue;
}

const covers = (budget: PodDisruptionBudget, pod: Pod): boolean => budget.spec?.selector !== undefined && matchesLabelSelector(budget.spec.selector, pod.metadata?.labels);

export function budgetStatus(budget: Stored<PodDisruptionBudget>, pods: readonly Pod[], time: string): NonNullable<PodDisruptionBudget['status']> {
  const expectedPods = pods.length;
  const currentHealthy = pods.filter(isPodReady).length;
  const { minAvailable, maxUnavailable } = budget.spec ?? {};
  const desiredHealthy = maxUnavailable !== undefined ? Math.max(0, expectedPods - scaled(maxUnavailable, expectedPods, Math.ceil)) : scaled(minAvailable ?? 1, expectedPods, Math.ceil);
  const disruptionsAllowed = expectedPods > 0 ? Math.max(0, currentHealthy - desiredHealthy) : 0;
  const isAllowed = disruptionsAllowed > 0;
  const held = budget.status?.conditions?.find((each) => each.type === 'DisruptionAllowed');
  const value = isAllowed ? 'True' : 'False';
  const condition: Condition & { lastTransitionTime: string; message: string; reason: string } = {
    type: 'DisruptionAllowed',
    status: value,
    reason: isAllowed ? 'SufficientPods' : 'InsufficientPods',
    message: '',
    observedGeneration: budget.metadata.generation ?? 0,
    lastTransitionTime: held?.status === value && held.lastTransitionTime ? String(held.lastTransitionTime) : time,
  };
  return { observedGeneration: budget.metadata.generation ?? 0, expectedPods, currentHealthy, desiredHealthy, disruptionsAllowed, conditions: [condition] };
}
