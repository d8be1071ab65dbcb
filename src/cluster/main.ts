/** The inner process of a cluster, started by its supervisor with an IPC channel. */
import type { Server } from 'node:net';
import { createLog } from '../base/log.ts';
import { errorText } from '../base/errors.ts';
import { startCluster } from './app.ts';
import type { ClusterApp } from './app.ts';
import type { ClusterConfig, InnerToSupervisor, SupervisorToInner } from './host/messages.ts';

const log = createLog();
let app: Promise<ClusterApp> | undefined;

const tell = (message: InnerToSupervisor): void => {
  if (process.connected) process.send?.(message);
};

const fail = (error: unknown): void => {
  log.error('cluster failed', { error: error instanceof Error ? error.stack : errorText(error) });
  tell({ type: 'failed', message: errorText(error) });
};

async function start(config: ClusterConfig, apiSocket: Server): Promise<ClusterApp> {
  const started = await startCluster({
    config, apiSocket, log,
    onCredentials: ({ caPem, admin }) => tell({ type: 'credentials', caPem, clientCertPem: admin.certificatePem, clientKeyPem: admin.keyPem }),
    onProgress: (text) => tell({ type: 'progress', text }),
    publish: (services) => tell({ type: 'publish', services }),
  });
  // Not before what every cluster has is there (the node, the default namespace): people use it the moment `up` returns.
  started.ready.then(() => tell({ type: 'ready' }), fail);
  return started;
}

process.on('message', (message: SupervisorToInner, handle: unknown) => {
  if (message.type === 'start') {
    app = start(message.config, handle as Server);
    app.catch(fail);
  } else {
    void app?.then((started) => started.published(message.ports));
  }
});
// The kernel ends this process with its supervisor; this is for the moment in which it has not yet.
process.on('disconnect', () => process.exit(0));
