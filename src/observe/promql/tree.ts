/** The concrete syntax tree of the official grammar with the text it stands for, and where it went wrong. */
import type { SyntaxNode } from '@lezer/common';
import { parser } from '@prometheus-io/lezer-promql';
import { parseError } from './errors.ts';

/** Longest query that is read, characters. */
const MAX_QUERY = 64 * 1024;

export class Node {
  readonly #node: SyntaxNode;
  readonly #source: string;

  constructor(node: SyntaxNode, source: string) {
    this.#node = node;
    this.#source = source;
  }

  get name(): string {
    return this.#node.name;
  }

  get text(): string {
    return this.#source.slice(this.#node.from, this.#node.to);
  }

  get children(): Node[] {
    const found: Node[] = [];
    for (let child = this.#node.firstChild; child; child = child.nextSibling) if (child.name !== 'LineComment') found.push(new Node(child, this.#source));
    return found;
  }

  child(name: string): Node | undefined {
    return this.children.find((node) => node.name === name);
  }

  all(name: string): Node[] {
    return this.children.filter((node) => node.name === name);
  }

  /** `line:column`, both from 1. */
  get position(): string {
    return positionOf(this.#source, this.#node.from);
  }

  /** An error at this place, in Prometheus' form. */
  fault(message: string): Error {
    return parseError(`${this.position}: parse error: ${message}`);
  }
}

/** The query's only expression. @throws QueryError at the first place that does not fit the grammar */
export function parseTree(source: string): Node {
  if (source.trim() === '') throw parseError('unknown position: parse error: no expression found in input');
  if (source.length > MAX_QUERY) throw parseError(`the query is longer than ${MAX_QUERY} characters`);
  const tree = parser.parse(source);
  let errorAt: number | undefined;
  tree.iterate({
    enter(node) {
      if (node.type.isError && errorAt === undefined) errorAt = node.from;
    },
  });
  if (errorAt !== undefined) throw parseError(`${positionOf(source, errorAt)}: parse error: ${describe(source, errorAt)}`);
  const first = new Node(tree.topNode, source).children[0];
  if (!first) throw parseError('unknown position: parse error: no expression found in input');
  return first;
}

function describe(source: string, at: number): string {
  const rest = source.slice(at).trimStart();
  const call = /([A-Za-z_]\w*)\s*$/.exec(source.slice(0, at))?.[1];
  if (rest.startsWith('(') && call) return `unknown function with name "${call}"`;
  const named = /^([A-Za-z_]\w*)\s*\(/.exec(rest)?.[1];
  if (named) return `unknown function with name "${named}"`;
  if (rest === '') return 'unexpected end of input';
  return `unexpected ${JSON.stringify(rest.split(/\s/)[0]?.slice(0, 40))}`;
}

function positionOf(source: string, offset: number): string {
  const lines = source.slice(0, offset).split('\n');
  return `${lines.length}:${(lines.at(-1) ?? '').length + 1}`;
}
