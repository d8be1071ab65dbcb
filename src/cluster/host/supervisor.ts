/** The supervisor of one cluster: the only process on the host's side. It makes the listening sockets on loopback, starts the
 * inner process in namespaces of its own and hands the sockets in. When it dies, in whatever way, the kernel ends everything
 * inside: SIGKILL by parent-death signal to `unshare`, from there to the first process of the PID namespace, and with that to
 * all of it. What lived in the namespaces (links, rules, mounts) goes with the last process. */
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import type { Log } from '../../base/log.ts';
import { errorText } from '../../base/errors.ts';
import { contextName, processStart, removeInfo, writeInfo } from './cluster-info.ts';
import type { ClusterInfo } from './cluster-info.ts';
import { childrenOf } from '../node/processes.ts';
import { entryPoint } from './layout.ts';
import type { ClusterConfig, InnerToSupervisor, PublishedService, SupervisorToInner } from './messages.ts';
import { listenNear } from './ports.ts';
import { createPublisher } from './publisher.ts';
import type { Publisher } from './publisher.ts';

export interface SupervisorEvents {
  progress(text: string): void;
  credentials(server: string, pems: { caPem: string; clientCertPem: string; clientKeyPem: string }): void;
  ready(info: ClusterInfo): void;
  failed(message: string): void;
}

export interface Supervisor {
  /** Ends the cluster; resolves when nothing of it runs. */
  close(): Promise<void>;
}

const API_PORT = 6443;

export async function startSupervisor(config: ClusterConfig, log: Log, events: SupervisorEvents): Promise<Supervisor> {
  const logFd = openSync(join(config.stateDir, 'cluster.log'), 'a', 0o600);
  const api = await listenNear(config.ports['api'] ?? API_PORT);
  const inner = startInner(logFd);
  let closed = false;
  let info: ClusterInfo = {
    name: config.name, context: contextName(config.name), server: `https://127.0.0.1:${api.port}`, kubeconfig: config.kubeconfig, stateDir: config.stateDir, dataDir: config.dataDir,
    pid: process.pid, pidStart: processStart(process.pid), startedAt: new Date().toISOString(), published: [],
  };
  const tell = (message: SupervisorToInner) => void inner.send(message);
  const publisher = createPublisher({
    clusterPid: inner.pid ?? 0, wanted: config.ports, logFd, log,
    onFailure: () => events.failed('the publishing process ended; see cluster.log'),
  });
  const publish = async (services: readonly PublishedService[]): Promise<void> => {
    const published = await publisher.sync(services);
    info = { ...info, published };
    writeInfo(info);
    tell({ type: 'published', ports: published });
  };

  inner.on('message', (message: InnerToSupervisor) => {
    if (message.type === 'credentials') events.credentials(info.server, message);
    else if (message.type === 'progress') events.progress(message.text);
    else if (message.type === 'publish') publish(message.services).catch((error: unknown) => log.error('cannot publish', { error: errorText(error) }));
    else if (message.type === 'failed') events.failed(message.message);
    else events.ready(info);
  });
  inner.once('exit', (code, signal) => {
    void publisher.close();
    removeInfo(config.stateDir);
    if (!closed) events.failed(`the cluster ended (${signal ?? `exit code ${code}`}); its last words are in ${join(config.stateDir, 'cluster.log')}`);
  });
  writeInfo(info);
  inner.send({ type: 'start', config } satisfies SupervisorToInner, api.server, {}, () => api.server.close());
  closeSyncLater(logFd, inner);
  return {
    async close() {
      if (closed) return;
      closed = true;
      await endAll(inner, publisher);
    },
  };
}

/** `sh` is the first process of the PID namespace: it reaps what loses its parent and ends when the inner process does. */
function startInner(logFd: number): ChildProcess {
  const init = ['/bin/sh', '-c', '"$@" & wait $!', 'lateen', process.execPath, entryPoint('cluster')];
  return spawn('setpriv', ['--pdeathsig', 'SIGKILL', 'unshare', '--net', '--mount', '--pid', '--fork', '--kill-child=SIGKILL', '--mount-proc', ...init], {
    stdio: ['ignore', logFd, logFd, 'ipc'],
  });
}

/** The publishing process is started later with the same log, so the descriptor stays open as long as the cluster. */
function closeSyncLater(fd: number, inner: ChildProcess): void {
  inner.once('exit', () => closeSync(fd));
}

async function endAll(inner: ChildProcess, publisher: Publisher): Promise<void> {
  const published = publisher.close();
  if (inner.exitCode === null && inner.signalCode === null) {
    const gone = once(inner, 'exit');
    // The first process of the PID namespace: `unshare` ends when that and everything below it is gone. Killing `unshare`
    // itself would come to the same, but nobody could tell when it is over.
    const [first] = childrenOf(inner.pid);
    if (first === undefined) inner.kill('SIGKILL');
    else process.kill(first, 'SIGKILL');
    await gone;
  }
  await published;
}
