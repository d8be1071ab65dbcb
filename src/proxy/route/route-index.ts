/** Finds the first route that matches without asking all of them: the path tells which can. The order of the list still decides, so what
 * is found is what asking one after the other would have found. Lists of a few routes are asked one by one. */
import type { RouteMatch } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { RequestPredicate } from './header-match.ts';
import { pathOnly, type RequestView } from './request-view.ts';

/** What the path has to be like for a route to match at all. */
export type PathShape = { readonly kind: 'exact' | 'prefix'; readonly text: string } | { readonly kind: 'any' };

export interface Matchable {
  readonly shape: PathShape;
  readonly matches: RequestPredicate;
}

/** @returns the first that matches */
export type FindRoute<R extends Matchable> = (request: RequestView) => R | undefined;

const FEW = 8;
const ANY: PathShape = { kind: 'any' };

export function pathShape({ pathSpecifier: specifier, caseSensitive }: RouteMatch): PathShape {
  if (caseSensitive === false) return ANY;
  switch (specifier.case) {
    case 'path':
      return { kind: 'exact', text: specifier.value };
    case 'prefix':
    case 'pathSeparatedPrefix':
      // `/` also means `*`, and is asked by everybody.
      return specifier.value === '/' ? ANY : { kind: 'prefix', text: specifier.value };
    default:
      return ANY;
  }
}

export function indexRoutes<R extends Matchable>(routes: readonly R[]): FindRoute<R> {
  if (routes.length <= FEW) return (request) => routes.find(({ matches }) => matches(request));
  const exact = new Map<string, number[]>();
  const prefixes = new PrefixTree();
  const others: number[] = [];
  for (const [i, { shape }] of routes.entries()) {
    if (shape.kind === 'exact') (exact.get(shape.text) ?? setIn(exact, shape.text)).push(i);
    else if (shape.kind === 'prefix') prefixes.add(shape.text, i);
    else others.push(i);
  }
  return (request) => {
    const found = prefixes.find(request.path);
    const same = exact.get(pathOnly(request.path));
    const specific = same === undefined ? found : [...found, ...same];
    if (specific.length > 1) specific.sort((a, b) => a - b);
    let next = 0;
    for (const other of others) {
      for (; next < specific.length && (specific[next] ?? 0) < other; next++) {
        const route = routes[specific[next] ?? 0];
        if (route?.matches(request)) return route;
      }
      const route = routes[other];
      if (route?.matches(request)) return route;
    }
    for (; next < specific.length; next++) {
      const route = routes[specific[next] ?? 0];
      if (route?.matches(request)) return route;
    }
    return undefined;
  };
}

function setIn(map: Map<string, number[]>, key: string): number[] {
  const list: number[] = [];
  map.set(key, list);
  return list;
}

interface Node {
  readonly children: Map<number, Node>;
  readonly values: number[];
}

/** Values by prefix, one node for each character. */
class PrefixTree {
  readonly #root: Node = { children: new Map(), values: [] };

  add(prefix: string, value: number): void {
    let node = this.#root;
    for (let i = 0; i < prefix.length; i++) {
      const char = prefix.charCodeAt(i);
      let child = node.children.get(char);
      if (!child) {
        child = { children: new Map(), values: [] };
        node.children.set(char, child);
      }
      node = child;
    }
    node.values.push(value);
  }

  /** Values of all prefixes of the text; a new array. */
  find(text: string): number[] {
    const found = this.#root.values.slice();
    let node: Node | undefined = this.#root;
    for (let i = 0; i < text.length; i++) {
      node = node.children.get(text.charCodeAt(i));
      if (!node) break;
      for (const value of node.values) found.push(value);
    }
    return found;
  }
}
