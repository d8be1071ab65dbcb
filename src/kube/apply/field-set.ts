/** Sets of field paths as managedFields keeps them (`FieldsV1`), as a tree. Kubernetes: structured-merge-diff fieldpath. */
export interface FieldSet {
  /** The path that leads here is in the set. */
  member: boolean;
  /** By path element: `f:name` a field, `k:{…}` a list item by keys, `v:…` by value. */
  children: Map<string, FieldSet>;
}

export const emptySet = (member = false): FieldSet => ({ member, children: new Map() });

export const isEmptySet = (set: FieldSet): boolean => !set.member && set.children.size === 0;

export function parseFields(fields: object): FieldSet {
  const set = emptySet();
  for (const [key, value] of Object.entries(fields) as [string, object][]) {
    if (key === '.') {
      set.member = true;
      continue;
    }
    const child = parseFields(value);
    if (child.children.size === 0) child.member = true;
    set.children.set(key, child);
  }
  return set;
}

export function formatFields(set: FieldSet): Record<string, object> {
  const result: Record<string, object> = {};
  if (set.member && set.children.size > 0) result['.'] = {};
  for (const key of [...set.children.keys()].sort()) {
    const child = set.children.get(key);
    if (child) result[key] = formatFields(child);
  }
  return result;
}

export function union(a: FieldSet, b: FieldSet): FieldSet {
  const result: FieldSet = { member: a.member || b.member, children: new Map(a.children) };
  for (const [key, child] of b.children) {
    const other = a.children.get(key);
    result.children.set(key, other ? union(other, child) : child);
  }
  return result;
}

/** What is in `a` and not in `b`. */
export function difference(a: FieldSet, b: FieldSet): FieldSet {
  const result = emptySet(a.member && !b.member);
  for (const [key, child] of a.children) {
    const other = b.children.get(key);
    const rest = other ? difference(child, other) : child;
    if (!isEmptySet(rest)) result.children.set(key, rest);
  }
  return result;
}

export function intersection(a: FieldSet, b: FieldSet): FieldSet {
  const result = emptySet(a.member && b.member);
  for (const [key, child] of a.children) {
    const other = b.children.get(key);
    const both = other && intersection(child, other);
    if (both && !isEmptySet(both)) result.children.set(key, both);
  }
  return result;
}

export function sameSet(a: FieldSet, b: FieldSet): boolean {
  if (a.member !== b.member || a.children.size !== b.children.size) return false;
  for (const [key, child] of a.children) {
    const other = b.children.get(key);
    if (!other || !sameSet(child, other)) return false;
  }
  return true;
}

/** `a` without everything at or below the paths of `roots`. */
export function without(a: FieldSet, roots: FieldSet): FieldSet {
  if (roots.member) return emptySet();
  const result = emptySet(a.member);
  for (const [key, child] of a.children) {
    const root = roots.children.get(key);
    const rest = root ? without(child, root) : child;
    if (!isEmptySet(rest)) result.children.set(key, rest);
  }
  return result;
}

/** Every path of the set as people read it: `.spec.containers[name="web"].image`. */
export function pathTexts(set: FieldSet, prefix = ''): string[] {
  const texts = set.member ? [prefix] : [];
  for (const key of [...set.children.keys()].sort()) {
    const child = set.children.get(key);
    if (child) texts.push(...pathTexts(child, prefix + elementText(key)));
  }
  return texts;
}

function elementText(key: string): string {
  const rest = key.slice(2);
  if (key.startsWith('f:')) return `.${rest}`;
  if (key.startsWith('v:')) return `[=${rest}]`;
  const keys = JSON.parse(rest) as Record<string, unknown>;
  return `[${Object.entries(keys).map(([name, value]) => `${name}=${JSON.stringify(value)}`).join(',')}]`;
}
