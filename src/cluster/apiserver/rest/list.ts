import { KubeApiError } from '../../../kube/client.ts';
import { objectKey } from '../../../kube/object.ts';
import type { Kind } from '../kinds/kind.ts';
import { badRequest, expiredContinue, notFound } from '../status.ts';
import type { Entry } from '../storage/store.ts';
import { storeKey, type RestDeps } from './deps.ts';
import { compileSelection, type Selection } from './select.ts';

export interface ListRequest extends Selection {
  limit?: number;
  continue?: string;
}

export interface ListPage {
  entries: Entry[];
  /** Of the whole list, also on later pages. */
  revision: number;
  continue?: string;
  remaining?: number;
}

export function getEntry(deps: RestDeps, kind: Kind, at: { namespace?: string; name: string }): Entry {
  const entry = deps.store.get(kind.collection, storeKey(kind, at));
  if (!entry) throw notFound(kind.resource, at.name);
  return entry;
}

/** Sorted by namespace and name, as from etcd. */
export function listEntries(deps: RestDeps, kind: Kind, request: ListRequest): ListPage {
  const selects = compileSelection(kind, request);
  const after = request.continue ? decodeContinue(request.continue) : undefined;
  const selected: Entry[] = [];
  for (const entry of deps.store.entries(kind.collection)) if (selects(entry.object)) selected.push(entry);
  const keyed = selected.map((entry) => ({ entry, key: objectKey(entry.object) })).sort((a, b) => (a.key < b.key ? -1 : a.key > b.key ? 1 : 0));
  const revision = after?.revision ?? deps.store.revision;
  const rest = after ? keyed.filter(({ key }) => key > after.key) : keyed;
  const { limit } = request;
  if (!limit || rest.length <= limit) return { entries: rest.map(({ entry }) => entry), revision };
  const page = rest.slice(0, limit);
  return {
    entries: page.map(({ entry }) => entry),
    revision,
    continue: Buffer.from(JSON.stringify({ v: 'meta.k8s.io/v1', rv: revision, start: page.at(-1)?.key })).toString('base64url'),
    // With a selector, Kubernetes does not count what is left.
    ...(request.labelSelector || request.fieldSelector ? {} : { remaining: rest.length - limit }),
  };
}

function decodeContinue(text: string): { revision: number; key: string } {
  try {
    const token = JSON.parse(Buffer.from(text, 'base64url').toString('utf8')) as { rv?: unknown; start?: unknown };
    if (typeof token.rv === 'number' && typeof token.start === 'string') return { revision: token.rv, key: token.start };
  } catch (error) {
    if (error instanceof KubeApiError) throw error;
    throw badRequest('continue key is not valid: illegal base64 data or JSON');
  }
  throw expiredContinue();
}
