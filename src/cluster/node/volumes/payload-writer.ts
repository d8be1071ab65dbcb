/** Writes a payload so that a reader sees either all of the old files or all of the new: Kubernetes' AtomicWriter.
 * `name` → `..data/name`, `..data` → `..TIME`; an update makes a new `..TIME` and renames one symbolic link. */
import { chownSync, chmodSync, mkdirSync, readdirSync, readlinkSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import type { Payload } from './payload.ts';

/** @param gid owner group, from fsGroup */
export function writePayload(folder: string, payload: Payload, options: { version: string; gid?: number }): void {
  mkdirSync(folder, { recursive: true });
  const version = `..${options.version}`;
  for (const [path, file] of payload) {
    const at = join(folder, version, safe(path));
    mkdirSync(dirname(at), { recursive: true });
    writeFileSync(at, file.data);
    if (options.gid !== undefined) chownSync(at, 0, options.gid);
    // With a group that shares the volume, what the owner may read the group may read.
    chmodSync(at, options.gid === undefined ? file.mode : file.mode | 0o440);
  }
  mkdirSync(join(folder, version), { recursive: true });
  const old = linkTarget(join(folder, '..data'));
  symlinkSync(version, join(folder, '..data_tmp'));
  renameSync(join(folder, '..data_tmp'), join(folder, '..data'));
  const names = new Set([...payload.keys()].map((path) => safe(path).split('/')[0] as string));
  const present = readdirSync(folder).filter((name) => !name.startsWith('..'));
  for (const name of present) if (!names.has(name)) rmSync(join(folder, name), { recursive: true, force: true });
  for (const name of names) if (!present.includes(name)) symlinkSync(join('..data', name), join(folder, name));
  if (old && old !== version) rmSync(join(folder, old), { recursive: true, force: true });
}

/** The API server refuses paths with `..`; this holds even for one that got past it. */
const safe = (path: string) => normalize(`/${path}`).slice(1);

function linkTarget(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    // The first write.
    return undefined;
  }
}

/** Whether two payloads have the same files. */
export function samePayload(a: Payload, b: Payload): boolean {
  return a.size === b.size && [...a].every(([path, file]) => {
    const other = b.get(path);
    return other !== undefined && other.mode === file.mode && other.data.equals(file.data);
  });
}
