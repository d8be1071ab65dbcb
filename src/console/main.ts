/** Entry of the `lateen-console` pod. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { errorText } from '../base/errors.ts';
import { createLog } from '../base/log.ts';
import { inClusterConfig, loadKubeconfig } from '../kube/kubeconfig.ts';
import { ConsoleApp } from './app.ts';
import { loadConsoleConfig } from './config.ts';

/** Beside the bundle, or one folder up when the bundle is split into parts. */
const WEB = ['console-web', '../console-web'].map((name) => join(import.meta.dirname, name));

const log = createLog().scope('console');
try {
  const config = loadConsoleConfig(process.argv.slice(2), process.env, WEB.find((path) => existsSync(path)) ?? '');
  const kube = process.env['KUBERNETES_SERVICE_HOST'] ? inClusterConfig() : loadKubeconfig();
  const app = new ConsoleApp(config, { kube, version: process.env['LATEEN_VERSION'] ?? '0.1.0' });
  const port = await app.start();
  log.info('console is ready', { port, kube: kube.server, prometheus: config.prometheusUrl });
  const stop = () => void app.close().then(() => process.exit(0));
  process.once('SIGTERM', stop);
  process.once('SIGINT', stop);
} catch (error) {
  log.error('cannot start', { error: errorText(error) });
  process.exit(1);
}
