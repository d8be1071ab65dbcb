import { FieldManagers, type Manager } from '../../../kube/apply/managers.ts';
import { parseFields } from '../../../kube/apply/field-set.ts';
import { TypedView } from '../../../kube/apply/typed.ts';
import { builtinSchemas } from '../../../kube/schema/builtin.ts';
import type { KubeObject } from '../../../kube/object.ts';
import { apiVersionOf } from '../../../kube/resource.ts';
import { hasStatus, type Kind } from '../kinds/kind.ts';
import type { Caller } from './caller.ts';
import { timestamp } from './deps.ts';
import { metaOf } from './objects.ts';

export interface Tracking {
  caller: Caller;
  /** Milliseconds since the epoch. */
  now: number;
  subresource?: string;
}

const STATUS = parseFields({ 'f:status': {} });
const SPEC = parseFields({ 'f:spec': {} });
const view = new TypedView(builtinSchemas);

export const managersOf = (kind: Kind): FieldManagers => new FieldManagers(view, kind.schema());

/** What a write cannot own: the object itself not its status, and the status nothing else. */
export function ignoredFields(kind: Kind, subresource: string | undefined) {
  if (subresource === 'status') return SPEC;
  return hasStatus(kind) ? STATUS : undefined;
}

export function managerOf(kind: Kind, operation: 'Apply' | 'Update', by: Tracking): Manager {
  return { manager: by.caller.fieldManager, operation, apiVersion: apiVersionOf(kind.resource), subresource: by.subresource, time: timestamp(by.now) };
}

/** Writes down in managedFields which fields the caller has set. */
export function trackUpdate(kind: Kind, change: { object: KubeObject; old: KubeObject | undefined }, by: Tracking): void {
  const { object, old } = change;
  const meta = metaOf(object);
  // An empty list asks to forget all owners: kubectl does so to move from client-side to server-side apply.
  const asksReset = old !== undefined && meta.managedFields?.length === 0;
  const live: KubeObject | undefined = old === undefined ? ({ apiVersion: object.apiVersion, kind: object.kind, metadata: {}, ...('spec' in object ? { spec: {} } : {}) } as KubeObject) : { ...old, metadata: { ...old.metadata, managedFields: meta.managedFields ?? old.metadata?.managedFields } };
  const fields = asksReset ? undefined : managersOf(kind).afterUpdate({ live, object, by: managerOf(kind, 'Update', by), ignored: ignoredFields(kind, by.subresource) });
  if (fields) meta.managedFields = fields;
  else delete meta.managedFields;
}
