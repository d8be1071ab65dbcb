/** What is wrong with an object, or doubtful: a value, never thrown. */
export interface Issue {
  readonly severity: 'error' | 'warning';
  /** Where, as people write it: `spec.http[0].route[1].weight`; '' for the object itself. */
  readonly path: string;
  /** What is wrong and, where it can be told, the way out. */
  readonly message: string;
}

export const isError = (issue: Issue): boolean => issue.severity === 'error';

/** `spec.hosts: must not be empty`. */
export const issueText = (issue: Issue): string => (issue.path === '' ? issue.message : `${issue.path}: ${issue.message}`);

/** `a.b`, `a[0]`, `a[key.with.dots]`. */
export function childPath(path: string, key: string | number): string {
  if (typeof key === 'number') return `${path}[${key}]`;
  if (!/^[\w-]+$/.test(key)) return `${path}[${key}]`;
  return path === '' ? key : `${path}.${key}`;
}
