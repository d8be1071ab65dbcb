/** `profile list | dump`: which installation profiles there are, and what one stands for. */
import { Command } from 'commander';
import { stringify } from 'yaml';
import { PROFILE_NAMES, profileTree } from '../install/profiles.ts';

export function profileCommand(): Command {
  const command = new Command('profile').description('installation profiles');
  command.addCommand(new Command('list').description('their names').action(() => void process.stdout.write(`Profiles:\n${PROFILE_NAMES.map((name) => `    ${name}\n`).join('')}`)));
  command.addCommand(new Command('dump').description('what one stands for').argument('[name]', 'profile', 'default').action((name: string) => void process.stdout.write(stringify(profileTree(name)))));
  return command;
}
