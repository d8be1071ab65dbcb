/** Server-side tables: what `kubectl get` prints. Kubernetes: meta/v1 Table, pkg/printers/internalversion. */
import type { Stored } from '../../../kube/object.ts';
import type { Kind } from '../kinds/kind.ts';
import { customColumns } from './custom.ts';
import { builtinColumns } from './builtin.ts';
import type { Column } from './column.ts';

export type IncludeObject = 'None' | 'Metadata' | 'Object';

export interface TableContext {
  includeObject: IncludeObject;
  nowMs: number;
  accepted: { version: string };
  metadata: object;
}

export const includeObjectOf = (text: string | null): IncludeObject => (text === 'None' || text === 'Object' ? text : 'Metadata');

export function tableOf(kind: Kind, objects: readonly Stored[], context: TableContext): object {
  const columns: readonly Column[] = kind.isCustom ? customColumns(kind) : builtinColumns(kind.collection);
  return {
    kind: 'Table', apiVersion: `meta.k8s.io/${context.accepted.version}`, metadata: context.metadata,
    columnDefinitions: columns.map(({ name, type = 'string', format, description, wide }) => ({
      name, type, format: format ?? (name === 'Name' ? 'name' : ''), description: description ?? '', priority: wide ? 1 : 0,
    })),
    rows: objects.map((object) => ({ cells: columns.map((column) => column.cell(object, context.nowMs)), object: shown(object, context) })),
  };
}

function shown(object: Stored, { includeObject, accepted }: TableContext): object | null {
  if (includeObject === 'Object') return object;
  return includeObject === 'None' ? null : { kind: 'PartialObjectMetadata', apiVersion: `meta.k8s.io/${accepted.version}`, metadata: object.metadata };
}
