import type { RBAC, RBACPerRoute } from '../../xds/generated/envoy/extensions/filters/http/rbac/v3/rbac_pb.js';
import { ConfigError } from '../errors.ts';
import type { HttpFilter } from '../http/filter.ts';
import { accessInput } from './access-input.ts';
import { type AccessRules, compileAccessRules } from './rbac.ts';

interface RbacSettings {
  /** Undefined: everything is allowed. */
  readonly rules: AccessRules | undefined;
  readonly shadow: AccessRules | undefined;
  readonly shadowPrefix: string;
}

function compile(message: RBAC): RbacSettings {
  if (message.matcher || message.shadowMatcher) throw new ConfigError('rbac: matcher trees are not supported, only rules');
  return { rules: message.rules && compileAccessRules(message.rules), shadow: message.shadowRules && compileAccessRules(message.shadowRules), shadowPrefix: message.shadowRulesStatPrefix };
}

export function compileRbacPerRoute(message: RBACPerRoute): unknown {
  // Envoy: an override without rules turns the filter off.
  return message.rbac ? compile(message.rbac) : null;
}

export function createHttpRbacFilter(name: string, message: RBAC): HttpFilter {
  const own = compile(message);
  return {
    name,
    onRequest(context) {
      const perRoute = context.perRoute(name);
      if (perRoute === null) return 'continue';
      const { rules, shadow, shadowPrefix } = (perRoute as RbacSettings | undefined) ?? own;
      const input = accessInput(context);
      if (shadow) {
        const { allowed, policy } = shadow(input);
        const before = context.metadata.get(name);
        context.metadata.set(name, { ...before, [`${shadowPrefix}shadow_engine_result`]: allowed ? 'allowed' : 'denied', [`${shadowPrefix}shadow_effective_policy_id`]: policy ?? '' });
      }
      if (!rules) return 'continue';
      const { allowed, policy } = rules(input);
      if (allowed) return 'continue';
      context.reply({ status: 403, body: 'RBAC: access denied', details: deniedDetails(policy) });
      return 'done';
    },
  };
}

/** Envoy: `rbac_access_denied_matched_policy[…]`. */
export function deniedDetails(policy: string | undefined): string {
  return `rbac_access_denied_matched_policy[${(policy ?? 'none').replaceAll(/\s/g, '_')}]`;
}
