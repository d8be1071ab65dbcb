/** AuthorizationPolicies as RBAC filters, in the order in which they decide: CUSTOM, DENY, ALLOW, then AUDIT marks. */
import type { AuthorizationPolicy } from '../../api/authorization-policy.ts';
import type { Stored } from '../../kube/object.ts';
import { RBAC_Action, type RBACSchema as RulesSchema } from '../../xds/generated/envoy/config/rbac/v3/rbac_pb.js';
import { RBACSchema } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { RBACSchema as NetworkRbacSchema } from '../../xds/generated/envoy/extensions/filters/network/rbac/v3/rbac_pb.js';
import { policiesFor } from '../registry/policies.ts';
import { placed, type Placed, type Step } from './apart.ts';
import type { PolicyInit } from './authorization-rule.ts';
import { namedRules, type Authorization, type Policies } from './authorization-policies.ts';
import type { Context } from './context.ts';
import { externalAuthorizers } from './external-authorization.ts';
import { pack, type Init } from './message.ts';

type RulesInit = Init<typeof RulesSchema>;
type Layer = 'http' | 'tcp';

const FILTER = 'envoy.filters.http.rbac';
const ACTIONS = [
  ['DENY', RBAC_Action.DENY, 'istio_dry_run_deny_', FILTER],
  ['ALLOW', RBAC_Action.ALLOW, 'istio_dry_run_allow_', `${FILTER}.allow`],
  ['AUDIT', RBAC_Action.LOG, '', `${FILTER}.audit`],
] as const;

export function buildAuthorization(context: Context): Authorization & Pick<Placed, 'extensions'> {
  const subject = { namespace: context.proxy.namespace, labels: context.labels };
  const policies = policiesFor(context.snapshot.authorizationPolicies, subject, context.settings.config.rootNamespace);
  const custom = externalAuthorizers(policies.filter((p) => p.spec?.action === 'CUSTOM'), context);
  const steps = ACTIONS.map(([action, code, shadow, fetchedAs]): Step => {
    const rules = rulesOf(policies, { action, code, layer: 'http', context });
    return { name: FILTER, fetchedAs, config: rules && pack(RBACSchema, { ...rules, shadowRulesStatPrefix: rules.shadowRules ? shadow : '' }), idle: pack(RBACSchema) };
  });
  const { filters, extensions } = placed(steps, context.proxy);
  const tcp = ACTIONS.flatMap(([action, code, shadow]) => {
    const rules = rulesOf(policies, { action, code, layer: 'tcp', context });
    return rules ? [{ name: 'envoy.filters.network.rbac', configType: { case: 'typedConfig' as const, value: pack(NetworkRbacSchema, { statPrefix: 'tcp.', ...rules, shadowRulesStatPrefix: rules.shadowRules ? shadow : '' }) } }] : [];
  });
  return { http: [...custom.http, ...filters], tcp: [...custom.tcp, ...tcp], extensions };
}

interface Selection {
  readonly action: 'DENY' | 'ALLOW' | 'AUDIT';
  readonly code: RBAC_Action;
  readonly layer: Layer;
  readonly context: Context;
}

/** Policies with the annotation `istio.io/dry-run` are watched, not enforced. */
function rulesOf(policies: readonly Stored<AuthorizationPolicy>[], selection: Selection): { rules?: RulesInit; shadowRules?: RulesInit } | undefined {
  const chosen = policies.filter((p) => (p.spec?.action ?? 'ALLOW') === selection.action);
  const isDry = (p: Stored<AuthorizationPolicy>) => p.metadata.annotations?.['istio.io/dry-run'] === 'true';
  const enforced = chosen.filter((p) => !isDry(p));
  const watched = chosen.filter(isDry);
  const make = (list: readonly Stored<AuthorizationPolicy>[]): RulesInit | undefined => {
    const made = mergedPolicies(list, selection);
    // ALLOW without any rule allows nothing; DENY and AUDIT without any rule do nothing.
    if (list.length === 0 || (selection.action !== 'ALLOW' && Object.keys(made).length === 0)) return undefined;
    return { action: selection.code, policies: made };
  };
  const rules = make(enforced);
  const shadowRules = make(watched);
  return rules || shadowRules ? { ...(rules ? { rules } : {}), ...(shadowRules ? { shadowRules } : {}) } : undefined;
}

function mergedPolicies(policies: readonly Stored<AuthorizationPolicy>[], { action, layer, context }: Selection): Policies {
  const tcp = layer === 'http' ? undefined : action === 'ALLOW' ? 'drop' : 'keep';
  const made = namedRules(policies, { context, tcp, name: (id) => id });
  if (action !== 'ALLOW') return made;
  const silent = policies.filter(({ metadata }) => !Object.keys(made).some((id) => id.startsWith(`ns[${metadata.namespace}]-policy[${metadata.name}]-`)));
  return { ...made, ...Object.fromEntries(silent.map(({ metadata }) => [`ns[${metadata.namespace}]-policy[${metadata.name}]-rule[0]`, NEVER])) };
}

/** A policy that allows nothing still has its name in the configuration, where people look for it. */
const NEVER: PolicyInit = {
  permissions: [{ rule: { case: 'notRule', value: { rule: { case: 'any', value: true } } } }],
  principals: [{ identifier: { case: 'notId', value: { identifier: { case: 'any', value: true } } } }],
};
