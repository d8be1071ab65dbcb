/** The web console: Vite's production build, served by the console pod. */
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { build } from 'vite';

export async function buildConsole(): Promise<void> {
  const root = resolve('console');
  if (!existsSync(`${root}/index.html`)) return;
  await build({ root, configFile: `${root}/vite.config.ts`, logLevel: 'warn', build: { outDir: resolve('dist/console-web'), emptyOutDir: true } });
}
