/** `proxy-status`: which proxies are connected, and whether each has taken what it was sent. */
import { Command } from 'commander';
import { accessCluster, globalsOf } from './cluster-access.ts';
import { syncStatus, type SyncRow } from './istiod.ts';
import { CliError } from './errors.ts';
import { renderTable } from './table.ts';

const TYPES = [['cluster', 'CDS'], ['listener', 'LDS'], ['endpoint', 'EDS'], ['route', 'RDS'], ['extensionconfig', 'ECDS']] as const;

export function proxyStatusCommand(): Command {
  return new Command('proxy-status').alias('ps').description('proxies and whether they are in step with the control plane')
    .argument('[pod]', 'only this one: POD or POD.NAMESPACE').option('-o, --output <table|json>', 'format', 'table')
    .action(async (pod: string | undefined, options: { output: string }, self: Command) => {
      const rows = (await syncStatus(accessCluster(globalsOf(self)))).filter((row) => pod === undefined || row.proxy === pod || row.proxy.startsWith(`${pod}.`));
      if (pod !== undefined && rows.length === 0) throw new CliError(`no proxy of pod ${pod} is connected; without a name the command lists those that are`);
      process.stdout.write(options.output === 'json' ? `${JSON.stringify(rows, null, 2)}\n` : table(rows));
      for (const row of rows) for (const [type, message] of Object.entries(row.errors)) process.stdout.write(`\n${row.proxy} refused ${type}: ${message}\n`);
    });
}

function table(rows: readonly SyncRow[]): string {
  return renderTable(['NAME', 'CLUSTER', 'VERSION', ...TYPES.map(([, title]) => title)], rows.map((row) => [row.proxy, row.cluster, row.version, ...TYPES.map(([type]) => row.status[type] ?? 'IGNORED')]));
}
