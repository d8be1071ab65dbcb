/** Small files of this machine that need not be there. */
import { readFileSync } from 'node:fs';

/** Read at once: where processes start, a helper thread of Node's costs more than such a file. @returns undefined when it cannot be read */
export function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
