/** `proxy-config`: what one proxy has been told, read from its own admin endpoint. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { accessCluster, findPod, globalsOf, requestPod } from '../cluster-access.ts';
import { CliError } from '../errors.ts';
import { renderTable } from '../table.ts';
import { clusters } from './clusters.ts';
import { parse, parseConfigDump } from './dump.ts';
import { endpointTable } from './endpoints.ts';
import { listeners } from './listeners.ts';
import { routes } from './routes.ts';
import { secrets } from './secrets.ts';
import type { Filters, Table } from './view.ts';

const ADMIN_PORT = 15000;

interface Options extends Filters {
  output: string;
  file?: string;
}

export function proxyConfigCommand(): Command {
  const command = new Command('proxy-config').alias('pc').description('what a proxy has been told (POD, POD.NAMESPACE or deploy/NAME)');
  for (const view of [clusters, listeners, routes, secrets]) {
    command.addCommand(withOptions(new Command(view.name).aliases(view.aliases).description(view.about)).action(async (pod: string | undefined, options: Options, self: Command) => {
      const dump = parseConfigDump(await read(self, pod, { file: options.file, path: view.path }));
      print(options, () => view.pick(dump), () => view.table(dump, options));
    }));
  }
  command.addCommand(withOptions(new Command('endpoint').aliases(['endpoints', 'ep']).description('addresses behind the clusters, with their health')).action(async (pod: string | undefined, options: Options, self: Command) => {
    const answer = parse(await read(self, pod, { file: options.file, path: '/clusters?format=json' }));
    print(options, () => answer['cluster_statuses'], () => endpointTable(answer, options));
  }));
  command.addCommand(withOptions(new Command('bootstrap').alias('b').description('how the proxy was started')).action(async (pod: string | undefined, options: Options, self: Command) => {
    process.stdout.write(`${JSON.stringify(parseConfigDump(await read(self, pod, { file: options.file, path: '/config_dump' })).bootstrap ?? {}, null, 2)}\n`);
  }));
  command.addCommand(withOptions(new Command('all').alias('a').description('the whole config dump')).action(async (pod: string | undefined, options: Options, self: Command) => {
    process.stdout.write(await read(self, pod, { file: options.file, path: '/config_dump' }));
  }));
  command.addCommand(logCommand());
  return command;
}

function logCommand(): Command {
  return new Command('log').alias('o').description('log levels; --level scope:debug changes one').argument('<pod>').option('--level <scope:level>', 'e.g. xds:debug, or debug for all')
    .action(async (pod: string, options: { level?: string }, self: Command) => {
      const [scope, level] = options.level === undefined ? [] : options.level.includes(':') ? options.level.split(':') : ['level', options.level];
      const path = level === undefined ? '/logging' : `/logging?${encodeURIComponent(scope ?? '')}=${encodeURIComponent(level)}`;
      process.stdout.write(await read(self, pod, { path, method: 'POST' }));
    });
}

function withOptions(command: Command): Command {
  return command
    .argument('[pod]')
    .option('-o, --output <short|json>', 'format', 'short')
    .option('-f, --file <path>', 'a saved answer of the admin endpoint instead of a pod')
    .option('--fqdn <host>', 'only this service').option('--direction <inbound|outbound>', 'only this direction').option('--subset <name>', 'only this subset')
    .option('--port <number>', 'only this port').option('--name <route>', 'only this route table').option('--address <ip>', 'only this address')
    .option('--cluster <name>', 'only this cluster').option('--status <healthy|unhealthy>', 'only endpoints in this state');
}

function print(options: Options, pick: () => unknown, table: () => Table): void {
  if (options.output === 'json') return void process.stdout.write(`${JSON.stringify(pick(), null, 2)}\n`);
  if (options.output !== 'short') throw new CliError(`unknown output format "${options.output}": use short or json`);
  const { header, rows } = table();
  process.stdout.write(renderTable(header, rows));
}

async function read(command: Command, pod: string | undefined, source: { file?: string; path: string; method?: string }): Promise<string> {
  if (source.file) return readFileSync(source.file, 'utf8');
  if (pod === undefined) throw new CliError('name a pod: POD, POD.NAMESPACE or deploy/NAME; or give a saved answer by --file');
  const access = accessCluster(globalsOf(command));
  const answer = await requestPod(access, await findPod(access, pod), { port: ADMIN_PORT, path: source.path, method: source.method });
  if (answer.status !== 200) throw new CliError(`the proxy of ${pod} answered ${answer.status} to ${source.path}: ${answer.body.slice(0, 200)}`);
  return answer.body;
}
