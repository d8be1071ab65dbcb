/** Files, by promises: what `node:fs/promises` offers, made of `node:fs`, which every process of Node has loaded. The former brings
 * parts that need lines and directories to be watched: 8 ms of a sidecar's start, and half a megabyte. */
import { mkdir, rename, rm, writeFile } from 'node:fs';
import { promisify } from 'node:util';

export const makeDirectory: typeof mkdir.__promisify__ = promisify(mkdir);
export const renameFile: typeof rename.__promisify__ = promisify(rename);
export const removeFile: typeof rm.__promisify__ = promisify(rm);
export const writeToFile: typeof writeFile.__promisify__ = promisify(writeFile);
