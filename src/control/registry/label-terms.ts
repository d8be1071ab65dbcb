/** Which of a client's labels make a difference to what it is sent: those that some object speaks of. Clients that agree in
 * them are served alike, however many other labels they have. */
import type { LocalityLb } from '../../api/common/load-balancer.ts';
import type { TrafficPolicy } from '../../api/common/traffic-policy.ts';
import type { HostPolicy } from './destination-rules.ts';
import type { MeshSnapshot } from './snapshot.ts';

type Labels = Readonly<Record<string, string>>;

export interface LabelTerms {
  /** Labels that something asks for with a value: `key=value`. */
  readonly asked: ReadonlySet<string>;
  /** Labels whose value is compared with that of endpoints. */
  readonly compared: ReadonlySet<string>;
}

export function labelTerms({ routing, hostPolicies, settings }: Pick<MeshSnapshot, 'routing' | 'hostPolicies' | 'settings'>): LabelTerms {
  const asked = new Set<string>(routing.flatMap((rules) => rules.sourceLabels));
  const compared = new Set<string>(failoverLabels(settings.config.localityLbSetting));
  for (const hosts of hostPolicies.byNamespace.values()) {
    for (const policies of hosts.values()) {
      for (const policy of policies) {
        for (const term of termsOf(policy.selector)) asked.add(term);
        for (const key of comparedBy(policy)) compared.add(key);
      }
    }
  }
  return { asked, compared };
}

/** The older one, when both say the same. */
export const sameTerms = (before: LabelTerms | undefined, now: LabelTerms): LabelTerms => (before && sameSet(before.asked, now.asked) && sameSet(before.compared, now.compared) ? before : now);

const sameSet = (a: ReadonlySet<string>, b: ReadonlySet<string>): boolean => a.size === b.size && a.isSubsetOf(b);

/** Equal for clients that are served alike. */
export function labelSignature({ asked, compared }: LabelTerms, labels: Labels): string {
  if (asked.size === 0 && compared.size === 0) return '';
  const matched = termsOf(labels).filter((term) => asked.has(term));
  const values = [...compared].flatMap((key) => (labels[key] === undefined ? [] : [`${key}=${labels[key]}`]));
  return [...new Set([...matched, ...values])].sort().join();
}

/** As `key=value`. */
export const termsOf = (labels: Labels | undefined): string[] => Object.entries(labels ?? {}).map(([key, value]) => `${key}=${value}`);

function comparedBy(policy: HostPolicy): string[] {
  return [policy.trafficPolicy, ...policy.subsets.map((s) => s.trafficPolicy)].flatMap(ofTraffic);
}

function ofTraffic(policy: TrafficPolicy | undefined): string[] {
  return [policy, ...(policy?.portLevelSettings ?? [])].flatMap((p) => failoverLabels(p?.loadBalancer?.localityLbSetting));
}

/** `failoverPriority` may name a value: `key=value`. */
const failoverLabels = (setting: LocalityLb | undefined): string[] => (setting?.failoverPriority ?? []).map((text) => text.split('=')[0] ?? text);
