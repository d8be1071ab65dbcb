/** `version`: of the command line, the control plane and the proxies. */
import { Command } from 'commander';
import { accessCluster, globalsOf } from './cluster-access.ts';
import { askIstiod, syncStatus } from './istiod.ts';
import { VERSION } from './version.ts';

interface Options {
  remote: boolean;
  short?: boolean;
  output?: string;
}

export function versionCommand(): Command {
  return new Command('version').description('versions of the command line, the control plane and the proxies')
    .option('--no-remote', 'only the command line').option('-s, --short', 'only the number').option('-o, --output <json>', 'format')
    .action(async (options: Options, self: Command) => {
      const remote = options.remote ? await readRemote(self) : undefined;
      if (options.output === 'json') return void process.stdout.write(`${JSON.stringify({ clientVersion: { version: VERSION }, ...remote }, null, 2)}\n`);
      process.stdout.write(remote ? `client version: ${VERSION}\n` : `${options.short ? '' : 'client version: '}${VERSION}\n`);
      if (!remote) return;
      process.stdout.write(`control plane version: ${remote.meshVersion}\n`);
      for (const [version, count] of Object.entries(remote.dataPlaneVersion)) process.stdout.write(`data plane version: ${version} (${count} proxies)\n`);
    });
}

/** Undefined, with a note, when no control plane can be reached: the client's version is still an answer. */
async function readRemote(command: Command): Promise<{ meshVersion: string; dataPlaneVersion: Record<string, number> } | undefined> {
  try {
    const access = accessCluster(globalsOf(command));
    const meshVersion = (await askIstiod(access, '/version')).trim();
    const dataPlaneVersion: Record<string, number> = {};
    for (const { version } of await syncStatus(access)) dataPlaneVersion[version] = (dataPlaneVersion[version] ?? 0) + 1;
    return { meshVersion, dataPlaneVersion };
  } catch (error) {
    process.stderr.write(`control plane: ${error instanceof Error ? error.message : String(error)}\n`);
    return undefined;
  }
}
