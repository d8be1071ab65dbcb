/** ResourceQuota: the last plugin, after the webhooks, so that what they added is counted. It charges
 * `status.used` before the object is stored; the quota controller corrects it when the object never came to be.
 * Requests of one namespace are judged one after the other, so that two cannot take the same rest.
 * Kubernetes: apiserver/pkg/admission/plugin/resourcequota. */
import type { ResourceQuota } from 'kubernetes-types/core/v1.d.ts';
import { isConflict } from '../../kube/client.ts';
import type { Stored } from '../../kube/object.ts';
import { ResourceQuotas } from '../../kube/resource.ts';
import type { AdmissionPlugin, AdmissionRequest } from '../apiserver/admission.ts';
import type { PluginContext } from './plugin.ts';
import { formatAmounts, maskAmounts } from './quota/amounts.ts';
import type { Amounts } from './quota/amounts.ts';
import { checkQuota } from './quota/check.ts';
import { evaluatorOf } from './quota/evaluators.ts';
import type { Evaluator } from './quota/evaluators.ts';
import { matchesScopes } from './quota/scopes.ts';
import { forbidden } from './refusal.ts';

/** A new quota gets its usage from the controller within milliseconds. */
const USAGE_WAIT_MS = 1000;
const CONFLICT_RETRIES = 10;

export function createResourceQuotaPlugin(context: PluginContext): AdmissionPlugin {
  const turns = new Map<string, Promise<void>>();
  return {
    name: 'ResourceQuota',
    async validate(request) {
      const { namespace } = request;
      if (!namespace || !request.object || request.subresource) return;
      if (request.operation !== 'CREATE' && request.operation !== 'UPDATE') return;
      const evaluator = evaluatorOf(request.resource);
      if (request.operation === 'UPDATE' && !evaluator.takesUpdates) return;
      if (context.reads.quotas.listIn(namespace).length === 0) return;
      await inTurn(turns, namespace, () => charge(context, request, evaluator));
    },
  };
}

async function inTurn(turns: Map<string, Promise<void>>, key: string, work: () => Promise<void>): Promise<void> {
  const before = turns.get(key) ?? Promise.resolve();
  const mine = before.then(work);
  // Whoever comes next waits for the end of this turn, however it ends.
  const end = mine.catch(() => {});
  turns.set(key, end);
  try {
    await mine;
  } finally {
    if (turns.get(key) === end) turns.delete(key);
  }
}

async function charge(context: PluginContext, request: AdmissionRequest, evaluator: Evaluator): Promise<void> {
  for (let attempt = 0; ; attempt++) {
    const charges = await judge(context, request, evaluator);
    if (request.dryRun) return;
    try {
      for (const { quota, used } of charges) {
        // `used` speaks of the resources of `hard`, no more.
        const masked = formatAmounts(maskAmounts(used, Object.keys(quota.spec?.hard ?? {})));
        await context.client().update(ResourceQuotas, { ...quota, status: { ...quota.status, used: masked } }, { subresource: 'status' });
      }
      return;
    } catch (error) {
      if (!isConflict(error) || attempt === CONFLICT_RETRIES) throw error;
    }
  }
}

async function judge(context: PluginContext, request: AdmissionRequest, evaluator: Evaluator): Promise<{ quota: Stored<ResourceQuota>; used: Amounts }[]> {
  const namespace = request.namespace ?? '';
  const charges: { quota: Stored<ResourceQuota>; used: Amounts }[] = [];
  for (const held of context.reads.quotas.listIn(namespace).sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1))) {
    const quota = await context.reads.quotas.fresh(held.metadata.name, namespace);
    const isPod = request.resource.group === '' && request.resource.plural === 'pods';
    if (!quota || !matchesScopes(quota, request.object ?? {}, isPod)) continue;
    const question = { evaluator, object: request.object ?? {}, before: request.oldObject, nowMs: context.clock.now() };
    const answer = checkQuota(quota, question);
    if (answer.t === 'refused') throw forbidden(request, answer.message);
    if (answer.t === 'charged') charges.push({ quota, used: answer.used });
    if (answer.t !== 'unknown') continue;
    const counted = await context.reads.quotas.waitFor((each) => each.metadata.uid === quota.metadata.uid && checkQuota(each, question).t !== 'unknown', USAGE_WAIT_MS);
    if (!counted) throw forbidden(request, answer.message);
    return judge(context, request, evaluator);
  }
  return charges;
}
