import { ageColumn, nameColumn, type Column } from './column.ts';

const DEFAULT: readonly Column[] = [nameColumn, ageColumn];

/** @param collection `group/plural` */
export function builtinColumns(_collection: string): readonly Column[] {
  return DEFAULT;
}
