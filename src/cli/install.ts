/** `install`: renders a profile and brings the cluster to it. */
import { readFileSync } from 'node:fs';
import { Command } from 'commander';
import { parseDuration } from '../base/duration.ts';
import { install } from '../install/install.ts';
import { renderManifests } from '../install/render.ts';
import { resolveInstall, type InstallOptions } from '../install/spec.ts';
import { issueText } from '../api/issue.ts';
import { stringify } from 'yaml';
import { accessCluster, globalsOf } from './cluster-access.ts';
import { confirm } from './confirm.ts';
import { CliError } from './errors.ts';
import { VERSION } from './version.ts';

interface Options {
  set: string[];
  filename: string[];
  skipConfirmation?: boolean;
  dryRun?: boolean;
  readinessTimeout: string;
}

const collect = (value: string, previous: string[]) => [...previous, value];

export function installCommand(): Command {
  return new Command('install').alias('apply').description('install or change the mesh in the cluster of the kubeconfig')
    .option('-s, --set <path=value>', 'profile=demo, meshConfig.accessLogFile=/dev/stdout, values.…, components.…; may be repeated', collect, [])
    .option('-f, --filename <file>', 'IstioOperator file; may be repeated', collect, [])
    .option('-y, --skip-confirmation', 'do not ask')
    .option('--dry-run', 'print the manifests instead of applying them')
    .option('--readiness-timeout <duration>', 'how long workloads may take to become ready', '300s')
    .action(async (options: Options, self: Command) => {
      const chosen = optionsOf(options);
      const spec = resolveInstall(chosen);
      for (const warning of spec.warnings) process.stderr.write(`Warning: ${issueText(warning)}\n`);
      if (options.dryRun) return void process.stdout.write(renderManifests(chosen).map((object) => stringify(object)).join('---\n'));
      const { client } = accessCluster(globalsOf(self));
      if (!options.skipConfirmation && !(await confirm(`This will install the ${spec.profile} profile into the cluster. Proceed? (y/N) `))) throw new CliError('Cancelled.');
      await install({
        client, options: chosen, readinessTimeoutMs: durationOf(options.readinessTimeout),
        onProgress: (step) => void (step.state === 'done' && process.stdout.write(`${step.text}\n`)),
      });
      process.stdout.write('✔ Installation complete\n');
      client.close();
    });
}

function optionsOf(options: Options): InstallOptions {
  return { set: options.set, files: options.filename.map((file) => readFileSync(file, 'utf8')), version: VERSION };
}

function durationOf(text: string): number {
  const ms = parseDuration(text);
  if (ms === undefined || ms < 0) throw new CliError(`--readiness-timeout ${text} is not a duration; write 300s or 5m`);
  return ms;
}
