import type { Clock } from '../../../base/clock.ts';
import type { Log } from '../../../base/log.ts';
import type { KubeObject, Stored } from '../../../kube/object.ts';
import type { AdmissionChain } from '../admission.ts';
import type { Kind } from '../kinds/kind.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import type { Store } from '../storage/store.ts';

/** Side effects of writing one collection, besides storing. */
export interface WriteHooks {
  /** Takes what the object needs from shared pools (addresses, ports) and writes it in. Returns the way to give it back
   * when the write fails. May be called again for the same write and must then do nothing more. */
  reserve?(object: KubeObject, old: KubeObject | undefined): () => void;
  /** Called right after the store has changed. */
  changed?(object: Stored | undefined, old: Stored | undefined): void;
}

export interface RestDeps {
  readonly store: Store;
  readonly kinds: KindRegistry;
  readonly clock: Clock;
  readonly log: Log;
  readonly random: () => number;
  /** By collection. */
  readonly hooks: ReadonlyMap<string, WriteHooks>;
  admission(): AdmissionChain | undefined;
}

/** Where an object of a kind is stored. */
export function storeKey(kind: Kind, at: { namespace?: string; name: string }): string {
  return kind.resource.namespaced ? `${at.namespace ?? ''}/${at.name}` : at.name;
}

/** RFC 3339 with whole seconds: metav1.Time. */
export const timestamp = (ms: number): string => `${new Date(ms).toISOString().slice(0, 19)}Z`;
