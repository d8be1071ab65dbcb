/** Entry of the `lateen-observe` pod. */
import { systemClock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { createHttpClient } from '../kube/http-client.ts';
import { createInformer } from '../kube/informer.ts';
import { inClusterConfig } from '../kube/kubeconfig.ts';
import { Pods } from '../kube/resource.ts';
import { ObserveApp } from './app.ts';
import { loadConfig } from './config.ts';

const log = createLog().scope('observe');
try {
  const config = loadConfig(process.argv.slice(2), process.env);
  const client = config.discovery ? createHttpClient(inClusterConfig()) : undefined;
  const pods = client && createInformer(Pods, { client, clock: systemClock, log });
  const app = new ObserveApp(config, { clock: systemClock, log, pods, version: process.env['LATEEN_VERSION'] ?? '0.1.0' });
  await app.start();
  const stop = () => void app.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  log.error('cannot start', { error: errorText(error) });
  process.exit(1);
}
