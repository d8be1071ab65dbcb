import type { DestinationRule, Subset } from '../../api/destination-rule.ts';
import type { Stored } from '../../kube/object.ts';
import { objectKey } from '../../kube/object.ts';
import { fullHost, hostCovers, isWildcard } from './hosts.ts';
import type { MeshSettings } from './model.ts';
import type { LeftOut } from './snapshot.ts';
import type { RoutingRules } from './virtual-services.ts';

export interface KeptRules {
  readonly rules: readonly Stored<DestinationRule>[];
  /** Who still sends to a subset that is gone. */
  readonly leftOut: readonly LeftOut[];
}

interface Use {
  readonly host: string;
  readonly subset: string;
  readonly rules: RoutingRules;
}

/** Make before break across two objects: a subset that a VirtualService still sends to stays as it was last, although its
 * DestinationRule has dropped it or is gone, until no VirtualService asks for it. So a subset can be renamed in two steps, the
 * rule first, and no request is answered with 503 in between. What is kept lives in this process: after a restart the objects
 * alone count.
 * @param before what this function gave the last time */
export function keepSubsetsInUse(current: readonly Stored<DestinationRule>[], before: readonly Stored<DestinationRule>[], mesh: { routing: readonly RoutingRules[]; settings: MeshSettings }): KeptRules {
  if (current === before) return { rules: current, leftOut: [] };
  const hostOf = ({ metadata, spec }: Stored<DestinationRule>) => fullHost(spec?.host ?? '', metadata.namespace ?? '', mesh.settings.clusterDomain);
  const uses = usesOf(mesh.routing);
  const isIn = (rule: Stored<DestinationRule>, { host, subset }: Use) => (rule.spec?.subsets ?? []).some(({ name }) => name === subset) && hostCovers(hostOf(rule), host);
  const missing = uses.filter((use) => !current.some((rule) => isIn(rule, use)));
  const kept = before.flatMap((rule) => {
    const wanted = missing.filter((use) => isIn(rule, use));
    return wanted.length === 0 ? [] : [{ rule, wanted, subsets: (rule.spec?.subsets ?? []).filter(({ name }) => wanted.some(({ subset }) => subset === name)) }];
  });
  if (kept.length === 0) return { rules: current, leftOut: [] };
  const known = new Map(current.map((rule) => [objectKey(rule), rule]));
  const rules = new Map<string, Stored<DestinationRule>>(known);
  for (const { rule, subsets } of kept) {
    const now = known.get(objectKey(rule));
    const sameHost = now && hostOf(now) === hostOf(rule);
    if (sameHost) rules.set(objectKey(rule), withSubsets(now, [...(now.spec?.subsets ?? []), ...subsets]));
    // The policy of the host as a whole ended with the object.
    else rules.set(`${objectKey(rule)} as it was`, withSubsets(withoutPolicy(rule), subsets));
  }
  return { rules: [...rules.values()], leftOut: kept.flatMap(({ wanted }) => wanted.map(note)) };
}

const withSubsets = (rule: Stored<DestinationRule>, subsets: Subset[]): Stored<DestinationRule> => (rule.spec ? { ...rule, spec: { ...rule.spec, subsets } } : rule);

function withoutPolicy(rule: Stored<DestinationRule>): Stored<DestinationRule> {
  if (!rule.spec) return rule;
  const { trafficPolicy: _ended, ...spec } = rule.spec;
  return { ...rule, spec };
}

function usesOf(routing: readonly RoutingRules[]): Use[] {
  const uses = new Map<string, Use>();
  const add = (destination: { readonly host: string; readonly subset?: string } | undefined, rules: RoutingRules): void => {
    if (destination?.subset === undefined || isWildcard(destination.host)) return;
    const { host, subset } = destination;
    uses.set(`${host} ${subset} ${rules.namespace}/${rules.name}`, { host, subset, rules });
  };
  for (const rules of routing) {
    for (const { route, mirror, mirrors } of rules.http) {
      for (const { destination } of [...(route ?? []), ...(mirrors ?? [])]) add(destination, rules);
      add(mirror, rules);
    }
    for (const { route } of [...rules.tls, ...rules.tcp]) for (const { destination } of route ?? []) add(destination, rules);
  }
  return [...uses.values()];
}

const note = ({ host, subset, rules }: Use): LeftOut => ({
  kind: 'VirtualService', namespace: rules.namespace, name: rules.name, field: `destination subset ${subset}`,
  reason: `no DestinationRule has subset ${subset} of ${host} any more; requests go on to the pods that it stood for, until the routes leave it or the control plane starts anew`,
});
