/** `experimental workload`: machines outside of the cluster. */
import { Command } from 'commander';
import { configureCommand } from './configure.ts';
import { createCommand } from './create.ts';

export function workloadCommand(): Command {
  return new Command('workload').description('machines outside of the cluster that join the mesh')
    .addCommand(new Command('group').description('WorkloadGroups').addCommand(createCommand()))
    .addCommand(new Command('entry').description('WorkloadEntries').addCommand(configureCommand()));
}
