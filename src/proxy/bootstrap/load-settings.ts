/** Reads what decodeSettings needs from the process and the pod's files. */
import { readOptional } from '../../base/optional-file.ts';
import { argument, decodeSettings } from './decode-settings.ts';
import type { ProxySettings } from './settings.ts';
import { parsePodInfo } from './sources.ts';
import type { Environment } from './sources.ts';

/** @throws BootstrapError with every problem at once */
export async function loadSettings(argv: readonly string[], env: Environment): Promise<ProxySettings> {
  const machine = argument(argv, '--machine');
  if (machine !== undefined) {
    const { readMachineDirectory } = await import('./machine-directory.ts');
    return decodeSettings({ argv, annotations: new Map(), ...(await readMachineDirectory(machine, env)) });
  }
  const directory = env['LATEEN_POD_INFO_DIR'] || '/etc/istio/pod';
  const proxyConfig = await readYaml(env['PROXY_CONFIG']);
  return decodeSettings({ argv, env, labels: podInfo(`${directory}/labels`), annotations: podInfo(`${directory}/annotations`), proxyConfig });
}

/** Outside of a pod there are no such files, and that is no mistake. */
const podInfo = (path: string): Map<string, string> => parsePodInfo(readOptional(path) ?? '');

/** PROXY_CONFIG is JSON as a rule; the YAML parser is loaded only when it is not. */
async function readYaml(text: string | undefined): Promise<unknown> {
  if (!text || /^\s*\{/.test(text)) return undefined;
  const { parseYaml } = await import('./parse-yaml.ts');
  return parseYaml(text) as unknown;
}
