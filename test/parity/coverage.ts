/** The fields of the traffic API, as FEATURES.md lists them, and which of them some scenario shows to have an effect. */
import { readFileSync } from 'node:fs';
import type { Scenario } from './scenario.ts';

export type Mark = 'core' | 'common' | 'rare';

export interface Field {
  /** `VirtualService.http[].match[].uri` */
  readonly name: string;
  readonly mark: Mark;
}

/** The tables of section 1, one for each kind. */
export function readFields(file: string): Field[] {
  let kind: string | undefined;
  const fields: Field[] = [];
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const heading = /^#{2,3} (?:1\.\d+ (\w+))?/.exec(line);
    if (heading) kind = heading[1];
    const row = /^\| `([^`]+)` \|(?:.*?[^\\])\| (core|common|rare) \|/.exec(line);
    if (kind && row?.[1] && row[2]) fields.push({ name: `${kind}.${row[1]}`, mark: row[2] as Mark });
  }
  return fields;
}

/** A field stands for those that hold it: what has an effect within a block shows that the block has one. */
export function coveredFields(scenarios: readonly Pick<Scenario, 'covers'>[]): Set<string> {
  const all = new Set<string>();
  for (const field of scenarios.flatMap((scenario) => scenario.covers ?? [])) {
    const parts = field.split('.');
    for (let i = 2; i <= parts.length; i++) all.add(parts.slice(0, i).join('.'));
  }
  return all;
}

/** `hosts[]` and `hosts` are the same field, as are `labels{}` and `labels`. */
export const plainName = (field: string): string => field.replace(/(\[\]|\{\})$/, '');
