/** The difference of two JSON values as a JSON patch (RFC 6902). Lists are replaced as a whole. */
export type JsonPatchOperation = { op: 'add' | 'replace'; path: string; value: unknown } | { op: 'remove'; path: string };

export function diffJson(before: unknown, after: unknown, path = ''): JsonPatchOperation[] {
  if (isRecord(before) && isRecord(after)) {
    const names = [...new Set([...Object.keys(before), ...Object.keys(after)])];
    return names.flatMap((name): JsonPatchOperation[] => {
      const at = `${path}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`;
      if (after[name] === undefined) return before[name] === undefined ? [] : [{ op: 'remove', path: at }];
      return before[name] === undefined ? [{ op: 'add', path: at, value: after[name] }] : diffJson(before[name], after[name], at);
    });
  }
  return JSON.stringify(before) === JSON.stringify(after) ? [] : [{ op: 'replace', path, value: after }];
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
