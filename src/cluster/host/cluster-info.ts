/** What is known of a cluster from outside: a file in its state folder, written by its supervisor. */
import { mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PublishedPortInfo } from './messages.ts';

export interface ClusterInfo {
  readonly name: string;
  /** Context in the kubeconfig. */
  readonly context: string;
  /** `https://127.0.0.1:6443` */
  readonly server: string;
  /** The file that the context was merged into. */
  readonly kubeconfig: string;
  readonly stateDir: string;
  readonly dataDir: string;
  /** Of the supervisor. */
  readonly pid: number;
  /** Start time of that process in clock ticks since boot: a process id may be used again. */
  readonly pidStart: string;
  /** RFC 3339 */
  readonly startedAt: string;
  /** Services that are reachable at 127.0.0.1:hostPort. */
  readonly published: readonly PublishedPortInfo[];
}

export interface ClusterStatus extends ClusterInfo {
  /** False: its supervisor was killed; nothing of it runs. */
  readonly running: boolean;
}

const FILE = 'cluster.json';

/** `$XDG_STATE_HOME/lateen`, else `/var/lib/lateen`. */
export function stateRoot(env: NodeJS.ProcessEnv = process.env): string {
  return join(env['XDG_STATE_HOME'] || '/var/lib', 'lateen');
}

export const contextName = (name: string): string => `lateen-${name}`;

export function writeInfo(info: ClusterInfo): void {
  mkdirSync(info.stateDir, { recursive: true, mode: 0o700 });
  const draft = join(info.stateDir, `${FILE}.new`);
  writeFileSync(draft, `${JSON.stringify(info, undefined, 2)}\n`, { mode: 0o600 });
  renameSync(draft, join(info.stateDir, FILE));
}

export function removeInfo(stateDir: string): void {
  rmSync(join(stateDir, FILE), { force: true });
}

/** Undefined when there is no cluster of that name. */
export function readStatus(name: string, root = stateRoot()): ClusterStatus | undefined {
  const text = readText(join(root, name, FILE));
  if (text === undefined) return undefined;
  const info = JSON.parse(text) as ClusterInfo;
  return { ...info, running: processStart(info.pid) === info.pidStart };
}

/** All clusters, by name. */
export function listStatuses(root = stateRoot()): ClusterStatus[] {
  return names(root).flatMap((name) => readStatus(name, root) ?? []);
}

function names(root: string): string[] {
  try {
    return readdirSync(root).sort();
  } catch {
    // No cluster has ever been started.
    return [];
  }
}

/** Field 22 of /proc/PID/stat; '' when there is no such process. The command in field 2 may hold spaces and parentheses. */
export function processStart(pid: number): string {
  const stat = readText(`/proc/${pid}/stat`);
  const fields = stat?.slice(stat.lastIndexOf(')') + 2).split(' ');
  // A zombie has ended; only its parent has not looked yet.
  return fields === undefined || fields[0] === 'Z' ? '' : (fields[19] ?? '');
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8');
  } catch {
    return undefined;
  }
}
