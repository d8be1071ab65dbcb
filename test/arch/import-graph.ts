/** The import graph of the source tree, read from the text of the files. */
import { globSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export interface Import {
  from: string;
  to: string;
  typeOnly: boolean;
}

const STATEMENT = /^(?:import|export)\s+(type\s+)?(?:[^'"`;]*?\sfrom\s+)?['"](\.{1,2}\/[^'"]+)['"]/gm;
const DYNAMIC = /import\(\s*['"](\.{1,2}\/[^'"]+)['"]\s*\)/g;

export function readImports(root: string): Import[] {
  const files = globSync(`${root}/**/*.{ts,tsx}`, { exclude: (name) => name === 'generated' || name === 'node_modules' || name === 'dist' });
  return files.flatMap((file) => importsOf(file, readFileSync(file, 'utf8')));
}

function importsOf(file: string, text: string): Import[] {
  const target = (specifier: string) => normalize(join(dirname(file), specifier));
  const fixed = [...text.matchAll(STATEMENT)].map(([, type, specifier]) => ({ from: file, to: target(specifier ?? ''), typeOnly: type !== undefined }));
  const dynamic = [...text.matchAll(DYNAMIC)].map(([, specifier]) => ({ from: file, to: target(specifier ?? ''), typeOnly: false }));
  return [...fixed, ...dynamic];
}

/** Groups of files that import each other in a circle at run time. */
export function findCycles(imports: readonly Import[]): string[][] {
  const edges = new Map<string, string[]>();
  for (const { from, to, typeOnly } of imports) if (!typeOnly) edges.set(from, [...(edges.get(from) ?? []), to]);
  const state = new Map<string, { index: number; low: number; onStack: boolean }>();
  const stack: string[] = [];
  const cycles: string[][] = [];
  const visit = (node: string): number => {
    const own = { index: state.size, low: state.size, onStack: true };
    state.set(node, own);
    stack.push(node);
    for (const next of edges.get(node) ?? []) {
      const seen = state.get(next);
      if (!seen) own.low = Math.min(own.low, visit(next));
      else if (seen.onStack) own.low = Math.min(own.low, seen.index);
    }
    if (own.low === own.index) {
      const group = stack.splice(stack.indexOf(node));
      for (const member of group) (state.get(member) as { onStack: boolean }).onStack = false;
      if (group.length > 1) cycles.push(group.sort());
    }
    return own.low;
  };
  for (const node of edges.keys()) if (!state.has(node)) visit(node);
  return cycles;
}
