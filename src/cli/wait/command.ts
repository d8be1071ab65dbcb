/** `wait`: returns when a change is in force on every proxy that it concerns. */
import { Command } from 'commander';
import { systemClock } from '../../base/clock.ts';
import { parseDuration } from '../../base/duration.ts';
import { accessCluster, globalsOf } from '../cluster-access.ts';
import { CliError } from '../errors.ts';
import { askIstiod } from '../istiod.ts';
import { fileTargets, namedTargets, targetText, type Target } from './targets.ts';
import { readGoal } from './verdict.ts';
import { waitForAll } from './wait.ts';

interface Options {
  filename: string[];
  for: string;
  timeout: string;
}

const collect = (value: string, previous: string[]) => [...previous, value];

export function waitCommand(): Command {
  return new Command('wait').description('wait until mesh objects are in force on every proxy that they concern')
    .argument('[kind/name...]', 'KIND/NAME[.NAMESPACE], or KIND NAME[.NAMESPACE]')
    .option('-f, --filename <file>', 'wait for the objects of a file as they are in the cluster; `-` is standard input; may be repeated', collect, [])
    .option('--for <goal>', 'distribution, delete, or condition=TYPE[=STATUS]', 'distribution')
    .option('--timeout <duration>', 'how long to wait; then the exit code is 124', '30s')
    .action(async (words: string[], options: Options, self: Command) => {
      const globals = globalsOf(self);
      const access = accessCluster(globals);
      const { targets, others } = fileTargets(options.filename, access.namespace);
      const all = [...targets, ...namedTargets(words, { namespace: globals.namespace, fallback: access.namespace })];
      if (others.length > 0) process.stderr.write(`Nothing to wait for, not of the mesh: ${others.join(', ')}\n`);
      if (all.length === 0 && options.filename.length === 0) throw new CliError('say what to wait for: -f FILE, or KIND/NAME[.NAMESPACE]');
      try {
        await waitForAll(all, {
          client: access.client, clock: systemClock, goal: readGoal(options.for), timeoutMs: durationOf(options.timeout),
          reached(target, { text, warnings }) {
            process.stdout.write(`${targetText(target)}: ${text}\n`);
            for (const warning of warnings) process.stderr.write(`Warning: ${targetText(target)}: ${warning}\n`);
          },
          remains: async (target) => (JSON.parse(await askIstiod(access, remainsPath(target))) as { remains?: string }).remains,
        });
      } finally {
        access.client.close();
      }
    });
}

const remainsPath = ({ resource, namespace, name }: Target): string =>
  `/debug/remains?${new URLSearchParams({ kind: resource.kind, namespace, name }).toString()}`;

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 0) throw new CliError(`--timeout ${text} is not a duration; write 30s or 2m`);
  return ms;
}
