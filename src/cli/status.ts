/** `status`: the clusters of this machine, and where their services can be reached. */
import { Command } from 'commander';
import { status, statuses } from '../cluster/host/up.ts';
import { CliError } from './errors.ts';
import { renderTable } from './table.ts';

export function statusCommand(): Command {
  return new Command('status').description('clusters of this machine and the addresses of their services')
    .option('--name <name>', 'only this cluster').option('-o, --output <table|json>', 'format', 'table')
    .action((options: { name?: string; output: string }) => {
      const chosen = options.name === undefined ? statuses() : [find(options.name)];
      if (options.output === 'json') return void process.stdout.write(`${JSON.stringify(options.name === undefined ? chosen : chosen[0], null, 2)}\n`);
      if (chosen.length === 0) return void process.stdout.write('No cluster runs here; `lateen up` starts one.\n');
      process.stdout.write(renderTable(['NAME', 'STATE', 'CONTEXT', 'SERVER', 'SINCE'], chosen.map((c) => [c.name, c.running ? 'running' : 'stopped', c.context, c.server, c.startedAt])));
      const rows = chosen.flatMap((c) => c.published.map((p) => [c.name, `${p.namespace}/${p.name}:${p.port}`, `127.0.0.1:${p.hostPort}`]));
      if (rows.length > 0) process.stdout.write(`\n${renderTable(['NAME', 'SERVICE', 'ADDRESS'], rows)}`);
    });
}

function find(name: string) {
  const found = status(name);
  if (!found) throw new CliError(`there is no cluster "${name}"; \`lateen status\` lists those that there are`);
  return found;
}
