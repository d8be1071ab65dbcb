import type { EncodedResource } from '../../xds/resource.ts';
import { ResourceSet } from '../../xds/resource-set.ts';
import type { Sets } from '../../xds/target.ts';
import { TypeUrl } from '../../xds/type-urls.ts';
import { joined, NOTHING, type Outcome } from './pass.ts';
import { addedResources, patchResource, type PatchedResource, type PatchesFor } from './patched-resource.ts';
import type { Ineffective, Patch } from './patch.ts';

/** What a proxy holds of each type. */
export type SetsByType = ReadonlyMap<string, Sets>;

interface PatchedSet {
  readonly set: ResourceSet;
  readonly outcome: () => Outcome;
}

export interface ProgramDeps extends Omit<PatchesFor, 'parts'> {
  /** All of the objects that select these proxies, also what is for proxies of another kind. */
  readonly asked: readonly Patch[];
  /** What of the patches is not for these proxies. */
  readonly told: readonly { readonly patch: Patch; readonly told: Ineffective }[];
  /** Told of every resource that a patch made what it is. */
  made(resource: EncodedResource): void;
}

/** The patches for proxies that get the same ones, and what they make of the resources that these share: each resource once, and of a set
 * that has changed only what has changed in it. */
export class Program {
  readonly patches: readonly Patch[];
  readonly told: ProgramDeps['told'];
  readonly asked: readonly Patch[];
  readonly gatewayPorts: PatchesFor['gatewayPorts'];
  readonly #deps: ProgramDeps & PatchesFor;
  readonly #resources = new WeakMap<EncodedResource, PatchedResource>();
  readonly #sets = new WeakMap<ResourceSet, PatchedSet>();
  readonly #withAdded = new WeakMap<ResourceSet, { readonly key: string; readonly set: ResourceSet }>();
  readonly #added: ReturnType<typeof addedResources>;
  /** Number of the snapshot for which it was asked last. */
  usedAt = 0;

  constructor(deps: ProgramDeps) {
    this.#deps = { ...deps, parts: new WeakMap() };
    this.patches = deps.patches;
    this.told = deps.told;
    this.asked = deps.asked;
    this.gatewayPorts = deps.gatewayPorts;
    this.#added = addedResources(this.#deps);
    for (const resource of this.#added.resources) deps.made(resource);
  }

  /** @param before what was given a snapshot ago */
  over(given: SetsByType, before?: SetsByType): SetsByType {
    if (this.patches.length === 0) return given;
    const patched = new Map<string, Sets>();
    for (const [typeUrl, sets] of given) {
      if (!PATCHED.has(typeUrl)) patched.set(typeUrl, sets);
      else {
        const old = before?.get(typeUrl);
        const now = sets.map((set, i) => this.#patched(set, old?.[i]).set);
        patched.set(typeUrl, this.#plusAdded(typeUrl, now));
      }
    }
    return patched;
  }

  /** What came of the patches in these sets, as they were given. */
  outcome(given: SetsByType): Outcome {
    if (this.patches.length === 0) return NOTHING;
    const sets = [...given].filter(([typeUrl]) => PATCHED.has(typeUrl)).flatMap(([, of]) => of);
    return joined([this.#added.outcome, ...sets.map((set) => this.#patched(set, undefined).outcome())]);
  }

  #patched(set: ResourceSet, before: ResourceSet | undefined): PatchedSet {
    const known = this.#sets.get(set);
    if (known) return known;
    const earlier = before && this.#sets.get(before);
    const touched = before && set.touchedSince(before);
    const made = earlier && touched ? this.#changed(set, earlier.set, touched) : ResourceSet.of([...set].flatMap((resource) => this.#resource(resource).resource ?? []));
    let outcome: Outcome | undefined;
    const patched = { set: made, outcome: () => (outcome ??= joined(Array.from(set, (resource) => this.#resource(resource).outcome))) };
    this.#sets.set(set, patched);
    return patched;
  }

  #changed(set: ResourceSet, earlier: ResourceSet, touched: Iterable<string>): ResourceSet {
    const upserts: EncodedResource[] = [];
    const removed: string[] = [];
    for (const name of touched) {
      const given = set.get(name);
      const resource = given && this.#resource(given).resource;
      if (resource) upserts.push(resource);
      else removed.push(name);
    }
    return earlier.with(upserts, removed);
  }

  #resource(given: EncodedResource): PatchedResource {
    let made = this.#resources.get(given);
    if (!made) {
      made = patchResource(given, this.#deps);
      this.#resources.set(given, made);
      if (made.resource && made.resource !== given) this.#deps.made(made.resource);
    }
    return made;
  }

  /** In the last set of the type; not where there is something of that name. */
  #plusAdded(typeUrl: string, sets: Sets): Sets {
    const last = sets.at(-1);
    const added = this.#added.resources.filter((resource) => resource.typeUrl === typeUrl && !sets.some((set) => set.has(resource.name)));
    if (!last || added.length === 0) return sets;
    const key = added.map(({ name }) => name).join();
    let known = this.#withAdded.get(last);
    if (known?.key !== key) this.#withAdded.set(last, (known = { key, set: last.with(added, []) }));
    return [...sets.slice(0, -1), known.set];
  }
}

const PATCHED: ReadonlySet<string> = new Set([TypeUrl.Cluster, TypeUrl.Listener, TypeUrl.Route, TypeUrl.VirtualHost, TypeUrl.ExtensionConfig]);
