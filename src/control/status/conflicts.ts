/** Objects that have to give way to others: of two that claim the same place the older keeps it. */
import type { DestinationRule } from '../../api/destination-rule.ts';
import type { MeshObject } from '../../api/schema/kind.ts';
import type { Stored } from '../../kube/object.ts';
import { fullHost } from '../registry/hosts.ts';
import { DependencyMemo } from '../registry/memo.ts';
import { originOf, parseOrigin, type Origin } from '../registry/origin.ts';
import { byAge } from '../registry/by-age.ts';
import type { MeshSnapshot } from '../registry/snapshot.ts';
import { exportedTo } from '../registry/visibility.ts';
import { MESH_GATEWAY, type RoutingRules } from '../registry/virtual-services.ts';

/** What each object had to give up, and to whom. Looked for again only where something changed. */
export class Conflicts {
  readonly #found = new DependencyMemo<ReadonlyMap<Origin, readonly string[]>>();

  of(origin: Origin, snapshot: MeshSnapshot): readonly string[] {
    const kind = parseOrigin(origin).kind;
    const finder = FINDERS[kind];
    if (!finder) return [];
    const deps = [snapshot.objects.get(kind), snapshot.unusable, snapshot.settings, kind === 'VirtualService' ? snapshot.routing : undefined];
    return this.#found.get(kind, deps, () => found((add) => finder(snapshot, add))).get(origin) ?? [];
  }
}

const FINDERS: Readonly<Record<string, (snapshot: MeshSnapshot, add: Add) => void>> = {
  VirtualService: (snapshot, add) => routes(snapshot, add),
  DestinationRule: (snapshot, add) => subsets(snapshot, add),
  Sidecar: (snapshot, add) => namespaceWide('Sidecar', usable('Sidecar', snapshot), add),
  PeerAuthentication: (snapshot, add) => namespaceWide('PeerAuthentication', usable('PeerAuthentication', snapshot), add),
};

function found(look: (add: Add) => void): Map<Origin, string[]> {
  const all = new Map<Origin, string[]>();
  look((origin, text) => {
    const texts = all.get(origin);
    if (texts) texts.push(text);
    else all.set(origin, [text]);
  });
  return all;
}

const usable = (kind: string, { objects, unusable }: MeshSnapshot): Stored<MeshObject<unknown>>[] => (objects.get(kind) ?? []).filter(({ metadata }) => !unusable.has(originOf(kind, metadata)));

type Add = (origin: Origin, text: string) => void;

/** In the mesh a host has the rules of one object; at gateways those of several are joined. */
function routes({ routing }: MeshSnapshot, add: Add): void {
  const owners = new Map<string, RoutingRules>();
  for (const rules of routing) {
    if (!rules.gateways.has(MESH_GATEWAY)) continue;
    const about = [...(rules.http.length > 0 ? ['http'] : []), ...(rules.tls.length + rules.tcp.length > 0 ? ['tls and tcp'] : [])];
    for (const host of rules.hosts) {
      for (const what of about) {
        // Rules that different namespaces see do not meet.
        const key = `${what} ${host} ${rules.exportTo.toSorted().join()} ${rules.exportTo.includes('.') ? rules.namespace : ''}`;
        const owner = owners.get(key);
        if (!owner) owners.set(key, rules);
        else if (owner !== rules) add(originOf('VirtualService', rules), `${what} rules for host ${host} are not used: VirtualService ${owner.namespace}/${owner.name} has them and is older`);
      }
    }
  }
}

/** Rules of one namespace for one host are joined; what two of them say differently, the older says. */
function subsets(snapshot: MeshSnapshot, add: Add): void {
  const { settings } = snapshot;
  // The kind says which type an object has.
  const rules = (usable('DestinationRule', snapshot) as readonly Stored<DestinationRule>[]).toSorted(byAge);
  const owners = new Map<string, string>();
  for (const { metadata, spec } of rules) {
    if (typeof spec?.host !== 'string') continue;
    const namespace = metadata.namespace ?? '';
    const audience = JSON.stringify([namespace, fullHost(spec.host, namespace, settings.clusterDomain), spec.workloadSelector?.matchLabels, exportedTo(spec.exportTo, settings.config.defaultDestinationRuleExportTo).toSorted()]);
    const claims = [...(spec.trafficPolicy ? ['trafficPolicy'] : []), ...(spec.subsets ?? []).map((s) => `subset ${s.name}`)];
    for (const claim of new Set(claims)) {
      const owner = owners.get(`${audience} ${claim}`);
      if (owner === undefined) owners.set(`${audience} ${claim}`, `${namespace}/${metadata.name}`);
      else add(originOf('DestinationRule', metadata), `${claim} is not used: DestinationRule ${owner} has one for the same host and is older`);
    }
  }
}

interface Selecting {
  readonly selector?: { readonly matchLabels?: object };
  readonly workloadSelector?: { readonly labels?: object };
  readonly targetRef?: unknown;
  readonly targetRefs?: readonly unknown[];
}

/** Of objects that are for a namespace as a whole, the oldest is. */
function namespaceWide(kind: string, objects: readonly Stored<MeshObject<unknown>>[], add: Add): void {
  const owners = new Map<string, string>();
  for (const { metadata, spec } of objects.toSorted(byAge)) {
    // Every one of these kinds has a selector; what is none has been refused.
    const { selector, workloadSelector, targetRef, targetRefs = [] } = (spec ?? {}) as Selecting;
    if (Object.keys(selector?.matchLabels ?? workloadSelector?.labels ?? {}).length > 0 || targetRef !== undefined || targetRefs.length > 0) continue;
    const namespace = metadata.namespace ?? '';
    const owner = owners.get(namespace);
    if (owner === undefined) owners.set(namespace, metadata.name);
    else add(originOf(kind, metadata), `not used: ${kind} ${namespace}/${owner} is for the whole namespace too and is older`);
  }
}
