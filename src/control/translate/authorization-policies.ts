import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import { errorText } from '../../base/errors.ts';
import type { Stored } from '../../kube/object.ts';
import { buildRule, type PolicyInit } from './authorization-rule.ts';
import type { Context } from './context.ts';
import type { HttpFilterInit, NetworkFilterInit } from './http-filters.ts';

export type Policies = Record<string, PolicyInit>;

/** Filters that decide who may call, for both kinds of traffic. */
export interface Authorization {
  readonly http: readonly HttpFilterInit[];
  readonly tcp: readonly NetworkFilterInit[];
}

const isAllow = (spec: AuthorizationPolicy['spec']): boolean => (spec?.action ?? 'ALLOW') === 'ALLOW';

/** Rules under the names by which Envoy reports what matched: `ns[NAMESPACE]-policy[NAME]-rule[INDEX]`. */
export function namedRules(policies: readonly Stored<AuthorizationPolicy>[], options: { context: Context; tcp?: 'drop' | 'keep'; name: (id: string) => string }): Policies {
  const { context, tcp, name } = options;
  const out: Policies = {};
  for (const { metadata, spec } of policies) {
    const { name: policy, namespace = '' } = metadata;
    const report = (i: number, what: string) => context.report({ kind: 'AuthorizationPolicy', namespace, name: policy, reason: `rules[${i}] ${what}` });
    (spec?.rules ?? []).forEach((rule, i) => {
      try {
        const made = buildRule(rule, { namespace, mesh: context.settings.config, tcp, ...(isAllow(spec) ? {} : { widened: (problem: string) => report(i, `holds for more calls than it says: ${problem}`) }) });
        if (made) out[name(`ns[${namespace}]-policy[${policy}]-rule[${i}]`)] = made;
      } catch (error) {
        report(i, `is left out: ${errorText(error)}`);
      }
    });
  }
  return out;
}
