/** Who set which field: reading and writing metadata.managedFields, plain updates and server-side apply.
 * Kubernetes: structured-merge-diff merge.Updater and apimachinery managedfields. */
import type { KubeObject, ManagedFieldsEntry } from '../object.ts';
import type { Schema } from '../schema/schema.ts';
import { difference, formatFields, intersection, isEmptySet, parseFields, pathTexts, sameSet, union, without, type FieldSet } from './field-set.ts';
import type { TypedView } from './typed.ts';

export interface Manager {
  manager: string;
  operation: 'Apply' | 'Update';
  apiVersion: string;
  subresource?: string;
  /** RFC 3339. */
  time: string;
}

interface Owned extends Manager {
  set: FieldSet;
}

/** A field that another manager owns with another value. */
export interface ApplyConflict {
  manager: Manager;
  /** `.spec.replicas` */
  paths: string[];
}

export interface Change {
  live: KubeObject | undefined;
  object: KubeObject;
  by: Manager;
  /** Paths that this write cannot own, e.g. the status for a write of the object itself. */
  ignored?: FieldSet;
}

/** Fields that the server owns. */
const SERVER_FIELDS = parseFields({
  'f:apiVersion': {}, 'f:kind': {},
  'f:metadata': { 'f:name': {}, 'f:generateName': {}, 'f:namespace': {}, 'f:creationTimestamp': {}, 'f:selfLink': {}, 'f:uid': {}, 'f:generation': {}, 'f:managedFields': {}, 'f:resourceVersion': {}, 'f:deletionTimestamp': {}, 'f:deletionGracePeriodSeconds': {} },
});
const METADATA = parseFields({ 'f:metadata': {} });
const MAX_UPDATERS = 10;

const keyOf = (m: Manager) => `${m.operation} ${m.manager} ${m.operation === 'Apply' ? '' : m.apiVersion} ${m.subresource ?? ''}`;

export class FieldManagers {
  readonly #view: TypedView;
  readonly #schema: Schema;

  constructor(view: TypedView, schema: Schema) {
    this.#view = view;
    this.#schema = schema;
  }

  /** managedFields after `object` has replaced `live`. */
  afterUpdate(change: Change): ManagedFieldsEntry[] | undefined {
    const owners = readOwners(change.live?.metadata?.managedFields);
    const comparison = this.#view.compare(stripped(change.live), stripped(change.object), this.#schema);
    const changed = this.#owned(union(comparison.added, comparison.modified), change.ignored);
    for (const owner of owners.values()) owner.set = difference(difference(owner.set, comparison.removed), changed);
    const mine = owners.get(keyOf(change.by));
    const set = union(mine?.set ?? { member: false, children: new Map() }, changed);
    if (!isEmptySet(changed)) owners.set(keyOf(change.by), { ...change.by, set });
    return writeOwners(owners);
  }

  /** Merges an applied configuration into `live`.
   * @param force takes fields from others instead of reporting conflicts */
  apply(config: KubeObject, change: Omit<Change, 'object'>, force: boolean): { object: KubeObject; managedFields: ManagedFieldsEntry[] | undefined } | { conflicts: ApplyConflict[] } {
    const { live, by } = change;
    const owners = readOwners(live?.metadata?.managedFields);
    if (live && owners.size === 0) owners.set('before', { ...by, manager: 'before-first-apply', operation: 'Update', subresource: undefined, set: this.#owned(this.#view.fieldsOf(stripped(live), this.#schema), undefined) });
    const mine = owners.get(keyOf(by));
    const set = this.#owned(this.#view.fieldsOf(stripped(config), this.#schema), change.ignored);
    owners.set(keyOf(by), { ...by, time: mine && sameSet(mine.set, set) ? mine.time : by.time, set });
    const merged = this.#view.merge(stripped(live), stripped(config), this.#schema);
    const pruned = mine ? this.#prune(merged, mine.set, owners) : merged;
    const comparison = this.#view.compare(stripped(live), pruned, this.#schema);
    const conflicts = this.#takeOver(owners, union(comparison.added, comparison.modified), { by, force });
    if (conflicts.length > 0) return { conflicts };
    for (const [key, owner] of owners) if (key !== keyOf(by)) owner.set = difference(owner.set, comparison.removed);
    const object = { ...(pruned as KubeObject), metadata: { ...(pruned as KubeObject).metadata } };
    return { object, managedFields: writeOwners(owners) };
  }

  #takeOver(owners: Map<string, Owned>, changed: FieldSet, how: { by: Manager; force: boolean }): ApplyConflict[] {
    const conflicts: ApplyConflict[] = [];
    for (const [key, owner] of owners) {
      if (key === keyOf(how.by)) continue;
      const both = intersection(owner.set, changed);
      if (isEmptySet(both)) continue;
      if (how.force) owner.set = difference(owner.set, both);
      else conflicts.push({ manager: owner, paths: pathTexts(both) });
    }
    return conflicts;
  }

  /** Takes away what this manager applied before and nobody wants any more. */
  #prune(merged: unknown, last: FieldSet, owners: ReadonlyMap<string, Owned>): unknown {
    let managed: FieldSet = { member: false, children: new Map() };
    for (const owner of owners.values()) managed = union(managed, owner.set);
    const gone = difference(this.#view.withNamedFields(last, this.#schema), this.#view.withNamedFields(managed, this.#schema));
    return isEmptySet(gone) ? merged : (this.#view.remove(merged, gone, this.#schema) ?? {});
  }

  #owned(set: FieldSet, ignored: FieldSet | undefined): FieldSet {
    const own = difference(without(set, SERVER_FIELDS), METADATA);
    own.member = false;
    return ignored ? without(own, ignored) : own;
  }
}

/** managedFields is about the object, not part of what is owned. */
function stripped(object: KubeObject | undefined): unknown {
  if (!object?.metadata?.managedFields) return object;
  const { managedFields: _, ...metadata } = object.metadata;
  return { ...object, metadata };
}

function readOwners(entries: readonly ManagedFieldsEntry[] | undefined): Map<string, Owned> {
  const owners = new Map<string, Owned>();
  for (const entry of entries ?? []) {
    const owner: Owned = {
      manager: entry.manager ?? '', operation: entry.operation === 'Apply' ? 'Apply' : 'Update', apiVersion: entry.apiVersion ?? '',
      subresource: entry.subresource, time: entry.time ?? '', set: parseFields(entry.fieldsV1 ?? {}),
    };
    owners.set(keyOf(owner), owner);
  }
  return owners;
}

function writeOwners(owners: ReadonlyMap<string, Owned>): ManagedFieldsEntry[] | undefined {
  const kept = [...owners.values()].filter((owner) => !isEmptySet(owner.set));
  if (kept.length === 0) return undefined;
  kept.sort((a, b) => (a.operation < b.operation ? -1 : a.operation > b.operation ? 1 : a.time < b.time ? -1 : a.time > b.time ? 1 : a.manager < b.manager ? -1 : 1));
  return capped(kept).map((owner) => ({
    manager: owner.manager, operation: owner.operation, apiVersion: owner.apiVersion, time: owner.time,
    fieldsType: 'FieldsV1', fieldsV1: formatFields(owner.set), ...(owner.subresource ? { subresource: owner.subresource } : {}),
  }));
}

/** The oldest updaters beyond ten become one, `ancient-changes`, so that the list cannot grow without end. */
function capped(owners: Owned[]): Owned[] {
  const updaters = owners.filter((o) => o.operation === 'Update');
  const surplus = updaters.length - MAX_UPDATERS;
  const [first, ...rest] = updaters.slice(0, Math.max(0, surplus) + (surplus > 0 ? 1 : 0));
  if (surplus <= 0 || !first) return owners;
  const ancient = rest.reduce((all, owner) => ({ ...all, set: union(all.set, owner.set) }), { ...first, manager: 'ancient-changes', subresource: undefined });
  return [...owners.filter((o) => o.operation === 'Apply'), ancient, ...updaters.slice(rest.length + 1)];
}
