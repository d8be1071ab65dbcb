/** For tests: a mesh of objects that come, change and go. An object that stays is the same object, and so is a list in which
 * nothing changes, as the watches of a cluster have it. */
import { parse } from 'yaml';
import { defaultMeshConfig, type MeshConfig } from '../../../api/mesh-config.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { MeshInputs } from '../../registry/snapshot.ts';
import { yamlMesh } from '../../registry/testing/yaml-mesh.ts';

/** By key of an object: what it can look like, as YAML. */
export type Catalogue = Readonly<Record<string, readonly string[]>>;

const KINDS: Readonly<Record<string, keyof MeshInputs>> = {
  Service: 'services', EndpointSlice: 'endpointSlices', Pod: 'pods', Secret: 'secrets', VirtualService: 'virtualServices', DestinationRule: 'destinationRules', Gateway: 'gateways',
  ServiceEntry: 'serviceEntries', Sidecar: 'sidecars', WorkloadEntry: 'workloadEntries', PeerAuthentication: 'peerAuthentications', RequestAuthentication: 'requestAuthentications',
  AuthorizationPolicy: 'authorizationPolicies', Telemetry: 'telemetries', EnvoyFilter: 'envoyFilters', WasmPlugin: 'wasmPlugins',
};

export class ChangingMesh {
  readonly #variants = new Map<string, Stored>();
  readonly #now = new Map<string, Stored>();
  readonly #lists = new Map<string, readonly Stored[]>();
  #settings = yamlMesh('').settings;

  constructor(catalogue: Catalogue) {
    let age = 0;
    for (const [key, texts] of Object.entries(catalogue)) {
      age += 1;
      texts.forEach((text, variant) => void this.#variants.set(`${key} ${variant}`, stored(text, age, variant)));
    }
  }

  /** @param variant undefined: the object goes */
  set(key: string, variant: number | undefined): void {
    const object = variant === undefined ? undefined : this.#variants.get(`${key} ${variant}`);
    const before = this.#now.get(key);
    if (object === before) return;
    if (object) this.#now.set(key, object);
    else this.#now.delete(key);
    for (const changed of [before, object]) this.#lists.delete(changed?.kind ?? '');
  }

  configure(config: Partial<MeshConfig>): void {
    this.#settings = { ...this.#settings, config: { ...defaultMeshConfig(), ...config } };
  }

  inputs(): MeshInputs {
    const lists = Object.entries(KINDS).map(([kind, name]) => [name, this.#lists.getOrInsertComputed(kind, () => [...this.#now.values()].filter((o) => o.kind === kind))] as const);
    // The table above says which list is of which kind.
    return { ...EMPTY, ...(Object.fromEntries(lists) as Partial<MeshInputs>), settings: this.#settings };
  }
}

const EMPTY = yamlMesh('');

function stored(text: string, age: number, variant: number): Stored {
  // Written by the test.
  const object = parse(text) as KubeObject;
  if (KINDS[object.kind ?? ''] === undefined) throw new Error(`no list of ${object.kind}`);
  const metadata = { namespace: 'default', ...object.metadata, name: object.metadata?.name ?? '', uid: `uid-${age}`, resourceVersion: `${age}${variant}`, generation: variant + 1, creationTimestamp: new Date(1_700_000_000_000 + age * 1000).toISOString() };
  return { ...object, metadata };
}
