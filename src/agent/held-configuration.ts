/** What Envoy has accepted, so that it can be given it again while the control plane is away: after a restart of Envoy from
 * memory, after one of the container from the file, which holds no secrets. */
import type { DeltaUpdate } from '../xds/client/delta-session.ts';
import type { LastGoodFile } from '../xds/client/last-good-file.ts';
import { EncodedResource } from '../xds/resource.ts';
import { ResourceSet } from '../xds/resource-set.ts';
import type { ResourceSource, Target } from '../xds/target.ts';

export class HeldConfiguration implements ResourceSource {
  readonly #file: LastGoodFile;
  readonly #types = new Map<string, ResourceSet>();

  constructor(file: LastGoodFile) {
    this.#file = file;
  }

  load(): void {
    for (const [typeUrl, upserted] of this.#file.load()) this.#set({ typeUrl, upserted, removed: [] });
  }

  get isEmpty(): boolean {
    return this.#types.size === 0;
  }

  /** Notes what Envoy has just acknowledged. */
  accept(update: DeltaUpdate): void {
    this.#set(update);
    this.#file.note(update);
  }

  #set({ typeUrl, upserted, removed }: DeltaUpdate): void {
    const held = this.#types.get(typeUrl) ?? ResourceSet.empty;
    // The version is a digest of the content at both ends, so the control plane finds what Envoy holds in order when it is back.
    this.#types.set(typeUrl, held.with(upserted.map(({ name, value }) => new EncodedResource(typeUrl, name, value)), removed));
  }

  resources(typeUrl: string): readonly ResourceSet[] {
    return [this.#types.get(typeUrl) ?? ResourceSet.empty];
  }

  target(): Target {
    return { number: 0, version: 'held by the agent', resources: (typeUrl) => this.resources(typeUrl) };
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
