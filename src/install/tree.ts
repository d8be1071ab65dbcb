/** Nested mappings as installation options are: merging one over another, and setting one value by its path. */
import { parse } from 'yaml';
import { InstallError } from './errors.ts';

export type Tree = Readonly<Record<string, unknown>>;

export const isTree = (value: unknown): value is Tree => typeof value === 'object' && value !== null && !Array.isArray(value);

/** `over` wins; mappings are merged key by key, gateways by their name, everything else is replaced. */
export function mergeTrees(base: Tree, over: Tree): Tree {
  const merged = new Map(Object.entries(base));
  for (const [key, value] of Object.entries(over)) {
    const before = merged.get(key);
    if (isTree(before) && isTree(value)) merged.set(key, mergeTrees(before, value));
    else if (key.endsWith('Gateways') && Array.isArray(before) && Array.isArray(value)) merged.set(key, mergeByName(before, value));
    else merged.set(key, value);
  }
  return Object.fromEntries(merged);
}

function mergeByName(base: readonly unknown[], over: readonly unknown[]): unknown[] {
  const same = (a: unknown, b: unknown) => isTree(a) && isTree(b) && a['name'] === b['name'];
  const merged = base.map((item) => {
    const match = over.find((candidate) => same(candidate, item));
    return isTree(item) && isTree(match) ? mergeTrees(item, match) : item;
  });
  return [...merged, ...over.filter((item) => !base.some((candidate) => same(candidate, item)))];
}

/** The value at a path of keys, or undefined. */
export function treeAt(tree: Tree, ...keys: string[]): unknown {
  let value: unknown = tree;
  for (const key of keys) value = isTree(value) && Object.hasOwn(value, key) ? value[key] : undefined;
  return value;
}

/** `values.global.proxy.logLevel=debug` or `components.ingressGateways[0].enabled=false`: a tree with that one value.
 * Numbers, true, false, null and flow lists are read as YAML reads them; a dot in a key is written `\.`.
 * @param wantsText true of a place that takes texts only: there `true` and `5` are texts
 * @throws InstallError when the text has no path or no `=` */
export function parseSetting(text: string, base: Tree, wantsText: (path: readonly Step[]) => boolean = () => false): Tree {
  const at = text.indexOf('=');
  if (at <= 0) throw new InstallError('INSTALL_OPTIONS', `--set ${text}: write it as path=value, for example --set profile=demo`);
  const path = text
    .slice(0, at)
    .replace(/^spec\./, '')
    .split(/(?<!\\)\./)
    .flatMap(pathStep);
  const given = text.slice(at + 1);
  const leaf = given !== 'null' && wantsText(path) ? given : readScalar(given);
  return isTree(base) ? (place(base, path, leaf, text) as Tree) : base;
}

/** A key, or the place in a list. */
export type Step = string | number;

function pathStep(part: string): Step[] {
  const match = /^([^[\]]*)((?:\[[^\]]+\])*)$/.exec(part.replaceAll('\\.', '.'));
  if (!match) return [part];
  const [, name = '', indexes = ''] = match;
  const steps = [...indexes.matchAll(/\[([^\]]+)\]/g)].map(([, index = '']) => (/^\d+$/.test(index) ? Number(index) : index));
  return name === '' ? steps : [name, ...steps];
}

function place(value: unknown, path: readonly Step[], leaf: unknown, text: string): unknown {
  const [step, ...rest] = path;
  if (step === undefined) return leaf;
  if (typeof step === 'number') {
    const items = Array.isArray(value) ? [...(value as unknown[])] : [];
    if (step > items.length) throw new InstallError('INSTALL_OPTIONS', `--set ${text}: there is no item ${step}, the list has ${items.length}`);
    items[step] = place(items[step], rest, leaf, text);
    return items;
  }
  if (step === '' || step === '__proto__') throw new InstallError('INSTALL_OPTIONS', `--set ${text}: the path has an empty or forbidden part`);
  const tree = isTree(value) ? value : {};
  return { ...tree, [step]: place(Object.hasOwn(tree, step) ? tree[step] : undefined, rest, leaf, text) };
}

function readScalar(text: string): unknown {
  if (/^(true|false|null|-?\d+(\.\d+)?|\[.*\]|\{.*\})$/s.test(text)) {
    // Helm writes lists as {a,b}.
    const flow = /^\{[^:]*\}$/s.test(text) ? `[${text.slice(1, -1)}]` : text;
    return parse(flow) as unknown;
  }
  return text;
}
