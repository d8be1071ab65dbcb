/** What the mutating and the validating webhook plugins do alike: choose the hooks, call one, turn its answer into a
 * yes, a no, or "as if it had not been asked". */
import type { MutatingWebhookConfiguration, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import { KubeApiError } from '../../../kube/client.ts';
import { failure } from '../../../kube/errors.ts';
import type { Stored } from '../../../kube/object.ts';
import type { AdmissionRequest } from '../../apiserver/admission.ts';
import type { AdmissionReads } from '../reads.ts';
import type { PluginContext } from '../plugin.ts';
import { badRequest, forbidden, internalError } from '../refusal.ts';
import type { WebhookCaller } from './caller.ts';
import type { ConditionEvaluator } from './conditions.ts';
import { hooksOf } from './hook.ts';
import type { Hook } from './hook.ts';
import { isExempt, matchesHook } from './match.ts';
import type { ReviewResponse } from './review.ts';

export interface WebhookContext extends PluginContext {
  caller: WebhookCaller;
  conditions: ConditionEvaluator;
}

type Configurations = readonly Stored<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>[];

/** The hooks that want the request, but for their match conditions, which see each other's changes. */
export async function wantedHooks(context: WebhookContext, configurations: Configurations, request: AdmissionRequest): Promise<Hook[]> {
  if (configurations.length === 0 || isExempt(request)) return [];
  const hooks = hooksOf(configurations);
  const labels = await namespaceLabels(context.reads, request);
  return hooks.filter((hook) => matchesHook(hook, request, labels));
}

/** Labels that namespace selectors see: of the namespace the object is in, or of the Namespace itself. */
async function namespaceLabels(reads: AdmissionReads, request: AdmissionRequest): Promise<Readonly<Record<string, string>> | undefined> {
  if (request.resource.group === '' && request.resource.plural === 'namespaces') {
    if (request.operation !== 'DELETE') return request.object?.metadata?.labels ?? {};
    return (await reads.namespaces.find(request.name))?.metadata.labels ?? {};
  }
  if (!request.namespace) return undefined;
  return (await reads.namespaces.find(request.namespace))?.metadata.labels ?? {};
}

/** Asks one hook. @returns its approval, or undefined when it was not asked or its failure is ignored
 * @throws KubeApiError its refusal, or its failure under `failurePolicy: Fail` */
export async function ask(context: WebhookContext, hook: Hook, request: AdmissionRequest): Promise<ReviewResponse | undefined> {
  const condition = context.conditions.evaluate(hook, request);
  if (condition.t === 'skip') return undefined;
  if (condition.t === 'error') {
    if (hook.failurePolicy === 'Ignore') return undefined;
    throw forbidden(request, condition.message);
  }
  const { sideEffects } = hook.spec;
  if (request.dryRun && sideEffects !== 'None' && sideEffects !== 'NoneOnDryRun') throw badRequest(`admission webhook "${hook.name}" does not support dry run`);
  const result = await context.caller.call(hook, request);
  if (result.t === 'failed') {
    context.log.warn('webhook failed', { webhook: hook.name, reason: result.reason, failurePolicy: hook.failurePolicy });
    if (hook.failurePolicy === 'Ignore') return undefined;
    throw webhookFailed(hook, result.reason);
  }
  request.warnings.push(...result.response.warnings);
  if (!result.response.allowed) throw denied(hook, result.response);
  return result.response;
}

export const webhookFailed = (hook: Hook, reason: string): KubeApiError => internalError(`failed calling webhook "${hook.name}": ${reason}`);

/** Kubernetes: webhookerrors.ToStatusErr; a refusal without a code is 400. */
function denied(hook: Hook, response: ReviewResponse): KubeApiError {
  const status = response.status ?? {};
  const because = status.message || status.reason;
  const message = `admission webhook "${hook.name}" denied the request${because ? `: ${because}` : ' without explanation'}`;
  const code = status.code !== undefined && status.code >= 400 ? status.code : 400;
  return new KubeApiError({ ...failure(code, status.reason ?? '', message, status.details), ...(status.metadata ? { metadata: status.metadata } : {}) });
}
