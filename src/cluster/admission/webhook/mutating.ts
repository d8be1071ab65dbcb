/** MutatingAdmissionWebhook: webhooks that change the object, one after the other, and once more when a later change
 * may matter to them. Kubernetes: apiserver/pkg/admission/plugin/webhook/mutating. */
import { errorText } from '../../../base/errors.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { applyJsonPatch } from '../../../kube/patch/json-patch.ts';
import type { AdmissionRequest } from '../../apiserver/admission.ts';
import { ask, wantedHooks, webhookFailed } from './dispatch.ts';
import type { WebhookContext } from './dispatch.ts';
import type { Hook } from './hook.ts';

/** What one request's mutating phase remembers between its two rounds. */
export interface MutationRounds {
  /** Calls the hooks that are due in this round. */
  run(): Promise<void>;
  /** True when some webhook changed the object: every plugin is then run once more. */
  readonly isSecondRoundDue: boolean;
}

/** @param revise defaults and prunes as the API server does after a change */
export function startMutation(context: WebhookContext, request: AdmissionRequest, revise: (object: KubeObject) => KubeObject): MutationRounds {
  const called = new Map<string, Hook>();
  /** Hooks that must be called in the second round. */
  const due = new Set<string>();
  let round = 0;
  let isSecondRoundDue = false;
  let lastSeen = '';

  const callHook = async (hook: Hook): Promise<void> => {
    const response = await ask(context, hook, request);
    const changed = response?.patch && response.patch.length > 0 ? applyPatch(hook, request, response.patch, revise) : false;
    if (changed) {
      isSecondRoundDue = true;
      for (const earlier of called.values()) if (earlier.isReinvocable && earlier.id !== hook.id) due.add(earlier.id);
    }
    called.set(hook.id, hook);
    due.delete(hook.id);
  };

  return {
    get isSecondRoundDue() {
      return isSecondRoundDue && round === 1;
    },
    async run() {
      round++;
      const hooks = await wantedHooks(context, context.reads.mutatingWebhooks.list(), request);
      if (hooks.length === 0 && round === 1) return;
      // A plugin that changed the object since the webhooks saw it makes all of them due again.
      if (round === 2 && JSON.stringify(request.object) !== lastSeen) for (const hook of called.values()) if (hook.isReinvocable) due.add(hook.id);
      // A hook that matches only since the object changed is not called for the first time in the second round.
      for (const hook of hooks) if (round === 1 || due.has(hook.id)) await callHook(hook);
      lastSeen = isSecondRoundDue ? JSON.stringify(request.object) : '';
    },
  };
}

function applyPatch(hook: Hook, request: AdmissionRequest, ops: unknown[], revise: (object: KubeObject) => KubeObject): boolean {
  const before = request.object;
  if (!before) throw webhookFailed(hook, 'the webhook patched an object that is being deleted');
  let patched: KubeObject;
  try {
    patched = revise(applyJsonPatch(before, ops as Parameters<typeof applyJsonPatch>[1]) as KubeObject);
  } catch (error) {
    throw webhookFailed(hook, errorText(error));
  }
  const changed = JSON.stringify(patched) !== JSON.stringify(before);
  request.object = patched;
  return changed;
}
