/** Runs a program that the build made a classic script of, with the code that V8 kept of an earlier run (see scripts.ts). */
import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { pathToFileURL } from 'node:url';
import { Script } from 'node:vm';

type Require = (id: string) => unknown;
type Wrapper = (module: { exports: unknown }, require: Require, here: string) => void;

export interface Loaded {
  readonly script: Script;
  readonly exports: unknown;
}

/** Scripts are ASCII (see scripts.ts): nothing need be decoded. The kept code is taken only if it is of this V8 and its flags; a file of
 * another name holds it for other contents. */
export function loadScript(filename: string): Loaded {
  const script = new Script(readFileSync(filename, 'latin1'), { filename, cachedData: keptCode(filename) });
  const module = { exports: {} };
  // Made when it is used, which is later.
  const require: Require = (id) => createRequire(filename)(id) as unknown;
  // What scripts.ts puts around it.
  (script.runInThisContext() as Wrapper)(module, require, pathToFileURL(filename).href);
  return { script, exports: module.exports };
}

export const keptCodeFile = (filename: string): string => `${filename}.code`;

/** Without it everything is compiled as it is called. */
function keptCode(filename: string): Buffer | undefined {
  try {
    return readFileSync(keptCodeFile(filename));
  } catch {
    return undefined;
  }
}
