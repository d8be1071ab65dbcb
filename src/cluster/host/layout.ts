/** Where Lateen's own files are: the programs that are started as processes, and what pods see of them. The same code runs
 * bundled (`dist/*.js`) and straight from its source (`src/**.ts`). */
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Entry points by the name of their bundle. */
const SOURCES = {
  host: 'cluster/host/main.ts',
  cluster: 'cluster/main.ts',
  publish: 'cluster/network/publish-main.ts',
} as const;

const HERE = fileURLToPath(import.meta.url);
const FROM_SOURCE = HERE.endsWith('.ts');

/** The folder of the project: it holds `dist`, `images`, `node_modules`. */
export const PROJECT_ROOT: string = FROM_SOURCE ? join(dirname(HERE), '../../..') : join(dirname(HERE), '..');

export function entryPoint(name: keyof typeof SOURCES): string {
  return FROM_SOURCE ? join(PROJECT_ROOT, 'src', SOURCES[name]) : join(dirname(HERE), `${name}.js`);
}

/** Folders that pods see below /lateen. Source and samples too, so that development needs no build. */
export const POD_FOLDERS = ['dist', 'node_modules', 'package.json', 'src', 'samples'] as const;

/** The mapping files that come with Lateen. */
export function builtinImageFiles(): string[] {
  const folder = join(PROJECT_ROOT, 'images');
  if (!existsSync(folder)) return [];
  return readdirSync(folder).filter((name) => name.endsWith('.yaml')).sort().map((name) => join(folder, name));
}
