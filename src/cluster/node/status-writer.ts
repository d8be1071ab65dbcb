/** Writes pod statuses: one request at a time for each pod, always the newest, nothing when nothing changed. */
import { isDeepStrictEqual } from 'node:util';
import type { Pod, PodStatus } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { sleep } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import { isNotFound, PatchType } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Stored } from '../../kube/object.ts';
import { Pods } from '../../kube/resource.ts';

export interface StatusWriter {
  write(pod: Stored<Pod>, status: PodStatus): void;
  /** Resolves when what was given for the pod is written (or cannot be, because the pod is gone). */
  settled(uid: string): Promise<void>;
  forget(uid: string): void;
}

interface Entry {
  wanted: { pod: Stored<Pod>; status: PodStatus };
  written: PodStatus | undefined;
  busy: Promise<void> | undefined;
}

const RETRY_MS = 500;

export function createStatusWriter(deps: { client: KubeClient; clock: Clock; log: Log }): StatusWriter {
  const entries = new Map<string, Entry>();

  const flush = async (uid: string, entry: Entry): Promise<void> => {
    for (;;) {
      const { pod, status } = entry.wanted;
      if (isDeepStrictEqual(status, entry.written)) return;
      try {
        await deps.client.patch(Pods, { namespace: pod.metadata.namespace, name: pod.metadata.name }, { type: PatchType.Merge, body: { metadata: { uid }, status: withRemovals(status, entry.written) } }, { subresource: 'status' });
        entry.written = status;
      } catch (error) {
        // Gone, or replaced by another pod of the same name.
        if (isNotFound(error) || !entries.has(uid)) return;
        deps.log.warn('pod status not written', { pod: pod.metadata.name, error: errorText(error) });
        await sleep(deps.clock, RETRY_MS);
      }
    }
  };

  return {
    write(pod, status) {
      const { uid } = pod.metadata;
      const entry: Entry = entries.get(uid) ?? { wanted: { pod, status }, written: undefined, busy: undefined };
      entries.set(uid, entry);
      entry.wanted = { pod, status };
      entry.busy ??= flush(uid, entry).finally(() => {
        entry.busy = undefined;
      });
    },
    async settled(uid) {
      await entries.get(uid)?.busy;
    },
    forget: (uid) => void entries.delete(uid),
  };
}

/** A merge patch removes only what it names. */
function withRemovals(status: PodStatus, before: PodStatus | undefined): Record<string, unknown> {
  const gone = Object.keys(before ?? {}).filter((key) => !(key in status));
  return { ...status, ...Object.fromEntries(gone.map((key) => [key, null])) };
}
