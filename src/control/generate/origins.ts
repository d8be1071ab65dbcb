/** Which mesh objects stand behind what a proxy is sent. */
import { originOf, originsOf, type Origin } from '../registry/origin.ts';
import { effectiveMtls, policiesFor } from '../registry/policies.ts';
import type { Context } from '../translate/context.ts';
import { boundRules, type EdgeChain } from '../translate/gateway-plan.ts';
import { selectedPlugins } from '../translate/wasm.ts';

const subjectOf = ({ proxy, labels }: Context) => ({ namespace: proxy.namespace, labels });

export const sidecarOrigins = ({ scope }: Context): Origin[] => (scope.sidecar ? [originOf('Sidecar', scope.sidecar.metadata)] : []);

export const telemetryOrigins = (context: Context): Origin[] => [
  ...originsOf('Telemetry', policiesFor(context.snapshot.telemetries, subjectOf(context), context.settings.config.rootNamespace)),
  ...pluginOrigins(context),
];

export const pluginOrigins = (context: Context): Origin[] => originsOf('WasmPlugin', selectedPlugins(context));

/** Gateways of a chain, and the VirtualServices that are bound to them. */
export function edgeOrigins(chain: EdgeChain | undefined, context: Context): Origin[] {
  if (!chain) return [];
  return [...chain.servers.map((server) => originOf('Gateway', server)), ...boundRules(chain, context).flatMap(({ rules }) => rules.origins)];
}

export function securityOrigins(context: Context): Origin[] {
  const { snapshot, settings } = context;
  const { rootNamespace } = settings.config;
  const subject = subjectOf(context);
  return [
    ...effectiveMtls(snapshot.peerAuthentications, subject, rootNamespace).origins,
    ...originsOf('RequestAuthentication', policiesFor(snapshot.requestAuthentications, subject, rootNamespace)),
    ...originsOf('AuthorizationPolicy', policiesFor(snapshot.authorizationPolicies, subject, rootNamespace)),
  ];
}
