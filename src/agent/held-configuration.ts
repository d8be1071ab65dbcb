/** What Envoy has accepted, so that it can be given it again while the control plane is away: after a restart of Envoy from
 * memory, after one of the container from the file, which holds no secrets. */
import type { DeltaResource, DeltaUpdate } from '../xds/client/delta-session.ts';
import type { LastGoodFile } from '../xds/client/last-good-file.ts';
import { EncodedResource } from '../xds/resource.ts';
import type { ResourceSource } from '../xds/session.ts';

export class HeldConfiguration implements ResourceSource {
  readonly #file: LastGoodFile;
  readonly #types = new Map<string, Map<string, DeltaResource>>();

  constructor(file: LastGoodFile) {
    this.#file = file;
  }

  async load(): Promise<void> {
    for (const [typeUrl, resources] of await this.#file.load()) this.#types.set(typeUrl, new Map(resources.map((r) => [r.name, r])));
  }

  get isEmpty(): boolean {
    return this.#types.size === 0;
  }

  /** Notes what Envoy has just acknowledged. */
  accept(update: DeltaUpdate): void {
    const held = this.#types.get(update.typeUrl) ?? new Map<string, DeltaResource>();
    this.#types.set(update.typeUrl, held);
    for (const name of update.removed) held.delete(name);
    for (const resource of update.upserted) held.set(resource.name, resource);
    this.#file.note(update);
  }

  resources(typeUrl: string, names: ReadonlySet<string> | 'all'): Map<string, EncodedResource> {
    const held = this.#types.get(typeUrl) ?? new Map<string, DeltaResource>();
    const chosen = names === 'all' ? [...held.values()] : [...names].flatMap((name) => held.get(name) ?? []);
    // The version is a digest of the content at both ends, so the control plane finds what Envoy holds in order when it is back.
    return new Map(chosen.map(({ name, value }) => [name, new EncodedResource(typeUrl, name, value)]));
  }

  version(): string {
    return 'held by the agent';
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
