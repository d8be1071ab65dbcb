/** `up`: a Kubernetes on this machine, in a second. */
import { Command } from 'commander';
import { DEFAULT_NAME, up } from '../cluster/host/up.ts';
import { globalsOf } from './cluster-access.ts';

interface Options {
  name: string;
  images: string[];
  keep?: boolean;
  dataDir?: string;
}

const collect = (value: string, previous: string[]) => [...previous, value];

export function upCommand(): Command {
  return new Command('up').description('start a Kubernetes-compatible cluster on this machine and select it in the kubeconfig')
    .option('--name <name>', 'several can run side by side; the context is lateen-NAME', DEFAULT_NAME)
    .option('--images <file>', 'YAML file that maps image names to local programs; may be repeated', collect, [])
    .option('--data-dir <folder>', 'where objects and volumes are kept')
    .option('--keep', 'go on with the objects of the last run')
    .action(async (options: Options, self: Command) => {
      const started = performance.now();
      const info = await up({ name: options.name, kubeconfig: globalsOf(self).kubeconfig, images: options.images, dataDir: options.dataDir, keep: options.keep });
      process.stdout.write(`✔ Cluster ${info.name} is up at ${info.server} (${((performance.now() - started) / 1000).toFixed(2)} s)\n`);
      process.stdout.write(`  Context ${info.context} is selected in ${info.kubeconfig}\n  Try: kubectl get pods -A, lateen install --set profile=demo -y\n`);
    });
}
