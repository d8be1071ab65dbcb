/** The API as a KubeClient within the process: no sockets and no copies; everything else is as for HTTP. */
import { cloneJson } from '../../base/clone.ts';
import { KubeApiError, PatchType, type KubeClient, type ListOptions, type WatchEvent, type WatchOptions, type WriteOptions } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { apiVersionOf, type Resource } from '../../kube/resource.ts';
import type { UserInfo } from './admission.ts';
import type { Kind } from './kinds/kind.ts';
import type { Caller } from './rest/caller.ts';
import { createAt, deleteAt, deleteSelected, getAt, patchAt, present, updateAt, type ApiDeps } from './rest/api.ts';
import { listEntries } from './rest/list.ts';
import { startWatch, type WatchItem } from './rest/watch.ts';
import { noSuchPath } from './status.ts';

export interface ClientIdentity {
  user: UserInfo;
  fieldManager: string;
  /** For paths that are not resources. */
  raw: (method: string, path: string, body: unknown) => Promise<unknown>;
  /** Ends watches when the server closes. */
  closed: AbortSignal;
}

export function createLocalClient(deps: ApiDeps, identity: ClientIdentity): KubeClient {
  const kindOf = (r: Resource): Kind => {
    const kind = deps.kinds.find(r.group, r.version, r.plural);
    if (!kind) throw noSuchPath();
    return kind;
  };
  const callerOf = (options: WriteOptions = {}): Caller => ({
    user: identity.user, fieldManager: options.fieldManager ?? identity.fieldManager, fieldValidation: options.fieldValidation ?? 'Warn',
    dryRun: options.dryRun ?? false, warnings: [],
  });
  // The types of the caller's resource are a claim about what is stored; the server's own schemas back it.
  const typed = <T extends KubeObject>(kind: Kind, object: KubeObject) => present(kind, object) as Stored<T>;

  return {
    async get<T extends KubeObject>(r: Resource<T>, at: { namespace?: string; name: string }) {
      const kind = kindOf(r);
      return typed<T>(kind, getAt(deps, { kind, ...at }));
    },
    async list<T extends KubeObject>(r: Resource<T>, options: ListOptions = {}) {
      const kind = kindOf(r);
      const page = listEntries(deps, kind, options);
      return {
        apiVersion: apiVersionOf(r), kind: kind.listKind,
        metadata: { resourceVersion: String(page.revision), continue: page.continue, remainingItemCount: page.remaining },
        items: page.entries.map(({ object }) => typed<T>(kind, object)),
      };
    },
    async create<T extends KubeObject>(r: Resource<T>, object: T, options: WriteOptions & { namespace?: string; name?: string } = {}) {
      const kind = kindOf(r);
      const { namespace = object.metadata?.namespace, name = object.metadata?.name, subresource } = options;
      return typed<T>(kind, await createAt(deps, { kind, namespace, name, subresource, input: cloneJson(object) }, callerOf(options)));
    },
    async update<T extends KubeObject>(r: Resource<T>, object: T, options: WriteOptions = {}) {
      const kind = kindOf(r);
      const { namespace, name = '' } = object.metadata ?? {};
      return typed<T>(kind, await updateAt(deps, { kind, namespace, name, subresource: options.subresource, input: { ...object } }, callerOf(options)));
    },
    async patch<T extends KubeObject>(r: Resource<T>, at: { namespace?: string; name: string }, patch: { type: PatchType; body: unknown }, options: WriteOptions = {}) {
      const kind = kindOf(r);
      const { object } = await patchAt(deps, { kind, ...at, subresource: options.subresource }, { ...patch, force: options.force ?? false }, callerOf(options));
      return typed<T>(kind, object);
    },
    async delete(r, at, options = {}) {
      await deleteAt(deps, { kind: kindOf(r), ...at }, options, callerOf());
    },
    async deleteCollection(r, options) {
      await deleteSelected(deps, kindOf(r), { ...options, options }, callerOf());
    },
    watch: <T extends KubeObject>(r: Resource<T>, options: WatchOptions = {}) => watchLocally<T>(deps, kindOf(r), options, identity.closed),
    raw: async <R>(method: string, path: string, body?: unknown) => (await identity.raw(method, path, body)) as R,
  };
}

async function* watchLocally<T extends KubeObject>(deps: ApiDeps, kind: Kind, options: WatchOptions, closed: AbortSignal): AsyncGenerator<WatchEvent<T>> {
  const queue: WatchItem[] = [];
  let wake = () => {};
  let isOver = false;
  const end = () => {
    isOver = true;
    wake();
  };
  let stop: () => void;
  try {
    stop = startWatch(deps, kind, options, (item) => {
      queue.push(item);
      wake();
    });
  } catch (error) {
    if (!(error instanceof KubeApiError) || error.status.code !== 410) throw error;
    yield { type: 'ERROR', object: error.status };
    return;
  }
  const timer = options.timeoutSeconds ? deps.clock.after(options.timeoutSeconds * 1000, end) : undefined;
  const signals = [options.signal, closed];
  for (const signal of signals) signal?.addEventListener('abort', end, { once: true });
  if (signals.some((signal) => signal?.aborted)) end();
  try {
    while (!isOver) {
      const item = queue.shift();
      if (item) yield eventOf<T>(kind, item);
      else await new Promise<void>((resolve) => (wake = resolve));
    }
  } finally {
    stop();
    timer?.cancel();
    for (const signal of signals) signal?.removeEventListener('abort', end);
  }
}

function eventOf<T extends KubeObject>(kind: Kind, item: WatchItem): WatchEvent<T> {
  if (item.type !== 'BOOKMARK') return { type: item.type, object: present(kind, item.entry.object) as Stored<T> };
  return { type: 'BOOKMARK', object: { kind: kind.resource.kind, apiVersion: apiVersionOf(kind.resource), metadata: { resourceVersion: String(item.revision) } } };
}
