/** The supervisor process: started by `up` with an IPC channel, which closes when the cluster is up. */
import { join } from 'node:path';
import { createLog } from '../../base/log.ts';
import { errorText } from '../../base/errors.ts';
import { addContext } from '../../kube/kubeconfig.ts';
import { contextName, removeInfo } from './cluster-info.ts';
import type { ClusterConfig, SupervisorToCli } from './messages.ts';
import { startSupervisor } from './supervisor.ts';
import type { Supervisor } from './supervisor.ts';

const log = createLog().scope('host');
let supervisor: Promise<Supervisor> | undefined;
let stateDir = '';

const tell = (message: SupervisorToCli): void => {
  // Nobody listens any more once `up` has returned.
  if (process.connected) process.send?.(message);
};

const end = async (code: number): Promise<void> => {
  try {
    await (await supervisor)?.close();
  } catch (error) {
    log.error('cannot end the cluster', { error: errorText(error) });
  }
  if (stateDir !== '') removeInfo(stateDir);
  process.exit(code);
};

const fail = (message: string): void => {
  log.error('cluster failed', { message });
  tell({ type: 'failed', message });
  void end(1);
};

process.once('message', (config: ClusterConfig) => {
  stateDir = config.stateDir;
  supervisor = startSupervisor(config, log, {
    progress: (text) => tell({ type: 'progress', text }),
    credentials(server, pems) {
      // The second is this cluster's alone, for programs that should not depend on what the user selects.
      for (const path of [config.kubeconfig, join(config.stateDir, 'kubeconfig')]) addContext(path, { name: contextName(config.name), server, ...pems });
    },
    ready: (info) => tell({ type: 'ready', info }),
    failed: fail,
  });
  supervisor.catch((error: unknown) => fail(errorText(error)));
});
for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) process.on(signal, () => void end(0));
