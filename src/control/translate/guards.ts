import { originsOf, type Origin } from '../registry/origin.ts';
import { policiesFor } from '../registry/policies.ts';
import type { Context } from './context.ts';

/** Policies of a workload whose refusals do not say which of them it was: those that ask for a token or an authorizer, and those
 * of which one has to allow. */
export function guardsOf(context: Context): Origin[] {
  const { snapshot, settings, proxy, labels } = context;
  const subject = { namespace: proxy.namespace, labels };
  const { rootNamespace } = settings.config;
  return [...originsOf('RequestAuthentication', policiesFor(snapshot.requestAuthentications, subject, rootNamespace)), ...connectionGuardsOf(context)];
}

/** Of those, the ones that look at connections too. */
export function connectionGuardsOf({ snapshot, settings, proxy, labels }: Context): Origin[] {
  const policies = policiesFor(snapshot.authorizationPolicies, { namespace: proxy.namespace, labels }, settings.config.rootNamespace);
  return originsOf('AuthorizationPolicy', policies.filter(({ spec }) => ['ALLOW', 'CUSTOM'].includes(spec?.action ?? 'ALLOW')));
}
