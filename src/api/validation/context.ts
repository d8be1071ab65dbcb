/** What a validator may know of the other objects of the mesh. */
import type { DestinationRule } from '../destination-rule.ts';
import type { Issue } from '../issue.ts';
import type { KubeObject } from '../../kube/object.ts';
import { DestinationRuleKind } from '../destination-rule.ts';
import { kindOf } from '../kinds.ts';
import { qualifyHost } from './names.ts';

export interface ValidationContext {
  /** The DestinationRules for a fully qualified host; undefined when the caller does not know the mesh. */
  destinationRules(host: string): readonly DestinationRule[] | undefined;
  /** What is wrong with a piece of Envoy's configuration that an EnvoyFilter applies to a place; absent: the caller does not know Envoy's messages. */
  readonly envoyValue?: (applyTo: string, value: unknown, path: string) => readonly Issue[];
  /** Default `cluster.local`. */
  readonly clusterDomain?: string;
}

/** For checking an object by itself: references are not followed. */
export const NO_CONTEXT: ValidationContext = { destinationRules: () => undefined };

/** A context made of a set of objects, e.g. of the files on a command line. */
export function contextOf(objects: Iterable<KubeObject>, clusterDomain = 'cluster.local'): ValidationContext {
  const byHost = new Map<string, DestinationRule[]>();
  for (const object of objects) {
    if (kindOf(object) !== DestinationRuleKind) continue;
    // The kind has just been checked; a host that is no text is reported by the rule's own validation.
    const rule = object as DestinationRule;
    if (typeof rule.spec?.host !== 'string') continue;
    const host = qualifyHost(rule.spec.host, rule.metadata?.namespace ?? 'default', clusterDomain);
    byHost.set(host, [...(byHost.get(host) ?? []), rule]);
  }
  return { destinationRules: (host) => byHost.get(host) ?? [], clusterDomain };
}
