/** Watches: the past from the event log, then the present from the store, through the caller's selectors. */
import type { KubeObject } from '../../../kube/object.ts';
import type { Kind } from '../kinds/kind.ts';
import { badRequest, expired } from '../status.ts';
import type { Entry } from '../storage/store.ts';
import type { StoreEvent } from '../storage/event-log.ts';
import { listEntries } from './list.ts';
import type { RestDeps } from './deps.ts';
import { compileSelection, type Selection } from './select.ts';

export interface WatchRequest extends Selection {
  resourceVersion?: string;
  /** First the objects that exist, then a bookmark that says so (annotation `k8s.io/initial-events-end`). */
  sendInitialEvents?: boolean;
}

export type WatchItem =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; entry: Entry }
  | { type: 'BOOKMARK'; revision: number; initialEnd?: boolean };

/** Starts at once and synchronously, so nothing is missed between the past and the present.
 * @returns the way to stop. @throws KubeApiError 410 when the version is too old */
export function startWatch(deps: RestDeps, kind: Kind, request: WatchRequest, emit: (item: WatchItem) => void): () => void {
  const selects = compileSelection(kind, request);
  const since = readVersion(request.resourceVersion);
  const { store } = deps;
  const wantsState = request.sendInitialEvents === true || (since === undefined && request.sendInitialEvents !== false);
  let floor = since ?? store.revision;
  if (wantsState) {
    floor = store.revision;
    for (const entry of listEntries(deps, kind, request).entries) emit({ type: 'ADDED', entry });
    if (request.sendInitialEvents) emit({ type: 'BOOKMARK', revision: floor, initialEnd: true });
  } else if (since !== undefined) {
    const events = store.eventsSince(kind.collection, since);
    if (!events) throw expired(since, store.revision);
    for (const event of events) {
      deliver(event, selects, emit);
      floor = Math.max(floor, event.revision);
    }
  }
  return store.listen(kind.collection, (event) => {
    if (event.revision > floor) deliver(event, selects, emit);
  });
}

/** An object that starts or ceases to match is added or deleted as far as this watch is concerned. */
function deliver(event: StoreEvent, selects: (object: KubeObject) => boolean, emit: (item: WatchItem) => void): void {
  const now = event.type !== 'DELETED' && selects(event.entry.object);
  const before = event.previous !== undefined && selects(event.previous.object);
  if (now) emit({ type: before ? 'MODIFIED' : 'ADDED', entry: event.entry });
  else if (before) emit({ type: 'DELETED', entry: event.type === 'DELETED' || !event.previous ? event.entry : atRevision(event.previous, event.revision) });
}

function atRevision(entry: Entry, revision: number): Entry {
  const object = { ...entry.object, metadata: { ...entry.object.metadata, resourceVersion: String(revision) } };
  return { object, revision, json: JSON.stringify(object) };
}

/** Undefined for "any": no version, or 0. */
function readVersion(text: string | undefined): number | undefined {
  if (!text || text === '0') return undefined;
  const version = Number(text);
  if (!Number.isInteger(version) || version < 0) throw badRequest(`resourceVersion: Invalid value: ${JSON.stringify(text)}: strconv.ParseUint: parsing ${JSON.stringify(text)}: invalid syntax`);
  return version;
}
