import { existsSync } from 'node:fs';
import { errorText } from '../base/errors.ts';
import { createLog, LogLevels } from '../base/log.ts';
import { createHttpClient } from '../kube/http-client.ts';
import { inClusterConfig, loadKubeconfig } from '../kube/kubeconfig.ts';
import { startControlPlane } from './app.ts';
import { readControlConfig, type ControlConfig } from './config.ts';

const IN_CLUSTER_TOKEN = '/var/run/secrets/kubernetes.io/serviceaccount/token';

function connect(config: ControlConfig) {
  if (config.kubeconfig !== undefined || config.context !== undefined || !existsSync(IN_CLUSTER_TOKEN)) {
    return createHttpClient(loadKubeconfig({ path: config.kubeconfig, context: config.context }));
  }
  return createHttpClient(inClusterConfig());
}

async function main(): Promise<void> {
  const config = readControlConfig(process.argv.slice(2), process.env);
  const levels = new LogLevels('info');
  for (const [scope, level] of config.logLevels) levels.set(scope, level);
  const log = createLog(levels);
  const client = connect(config);
  const plane = await startControlPlane({ client, config, log });
  let isStopping = false;
  const stop = (signal: string) => {
    if (isStopping) return;
    isStopping = true;
    log.info('stopping', { signal });
    plane
      .close()
      .catch((error: unknown) => log.error('stopping failed', { error: errorText(error) }))
      .finally(() => process.exit(0));
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

main().catch((error: unknown) => {
  console.error(errorText(error));
  process.exit(1);
});
