/** What a machine outside of Kubernetes is told by the files that `experimental workload entry configure` writes, in the place of what a pod
 * is told by its template. Read where `--machine DIR` says so. */
import { createSocket } from 'node:dgram';
import { readFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { parseClusterEnv } from './cluster-env.ts';
import { parseYaml } from './parse-yaml.ts';
import { BootstrapError } from './settings.ts';
import { asObject, type Environment } from './sources.ts';

export interface MachineTold {
  readonly env: Environment;
  readonly labels: ReadonlyMap<string, string>;
  readonly proxyConfig: unknown;
}

/** @param env goes before what the files say @throws BootstrapError when a file is not there */
export async function readMachineDirectory(directory: string, env: Environment): Promise<MachineTold> {
  const [variables, mesh] = ['cluster.env', 'mesh.yaml'].map((name) => required(join(directory, name)));
  const set = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== undefined && value !== ''));
  const told = { ...parseClusterEnv(variables ?? ''), ...set };
  const proxyConfig = asObject(asObject(parseYaml(mesh ?? ''))['defaultConfig']);
  const known: Environment = {
    POD_NAME: hostname(),
    LATEEN_TOKEN_FILE: join(directory, 'istio-token'),
    XDS_ROOT_CA: join(directory, 'root-cert.pem'),
    LATEEN_DATA_DIR: join(directory, 'data'),
    INSTANCE_IP: told['ISTIO_SVC_IP'],
    ...told,
  };
  return {
    env: known['INSTANCE_IP'] ? known : { ...known, INSTANCE_IP: await addressTowards(proxyConfig['discoveryAddress']) },
    labels: labelsOf(told['ISTIO_METAJSON_LABELS'] ?? '{}'),
    proxyConfig,
  };
}

function required(path: string): string {
  try {
    return readFileSync(path, 'utf8');
  } catch (cause) {
    throw new BootstrapError([`cannot read ${path} (${cause instanceof Error ? cause.message : String(cause)}); make it by: lateen experimental workload entry configure`]);
  }
}

function labelsOf(json: string): Map<string, string> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new BootstrapError([`ISTIO_METAJSON_LABELS is not JSON: ${cause instanceof Error ? cause.message : String(cause)}`]);
  }
  return new Map(Object.entries(asObject(value)).map(([key, text]) => [key, String(text)]));
}

/** The address with which this machine speaks to the control plane; nothing is sent. Undefined: its name or the way there is not known. */
function addressTowards(discovery: unknown): Promise<string | undefined> {
  const [, host, port] = /^(.*):(\d+)$/.exec(typeof discovery === 'string' ? discovery : '') ?? [];
  if (host === undefined) return Promise.resolve(undefined);
  const socket = createSocket('udp4');
  return new Promise((resolve) => {
    const done = (address: string | undefined) => {
      socket.close();
      resolve(address);
    };
    socket.once('error', () => done(undefined));
    socket.connect(Number(port), host, () => done(socket.address().address));
  });
}
