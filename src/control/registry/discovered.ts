/** The part of a cluster that the mesh knows: objects of namespaces that a selector picks. Istio: MeshConfig.discoverySelectors. */
import type { LabelSelectorObject } from '../../kube/selectors.ts';
import { matchesLabelSelector } from '../../kube/selectors.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { DependencyMemo } from './memo.ts';
import type { MeshInputs } from './snapshot.ts';

/** Lists of objects that live in namespaces. */
const LISTS = [
  'services', 'endpointSlices', 'pods', 'secrets', 'virtualServices', 'destinationRules', 'gateways', 'serviceEntries', 'sidecars', 'workloadEntries',
  'peerAuthentications', 'requestAuthentications', 'authorizationPolicies', 'telemetries', 'wasmPlugins',
] as const satisfies readonly (keyof MeshInputs)[];

/** Lists of which nothing is taken away stay the arrays that they are. */
export class Discovered {
  readonly #memo = new DependencyMemo<unknown>();
  #names = '';
  #chosen: ReadonlySet<string> = new Set();

  of(inputs: MeshInputs): MeshInputs {
    const { config } = inputs.settings;
    const selectors = config.discoverySelectors ?? [];
    if (selectors.length === 0) return inputs;
    const chosen = this.#choose(inputs, selectors, config.rootNamespace);
    const keep = <T extends KubeObject>(name: string, list: readonly Stored<T>[]): readonly Stored<T>[] =>
      // One name, one type of items.
      this.#memo.get(name, [list, chosen], () => list.filter(({ metadata }) => chosen.has(metadata.namespace ?? ''))) as readonly Stored<T>[];
    const lists = Object.fromEntries(LISTS.map((name) => [name, keep<KubeObject>(name, inputs[name])]));
    const untranslated = new Map([...inputs.untranslated].map(([kind, list]) => [kind, keep(kind, list)] as const));
    // Each list keeps the type that it had.
    return { ...inputs, ...lists, untranslated } as MeshInputs;
  }

  /** One selector of several is enough. The namespace of the control plane is always of the mesh: its own gateways and the objects
   * for all are there. */
  #choose({ namespaces }: MeshInputs, selectors: readonly LabelSelectorObject[], rootNamespace: string): ReadonlySet<string> {
    const chosen = namespaces.filter(({ metadata }) => metadata.name === rootNamespace || selectors.some((selector) => matchesLabelSelector(selector, metadata.labels))).map(({ metadata }) => metadata.name);
    const names = chosen.toSorted().join();
    if (names !== this.#names) {
      this.#names = names;
      this.#chosen = new Set([rootNamespace, ...chosen]);
    }
    return this.#chosen;
  }
}
