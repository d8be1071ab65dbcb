/** `uninstall`: takes the mesh out of the cluster; the cluster and its plain pods go on. */
import { Command } from 'commander';
import { uninstall } from '../install/uninstall.ts';
import { accessCluster, globalsOf } from './cluster-access.ts';
import { confirm } from './confirm.ts';
import { CliError } from './errors.ts';

interface Options {
  purge?: boolean;
  skipConfirmation?: boolean;
}

export function uninstallCommand(): Command {
  return new Command('uninstall').description('remove the mesh from the cluster of the kubeconfig')
    .option('--purge', 'also the definitions with every mesh object, the root certificates and the namespace')
    .option('-y, --skip-confirmation', 'do not ask')
    .action(async (options: Options, self: Command) => {
      const access = accessCluster(globalsOf(self));
      if (!options.purge) process.stderr.write('Definitions, mesh objects and certificates stay; add --purge to remove them too.\n');
      if (!options.skipConfirmation && !(await confirm('This removes the control plane and its gateways. Proceed? (y/N) '))) throw new CliError('Cancelled.');
      const removed = await uninstall({
        client: access.client, purge: options.purge ?? false, namespace: access.istioNamespace,
        onRemoved: ({ resource, name, namespace }) => void process.stdout.write(`  Removed ${resource.kind}:${namespace ? `${namespace}/` : ''}${name}\n`),
      });
      process.stdout.write(removed.length === 0 ? 'Nothing was installed.\n' : '✔ Uninstall complete\n');
      access.client.close();
    });
}
