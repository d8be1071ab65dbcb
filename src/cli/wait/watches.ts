import type { MeshObject } from '../../api/schema/kind.ts';
import type { Clock } from '../../base/clock.ts';
import type { KubeClient } from '../../kube/client.ts';
import { createInformer, type Informer } from '../../kube/informer.ts';
import type { Target } from './targets.ts';

interface Watch {
  readonly informer: Informer<MeshObject<unknown>>;
  readonly started: Promise<void>;
}

/** Watches on the objects that are waited for: one for all of a kind in a namespace, and of a single one only that. */
export class Watches {
  readonly #deps: { readonly client: KubeClient; readonly clock: Clock };
  readonly #crowded: ReadonlySet<string>;
  readonly #watches = new Map<string, Watch>();

  constructor(deps: { readonly client: KubeClient; readonly clock: Clock }, targets: readonly Target[]) {
    this.#deps = deps;
    this.#crowded = new Set([...Map.groupBy(targets, groupOf)].flatMap(([group, members]) => (members.length > 1 ? [group] : [])));
  }

  of(target: Target): Watch {
    const { client, clock } = this.#deps;
    const group = groupOf(target);
    const isShared = this.#crowded.has(group);
    const key = isShared ? group : `${group} ${target.name}`;
    const known = this.#watches.get(key);
    if (known) return known;
    const { resource, namespace, name } = target;
    const informer = createInformer(resource, { client, clock, namespace, ...(isShared ? {} : { fieldSelector: `metadata.name=${name}` }) });
    const watch = { informer, started: informer.start() };
    this.#watches.set(key, watch);
    return watch;
  }

  async close(): Promise<void> {
    await Promise.all([...this.#watches.values()].map(({ informer }) => informer.close()));
  }
}

const groupOf = ({ resource, namespace }: Target): string => `${resource.kind} ${namespace}`;
