/** Functions of the C library that Node does not offer. */
import { createRequire } from 'node:module';

export interface CLibrary {
  /** @param definition a C prototype @returns the function, which also has `async`: in a thread of libuv's pool, its result to a callback */
  func<F>(definition: string): F;
}

let loaded: CLibrary | undefined;

/** Loads the foreign functions once. Throws where there is no module for this machine. */
export function loadCLibrary(): CLibrary {
  // koffi is a native module: required, not imported, so that who needs none of this never loads it.
  return (loaded ??= (createRequire(import.meta.url)('koffi') as { load(path: null): CLibrary }).load(null));
}
