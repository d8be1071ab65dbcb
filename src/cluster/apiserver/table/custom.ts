import type { Kind } from '../kinds/kind.ts';
import { isObject } from '../../../kube/schema/schema.ts';
import { age, ageColumn, nameColumn, type Column } from './column.ts';
import { compileJsonPath } from './json-path.ts';

/** Columns of custom resources: `additionalPrinterColumns`, or name and age. */
export function customColumns(kind: Kind): Column[] {
  if (!kind.columns || kind.columns.length === 0) return [nameColumn, ageColumn];
  return [nameColumn, ...kind.columns.map(({ name, type, format, description, jsonPath, priority }): Column => {
    const read = compileJsonPath(jsonPath);
    return { name, type, format, description, wide: (priority ?? 0) > 0, cell: (object, now) => cell(read(object), type, now) };
  })];
}

function cell(values: readonly unknown[], type: string, nowMs: number): string | number | boolean | null {
  const [value] = values;
  if (value === undefined || value === null) return null;
  if (type === 'date') return age(String(value), nowMs);
  if (type === 'string') return values.length > 1 ? values.map(text).join(',') : text(value);
  if (typeof value === 'number' || typeof value === 'boolean') return value;
  return type === 'integer' || type === 'number' ? Number(value) : text(value);
}

function text(value: unknown): string {
  return isObject(value) || Array.isArray(value) ? JSON.stringify(value) : String(value);
}
