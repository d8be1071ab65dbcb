/** Where in an object's YAML the fields are that messages name. */
import { isMap, isNode, isSeq, LineCounter, parseDocument, type ParsedNode } from 'yaml';

/** `spec.http[0].route[1].destination: …` → its keys. Undefined when the message begins with no path. */
export function pathOf(message: string): (string | number)[] | undefined {
  const [, path] = /^(?:[A-Za-z]+: )?(?:left out: )?((?:spec|metadata)(?:\.[\w-]+|\[[^\]]+\])*)(?=[:,\s]|$)/.exec(message) ?? [];
  return path?.match(/[\w-]+(?=[.[]|$)|(?<=\[)[^\]]+(?=\])/g)?.map((key) => (/^\d+$/.test(key) ? Number(key) : key));
}

/** Line (from 0) → the messages about the field that begins there, or about something of it that is not in the text. */
export function fieldLines(text: string, messages: readonly string[]): ReadonlyMap<number, readonly string[]> {
  const counter = new LineCounter();
  const { contents } = parseDocument(text, { lineCounter: counter });
  const lines = new Map<number, string[]>();
  for (const message of messages) {
    const offset = offsetOf(contents, pathOf(message) ?? []);
    if (offset === undefined) continue;
    const line = counter.linePos(offset).line - 1;
    lines.set(line, [...(lines.get(line) ?? []), message]);
  }
  return lines;
}

/** Of the innermost part of the path that is there. */
function offsetOf(root: ParsedNode | null, path: readonly (string | number)[]): number | undefined {
  let node: unknown = root;
  let offset: number | undefined;
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => isNode(item.key) && String(item.key) === String(key));
      if (!pair) break;
      // Keys of a parsed document are nodes with a place.
      offset = (pair.key as ParsedNode).range[0];
      node = pair.value;
    } else if (isSeq(node) && typeof key === 'number') {
      node = node.items[key];
      if (!isNode(node)) break;
      offset = node.range?.[0] ?? offset;
    } else break;
  }
  return offset;
}
