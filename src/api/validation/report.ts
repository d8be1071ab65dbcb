/** Collects issues while a validator walks over an object. */
import { childPath, type Issue } from '../issue.ts';

export class Report {
  readonly #issues: Issue[];
  readonly path: string;

  constructor(path = 'spec', issues: Issue[] = []) {
    this.path = path;
    this.#issues = issues;
  }

  get issues(): Issue[] {
    return this.#issues;
  }

  /** The same report, seen from a field or an item. */
  at(...keys: (string | number)[]): Report {
    return new Report(keys.reduce<string>(childPath, this.path), this.#issues);
  }

  error(message: string): void {
    this.#issues.push({ severity: 'error', path: this.path, message });
  }

  warning(message: string): void {
    this.#issues.push({ severity: 'warning', path: this.path, message });
  }

  add(issues: readonly Issue[]): void {
    this.#issues.push(...issues);
  }

  /** An error when there is a problem. */
  refuse(problem: string | undefined): void {
    if (problem !== undefined) this.error(problem);
  }
}

/** Calls `check` for each item with the report at its place. */
export function eachItem<T>(report: Report, items: readonly T[] | undefined, check: (report: Report, item: T, index: number) => void): void {
  (items ?? []).forEach((item, index) => check(report.at(index), item, index));
}

/** The first index of each value that occurs again, by a key; items without key are left out. */
export function duplicates<T>(items: readonly T[], key: (item: T) => string | undefined): { index: number; key: string }[] {
  const seen = new Set<string>();
  return items.flatMap((item, index) => {
    const name = key(item);
    if (name === undefined) return [];
    if (seen.has(name)) return [{ index, key: name }];
    seen.add(name);
    return [];
  });
}
