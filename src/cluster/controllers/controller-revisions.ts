/** The history of a StatefulSet's or DaemonSet's pod template, one ControllerRevision for each state it was in. */
import type { ControllerRevision } from 'kubernetes-types/apps/v1.d.ts';
import type { PodTemplateSpec } from 'kubernetes-types/core/v1.d.ts';
import { isAlreadyExists, isNotFound } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { resource } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import type { ControllerContext } from './controller.ts';
import { templateHash } from './deployment/template-hash.ts';
import { controllerReference } from './ownership.ts';

export const ControllerRevisions = resource<ControllerRevision>('apps/v1', 'controllerrevisions', 'ControllerRevision');

/** The label of a pod that says which revision it was made from. */
export const REVISION_HASH = 'controller-revision-hash';

export interface Revisions {
  /** The name of the template's revision, `NAME-HASH`; made or moved to the end of the history when it is not the last. */
  ensure(owner: Stored<KubeObject>, template: PodTemplateSpec): Promise<string>;
  /** The template that a revision of the owner keeps. */
  template(owner: Stored<KubeObject>, revision: string): PodTemplateSpec | undefined;
  /** Forgets the oldest revisions beyond `limit` that are not in `inUse`. */
  trim(owner: Stored<KubeObject>, inUse: ReadonlySet<string>, limit: number): Promise<void>;
}

export function createRevisions(context: ControllerContext, ownerResource: Resource): Revisions {
  const { client, caches } = context;
  const cache = caches.of(ControllerRevisions);
  const historyOf = (owner: Stored<KubeObject>) => cache.ownedBy(owner.metadata.uid).sort((a, b) => a.revision - b.revision);
  return {
    async ensure(owner, template) {
      const namespace = owner.metadata.namespace ?? '';
      const hash = templateHash(template);
      const name = `${owner.metadata.name}-${hash}`;
      const history = historyOf(owner);
      const next = (history.at(-1)?.revision ?? 0) + 1;
      const held = history.find((each) => each.metadata.name === name);
      if (held && held === history.at(-1)) return name;
      if (held) {
        cache.remember(await client.update(ControllerRevisions, { ...held, revision: next }));
        return name;
      }
      try {
        cache.remember(await client.create(ControllerRevisions, newRevision(ownerResource, owner, { name, hash, template, revision: next }), { namespace }));
      } catch (error) {
        if (!isAlreadyExists(error)) throw error;
      }
      return name;
    },
    template(owner, revision) {
      const held = cache.get(`${owner.metadata.namespace}/${revision}`);
      // `data` is any object; this controller wrote it as below.
      return (held?.data as { spec?: { template?: PodTemplateSpec } } | undefined)?.spec?.template;
    },
    async trim(owner, inUse, limit) {
      const idle = historyOf(owner).filter((each) => !inUse.has(each.metadata.name) && !each.metadata.deletionTimestamp);
      for (const revision of idle.slice(0, Math.max(0, idle.length - limit))) {
        try {
          await client.delete(ControllerRevisions, { namespace: owner.metadata.namespace ?? '', name: revision.metadata.name });
          cache.rememberDeleted(revision);
        } catch (error) {
          if (!isNotFound(error)) throw error;
        }
      }
    },
  };
}

function newRevision(ownerResource: Resource, owner: Stored<KubeObject>, of: { name: string; hash: string; template: PodTemplateSpec; revision: number }): ControllerRevision {
  return {
    apiVersion: 'apps/v1',
    kind: 'ControllerRevision',
    metadata: {
      name: of.name,
      namespace: owner.metadata.namespace ?? '',
      labels: { ...of.template.metadata?.labels, [REVISION_HASH]: of.hash },
      ownerReferences: [controllerReference(ownerResource, owner)],
    },
    // `$patch` makes `kubectl rollout undo` replace the whole template.
    data: { spec: { template: { ...of.template, $patch: 'replace' } } },
    revision: of.revision,
  };
}
