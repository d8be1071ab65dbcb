/** Starting, stopping and looking at clusters on this machine: what the command line calls. */
import { spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { isNativeError } from 'node:util/types';
import { kubeconfigPaths, removeContext } from '../../kube/kubeconfig.ts';
import { ClusterExistsError, ClusterStartError } from '../network/errors.ts';
import { contextName, listStatuses, processStart, readStatus, removeInfo, stateRoot } from './cluster-info.ts';
import type { ClusterInfo, ClusterStatus } from './cluster-info.ts';
import { builtinImageFiles, entryPoint } from './layout.ts';
import type { ClusterConfig, SupervisorToCli } from './messages.ts';
import { preflight } from './preflight.ts';

export const DEFAULT_NAME = 'mesh';

export interface UpOptions {
  /** Default `mesh`; letters, digits and dashes. The context is `lateen-NAME`. */
  readonly name?: string;
  /** Default: the first file of KUBECONFIG, else ~/.kube/config. */
  readonly kubeconfig?: string;
  /** Mapping files of the user's own images; they override the built-in ones. */
  readonly images?: readonly string[];
  /** Folder of the cluster's objects and volumes; default: `data` in its state folder, `$XDG_STATE_HOME/lateen/NAME`, else `/var/lib/lateen/NAME`. */
  readonly dataDir?: string;
  /** Ports wanted on 127.0.0.1: `api`, or `NAMESPACE/SERVICE:PORT`. Those taken are replaced by free ones. */
  readonly ports?: Readonly<Record<string, number>>;
  /** Go on with the objects of the last run instead of an empty cluster. */
  readonly keep?: boolean;
  readonly onProgress?: (text: string) => void;
}

const START_TIMEOUT_MS = 60_000;
const STOP_TIMEOUT_MS = 10_000;
const NAME = /^[a-z0-9]([-a-z0-9]{0,38}[a-z0-9])?$/;

/** Starts a cluster that goes on without this process. Resolves when its API answers.
 * @throws PreflightError, ClusterExistsError, ClusterStartError */
export async function up(options: UpOptions = {}): Promise<ClusterInfo> {
  const name = options.name ?? DEFAULT_NAME;
  if (!NAME.test(name)) throw new ClusterStartError(name, 'the name must be lower-case letters, digits and dashes, at most 40');
  preflight();
  if (readStatus(name)?.running) throw new ClusterExistsError(name);
  const stateDir = join(stateRoot(), name);
  const dataDir = options.dataDir ? resolve(options.dataDir) : join(stateDir, 'data');
  if (!options.keep) for (const folder of [stateDir, dataDir]) rmSync(folder, { recursive: true, force: true });
  for (const folder of [stateDir, dataDir]) mkdirSync(folder, { recursive: true, mode: 0o700 });
  const config: ClusterConfig = {
    name, stateDir, dataDir,
    imageFiles: [...builtinImageFiles(), ...(options.images ?? []).map((file) => resolve(file))],
    kubeconfig: resolve(kubeconfigPaths(options.kubeconfig)[0] as string),
    ports: options.ports ?? {},
  };
  return startDetached(config, options.onProgress ?? (() => {}));
}

function startDetached(config: ClusterConfig, onProgress: (text: string) => void): Promise<ClusterInfo> {
  const logPath = join(config.stateDir, 'supervisor.log');
  const logFd = openSync(logPath, 'a', 0o600);
  const child = spawn(process.execPath, ['--max-semi-space-size=1', entryPoint('host')], { detached: true, cwd: '/', stdio: ['ignore', logFd, logFd, 'ipc'] });
  closeSync(logFd);
  return new Promise((resolve_, reject) => {
    const finish = (result: ClusterInfo | ClusterStartError): void => {
      clearTimeout(timer);
      child.removeAllListeners();
      if (child.connected) child.disconnect();
      child.unref();
      if (!isNativeError(result)) return resolve_(result as ClusterInfo);
      // Half a cluster is no use to anybody.
      child.kill('SIGTERM');
      removeContext(config.kubeconfig, contextName(config.name));
      reject(result);
    };
    const timer = setTimeout(() => finish(new ClusterStartError(config.name, `nothing heard of it for ${START_TIMEOUT_MS / 1000} s; see ${logPath}`)), START_TIMEOUT_MS);
    child.on('message', (message: SupervisorToCli) => {
      if (message.type === 'progress') onProgress(message.text);
      else finish(message.type === 'ready' ? message.info : new ClusterStartError(config.name, `${message.message}${lastWords(join(config.stateDir, 'cluster.log'))}`));
    });
    child.once('error', (cause) => finish(new ClusterStartError(config.name, cause.message, cause)));
    child.once('exit', () => finish(new ClusterStartError(config.name, `its supervisor ended${lastWords(logPath)}`)));
    child.send(config);
  });
}

function lastWords(path: string): string {
  try {
    const tail = readFileSync(path, 'utf8').trim().slice(-1500);
    return tail === '' ? '' : `\n${tail}`;
  } catch {
    // It ended before it could write.
    return '';
  }
}

/** Ends a cluster and removes its context and, unless `keep`, its state. False when there is none of that name. */
export async function down(name: string = DEFAULT_NAME, options: { keep?: boolean } = {}): Promise<boolean> {
  const status = readStatus(name);
  if (!status) return false;
  if (status.running) await endProcess(status);
  removeContext(status.kubeconfig, status.context);
  if (options.keep) removeInfo(status.stateDir);
  else for (const folder of [status.stateDir, status.dataDir]) rmSync(folder, { recursive: true, force: true });
  return true;
}

async function endProcess({ pid, pidStart }: ClusterStatus): Promise<void> {
  const isAlive = () => processStart(pid) === pidStart;
  process.kill(pid, 'SIGTERM');
  const end = performance.now() + STOP_TIMEOUT_MS;
  while (isAlive() && performance.now() < end) await new Promise((done) => setTimeout(done, 20));
  if (isAlive()) process.kill(pid, 'SIGKILL');
}

/** One cluster, or undefined when there is none of that name. */
export const status = (name: string = DEFAULT_NAME): ClusterStatus | undefined => readStatus(name);
/** Every cluster of this machine. */
export const statuses = (): ClusterStatus[] => listStatuses();
