/** The forms in which objects leave: whole, as rows of a table, or their metadata only. */
import { apiVersionOf } from '../../../kube/resource.ts';
import type { Stored } from '../../../kube/object.ts';
import type { Kind } from '../kinds/kind.ts';
import { present } from '../rest/api.ts';
import type { ListPage } from '../rest/list.ts';
import type { Entry } from '../storage/store.ts';
import { tableOf, type IncludeObject } from '../table/table.ts';
import type { Accepted } from './accept.ts';

export interface FormContext {
  accepted: Accepted;
  includeObject: IncludeObject;
  nowMs: number;
}

/** JSON of one object. */
export function objectJson(kind: Kind, object: Stored, context: FormContext): string {
  const shown = present(kind, object);
  switch (context.accepted.form) {
    case 'table': return JSON.stringify(tableOf(kind, [shown], { ...context, metadata: { resourceVersion: shown.metadata.resourceVersion } }));
    case 'partial': return JSON.stringify(partialOf(shown, context.accepted.version));
    default: return JSON.stringify(shown);
  }
}

/** As `objectJson`, from the text that the store keeps ready. */
export function entryJson(kind: Kind, entry: Entry, context: FormContext): string {
  return kind.convert || context.accepted.form === 'table' || context.accepted.form === 'partial' ? objectJson(kind, entry.object, context) : entry.json;
}

export function listJson(kind: Kind, page: ListPage, context: FormContext): string {
  const metadata = { resourceVersion: String(page.revision), ...(page.continue ? { continue: page.continue } : {}), ...(page.remaining ? { remainingItemCount: page.remaining } : {}) };
  switch (context.accepted.form) {
    case 'table': return JSON.stringify(tableOf(kind, page.entries.map(({ object }) => present(kind, object)), { ...context, metadata }));
    case 'partial': return JSON.stringify({
      kind: 'PartialObjectMetadataList', apiVersion: `meta.k8s.io/${context.accepted.version}`, metadata,
      items: page.entries.map(({ object }) => partialOf(present(kind, object), context.accepted.version)),
    });
    default: {
      const items = page.entries.map((entry) => entryJson(kind, entry, context)).join(',');
      return `{"kind":${JSON.stringify(kind.listKind)},"apiVersion":${JSON.stringify(apiVersionOf(kind.resource))},"metadata":${JSON.stringify(metadata)},"items":[${items}]}`;
    }
  }
}

function partialOf(object: Stored, version: string): object {
  return { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${version}`, metadata: object.metadata };
}
