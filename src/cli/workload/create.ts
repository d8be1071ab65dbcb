/** `experimental workload group create`: a WorkloadGroup as YAML, for kubectl apply. */
import { Command } from 'commander';
import { stringify } from 'yaml';
import { isError, issueText } from '../../api/issue.ts';
import { validateText } from '../../api/validation/validate-text.ts';
import { globalsOf } from '../cluster-access.ts';
import { CliError } from '../errors.ts';

interface Options {
  name: string;
  labels: Record<string, string>;
  annotations: Record<string, string>;
  ports: Record<string, string>;
  serviceAccount: string;
}

export function createCommand(): Command {
  return new Command('create').description('print a WorkloadGroup: what the WorkloadEntries of its machines look like')
    .requiredOption('--name <name>', 'its name')
    .option('-l, --labels <key=value,...>', 'labels of the machines', pairs, {})
    .option('-a, --annotations <key=value,...>', 'annotations of their WorkloadEntries', pairs, {})
    .option('-p, --ports <name=port,...>', 'ports that they serve, by names of services’ ports', pairs, {})
    .option('-s, --serviceAccount <name>', 'who they are', 'default')
    .action((options: Options, self: Command) => {
      const { namespace } = globalsOf(self);
      if (namespace === undefined) throw new CliError('say which namespace the machines belong to: -n NAMESPACE');
      process.stdout.write(groupYaml(options, namespace));
    });
}

/** @throws CliError when what was asked for makes no valid object */
export function groupYaml({ name, labels, annotations, ports, serviceAccount }: Options, namespace: string): string {
  const text = stringify({
    apiVersion: 'networking.istio.io/v1', kind: 'WorkloadGroup', metadata: { name, namespace },
    spec: { metadata: { labels, annotations }, template: { ports: Object.fromEntries(Object.entries(ports).map(([port, number]) => [port, Number(number)])), serviceAccount } },
  });
  const errors = validateText(text).filter(isError);
  if (errors.length > 0) throw new CliError(errors.map(issueText).join('; '));
  return text;
}

/** May be given several times. */
function pairs(text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const added = text.split(',').filter((pair) => pair !== '').map((pair): [string, string] => {
    const at = pair.indexOf('=');
    if (at <= 0) throw new CliError(`"${pair}" is not KEY=VALUE`);
    return [pair.slice(0, at), pair.slice(at + 1)];
  });
  return { ...before, ...Object.fromEntries(added) };
}
