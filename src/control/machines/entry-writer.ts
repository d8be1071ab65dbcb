import { WorkloadEntries, type WorkloadEntry } from '../../api/workload-entry.ts';
import { isConflict, isNotFound, PatchType, type At, type KubeClient } from '../../kube/client.ts';
import type { Stored } from '../../kube/object.ts';
import type { HealthCondition } from './entry.ts';

/** Reads and writes the entries of machines in the API server. */
export class EntryWriter {
  readonly #client: KubeClient;

  constructor(client: KubeClient) {
    this.#client = client;
  }

  read(at: At): Promise<Stored<WorkloadEntry> | undefined> {
    return this.#client.get(WorkloadEntries, at).catch(absent);
  }

  create(entry: WorkloadEntry): Promise<Stored<WorkloadEntry>> {
    return this.#client.create(WorkloadEntries, entry, { namespace: entry.metadata?.namespace });
  }

  /** @param resourceVersion when what is written was decided on this version and no other */
  annotate(at: At, annotations: Readonly<Record<string, string | null>>, resourceVersion?: string): Promise<Stored<WorkloadEntry>> {
    const metadata = { annotations, ...(resourceVersion === undefined ? {} : { resourceVersion }) };
    return this.#client.patch(WorkloadEntries, at, { type: PatchType.Merge, body: { metadata } });
  }

  /** @returns false when the entry has changed meanwhile */
  async writeConditions({ metadata }: Stored<WorkloadEntry>, conditions: readonly HealthCondition[]): Promise<boolean> {
    const { namespace, name, resourceVersion } = metadata;
    try {
      await this.#client.patch(WorkloadEntries, { namespace, name }, { type: PatchType.Merge, body: { metadata: { resourceVersion }, status: { conditions } } }, { subresource: 'status' });
      return true;
    } catch (error) {
      if (isConflict(error) || isNotFound(error)) return false;
      throw error;
    }
  }

  /** This version of it. */
  async remove({ metadata }: Stored<WorkloadEntry>): Promise<void> {
    const { namespace, name, uid, resourceVersion } = metadata;
    await this.#client.delete(WorkloadEntries, { namespace, name }, { preconditions: { uid, resourceVersion } }).catch(absent);
  }
}

/** For reading what need not be there. */
export function absent(error: unknown): undefined {
  if (isNotFound(error)) return undefined;
  throw error;
}
