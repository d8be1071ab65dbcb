/** `down`: ends a cluster; nothing of it stays on the machine. */
import { Command } from 'commander';
import { DEFAULT_NAME, down } from '../cluster/host/up.ts';
import { CliError } from './errors.ts';

export function downCommand(): Command {
  return new Command('down').description('end a cluster and remove its context from the kubeconfig')
    .option('--name <name>', 'which cluster', DEFAULT_NAME).option('--keep', 'keep its objects and volumes for `up --keep`')
    .action(async (options: { name: string; keep?: boolean }) => {
      if (!(await down(options.name, { keep: options.keep }))) throw new CliError(`there is no cluster "${options.name}"; \`lateen status\` lists those that there are`);
      process.stdout.write(`✔ Cluster ${options.name} is gone\n`);
    });
}
