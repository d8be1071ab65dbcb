/** ValidatingAdmissionWebhook: all webhooks that want the request are asked at the same time; one no is enough. */
import type { AdmissionPlugin } from '../../apiserver/admission.ts';
import { ask, wantedHooks } from './dispatch.ts';
import type { WebhookContext } from './dispatch.ts';

export function createValidatingWebhooks(context: WebhookContext): AdmissionPlugin {
  return {
    name: 'ValidatingAdmissionWebhook',
    async validate(request) {
      const hooks = await wantedHooks(context, context.reads.validatingWebhooks.list(), request);
      const results = await Promise.allSettled(hooks.map((hook) => ask(context, hook, request)));
      const refused = results.find((result) => result.status === 'rejected');
      if (refused) throw refused.reason;
    },
  };
}
