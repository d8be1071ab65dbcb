/** Whether a pod may run on a node: cordon, selector, required node affinity, taints. Pure. Amounts of CPU and memory
 * are not compared: on one machine there is no second node that would have more. */
import type { Node, NodeSelectorTerm, Pod, Taint, Toleration } from 'kubernetes-types/core/v1.d.ts';
import { matchesLabelSelector } from '../../kube/selectors.ts';

const UNSCHEDULABLE: Taint = { key: 'node.kubernetes.io/unschedulable', effect: 'NoSchedule' };

/** Undefined when it fits; else the reason as the scheduler words it. */
export function misfit(pod: Pod, node: Node): string | undefined {
  const tolerations = pod.spec?.tolerations ?? [];
  if (node.spec?.unschedulable && !tolerations.some((each) => tolerates(each, UNSCHEDULABLE))) return 'node(s) were unschedulable';
  if (!matchesNode(pod, node)) return "node(s) didn't match Pod's node affinity/selector";
  const taint = (node.spec?.taints ?? []).find((each) => (each.effect === 'NoSchedule' || each.effect === 'NoExecute') && !tolerations.some((toleration) => tolerates(toleration, each)));
  return taint ? `node(s) had untolerated taint(s)` : undefined;
}

export function tolerates(toleration: Toleration, taint: Taint): boolean {
  if (toleration.effect && toleration.effect !== taint.effect) return false;
  if (toleration.operator === 'Exists') return !toleration.key || toleration.key === taint.key;
  return toleration.key === taint.key && (toleration.value ?? '') === (taint.value ?? '');
}

export function matchesNode(pod: Pod, node: Node): boolean {
  const labels = node.metadata?.labels;
  if (!matchesLabelSelector({ matchLabels: pod.spec?.nodeSelector ?? {} }, labels)) return false;
  const terms = pod.spec?.affinity?.nodeAffinity?.requiredDuringSchedulingIgnoredDuringExecution?.nodeSelectorTerms;
  return terms === undefined || terms.some((term) => matchesTerm(term, node));
}

function matchesTerm(term: NodeSelectorTerm, node: Node): boolean {
  const expressions = term.matchExpressions ?? [];
  const fields = term.matchFields ?? [];
  if (expressions.length === 0 && fields.length === 0) return false;
  const labels = node.metadata?.labels ?? {};
  const plain = expressions.filter((each) => each.operator !== 'Gt' && each.operator !== 'Lt');
  const compared = expressions.filter((each) => each.operator === 'Gt' || each.operator === 'Lt');
  return (
    matchesLabelSelector({ matchExpressions: plain }, labels) &&
    compared.every(({ key, operator, values }) => {
      const [held, bound] = [Number(labels[key]), Number(values?.[0])];
      return operator === 'Gt' ? held > bound : held < bound;
    }) &&
    matchesLabelSelector({ matchExpressions: fields }, { 'metadata.name': node.metadata?.name ?? '' })
  );
}
