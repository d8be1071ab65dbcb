/** Programs of the machine that images need. */
import { closeSync, existsSync, globSync, openSync, readSync, realpathSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';

/** The path that `LATEEN_NAME` gives, else the first on PATH, else what the test set-up has installed.
 * @param folders looked at after PATH */
export function findMachineProgram(name: string, env: Readonly<Record<string, string | undefined>>, folders: readonly string[] = []): string | undefined {
  const named = env[`LATEEN_${name.toUpperCase()}`];
  if (named) return existsSync(named) ? realpathSync(named) : undefined;
  for (const folder of [...(env['PATH'] ?? '').split(delimiter), ...folders]) {
    const path = join(folder, name);
    if (folder !== '' && existsSync(path)) {
      const program = behindScript(realpathSync(path), name);
      if (program !== undefined) return program;
    }
  }
  return undefined;
}

/** pip puts a script on PATH that starts the program in its package; a container has not the script's Python. */
function behindScript(path: string, name: string): string | undefined {
  if (!isScript(path)) return path;
  const [inside] = globSync(join(dirname(path), `../lib/python*/{site,dist}-packages/${name}/_bin/${name}`));
  return inside;
}

function isScript(path: string): boolean {
  const start = Buffer.alloc(2);
  const fd = openSync(path, 'r');
  try {
    readSync(fd, start);
  } finally {
    closeSync(fd);
  }
  return start.toString('latin1') === '#!';
}
