/** One webhook of a MutatingWebhookConfiguration or ValidatingWebhookConfiguration, in the order of calling. */
import type { MutatingWebhook, MutatingWebhookConfiguration, ValidatingWebhook, ValidatingWebhookConfiguration } from 'kubernetes-types/admissionregistration/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';

export type WebhookSpec = MutatingWebhook | ValidatingWebhook;

export interface Hook {
  /** Unique over all configurations, also when two hooks share a name. */
  id: string;
  /** Name of the webhook, as the user sees it in refusals. */
  name: string;
  spec: WebhookSpec;
  failurePolicy: 'Fail' | 'Ignore';
  /** Milliseconds; 1 s to 30 s, default 10 s. */
  timeoutMs: number;
  /** True for `reinvocationPolicy: IfNeeded`; only mutating hooks have it. */
  isReinvocable: boolean;
}

/** By name of the configuration, then by place in its list. */
export function hooksOf(configurations: readonly Stored<MutatingWebhookConfiguration | ValidatingWebhookConfiguration>[]): Hook[] {
  const ordered = [...configurations].sort((a, b) => (a.metadata.name < b.metadata.name ? -1 : 1));
  return ordered.flatMap((configuration) =>
    (configuration.webhooks ?? []).map((spec: WebhookSpec, index): Hook => {
      const reinvocation = 'reinvocationPolicy' in spec ? spec.reinvocationPolicy : undefined;
      return {
        id: `${configuration.metadata.uid}/${index}`,
        name: spec.name,
        spec,
        failurePolicy: spec.failurePolicy === 'Ignore' ? 'Ignore' : 'Fail',
        timeoutMs: (spec.timeoutSeconds ?? 10) * 1000,
        isReinvocable: reinvocation === 'IfNeeded',
      };
    }),
  );
}
