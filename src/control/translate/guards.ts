import { originsOf, type Origin } from '../registry/origin.ts';
import { policiesFor } from '../registry/policies.ts';
import type { Context } from './context.ts';

/** Policies of a workload whose refusals do not say which of them it was: those that ask for a token or an authorizer, and those
 * of which one has to allow. */
export function guardsOf({ snapshot, settings, proxy, labels }: Context): Origin[] {
  const subject = { namespace: proxy.namespace, labels };
  const { rootNamespace } = settings.config;
  const authorizing = policiesFor(snapshot.authorizationPolicies, subject, rootNamespace).filter(({ spec }) => ['ALLOW', 'CUSTOM'].includes(spec?.action ?? 'ALLOW'));
  return [...originsOf('RequestAuthentication', policiesFor(snapshot.requestAuthentications, subject, rootNamespace)), ...originsOf('AuthorizationPolicy', authorizing)];
}
