/** Which objects are waited for. */
import { readFileSync } from 'node:fs';
import { KINDS, kindOf } from '../../api/kinds.ts';
import { resourceOf, type Kind, type MeshObject } from '../../api/schema/kind.ts';
import { readObjects } from '../../api/yaml.ts';
import type { Resource } from '../../kube/resource.ts';
import { CliError } from '../errors.ts';

export interface Target {
  readonly resource: Resource<MeshObject<unknown>>;
  readonly namespace: string;
  readonly name: string;
  /** The same text could also mean this. */
  readonly otherwise?: { readonly namespace: string; readonly name: string };
}

/** `virtualservice.networking.istio.io/reviews.default`, as kubectl names things, with the namespace. */
export const targetText = ({ resource, namespace, name }: Pick<Target, 'resource' | 'namespace' | 'name'>): string => `${resource.kind.toLowerCase()}/${name}.${namespace}`;

const target = (kind: Kind, at: { namespace: string; name: string }): Target => ({ resource: resourceOf<MeshObject<unknown>>(kind), ...at });

/** `KIND/NAME[.NAMESPACE]`, or the two as words of their own.
 * @param options namespace: of the command line, which leaves dots to the name; fallback: of the context */
export function namedTargets(words: readonly string[], options: { namespace?: string; fallback: string }): Target[] {
  const [first = '', ...rest] = words;
  if (first.includes('/')) return words.map((word) => namedTarget(word.slice(0, word.indexOf('/')), word.slice(word.indexOf('/') + 1), options));
  if (words.length > 0 && rest.length === 0) throw new CliError(`say which ${first}: KIND/NAME or KIND NAME, for example virtualservice/reviews`);
  return rest.map((name) => namedTarget(first, name, options));
}

function namedTarget(kindText: string, text: string, { namespace, fallback }: { namespace?: string; fallback: string }): Target {
  const kind = kindNamed(kindText);
  if (text === '') throw new CliError(`say which ${kindText}: ${kindText}/NAME`);
  const dot = text.lastIndexOf('.');
  if (namespace !== undefined || dot < 0) return target(kind, { namespace: namespace ?? fallback, name: text });
  return { ...target(kind, { namespace: text.slice(dot + 1), name: text.slice(0, dot) }), otherwise: { namespace: fallback, name: text } };
}

/** By the names that kubectl takes: `VirtualService`, `virtualservices`, `vs`, each also with its group. */
function kindNamed(text: string): Kind {
  const [name = '', ...group] = text.toLowerCase().split('.');
  const found = KINDS.find((kind) => [kind.kind.toLowerCase(), kind.plural, ...(kind.shortNames ?? [])].includes(name) && (group.length === 0 || kind.group === group.join('.')));
  if (!found) throw new CliError(`${JSON.stringify(text)} is not a kind of the mesh; these are: ${KINDS.map((kind) => kind.kind).join(', ')}`);
  return found;
}

export interface FileTargets {
  readonly targets: readonly Target[];
  /** Objects that are none of the mesh's: there is nothing to wait for. */
  readonly others: readonly string[];
}

/** The objects of files; `-` is standard input. */
export function fileTargets(files: readonly string[], namespace: string): FileTargets {
  const targets: Target[] = [];
  const others: string[] = [];
  for (const file of files) {
    const { objects, problems } = readObjects(read(file));
    if (problems.length > 0) throw new CliError(`${file}: ${problems.join('; ')}`);
    for (const { object, line } of objects) {
      const { metadata } = object;
      const kind = kindOf(object);
      if (!kind) others.push(`${object.kind ?? 'object'}/${metadata?.name ?? ''}`);
      else if (!metadata?.name) throw new CliError(`${file}: line ${line}: the object has no metadata.name`);
      else targets.push(target(kind, { namespace: metadata.namespace ?? namespace, name: metadata.name }));
    }
  }
  return { targets, others };
}

function read(file: string): string {
  try {
    return readFileSync(file === '-' ? 0 : file, 'utf8');
  } catch (cause) {
    throw new CliError(`cannot read ${file}`, { cause });
  }
}
