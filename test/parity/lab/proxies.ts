/** Starts the two kinds of proxy in a place of the lab's network, as the user whose traffic is not captured. */
import { spawn, type ChildProcess } from 'node:child_process';
import { chmodSync, closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import type { WorkloadCertificate } from '../../../src/control/serve/testing/secret-service.ts';
import { environmentOf, settingsOf } from './identities.ts';
import type { Namespace } from './namespace.ts';
import { NAME_SERVER, type Place } from './network.ts';

export type Engine = 'envoy' | 'lateen';

/** Beside the real bundles, so that it finds their native add-ons. */
const BUNDLE = resolve('dist/parity-lateen.js');
const ENVOY = process.env['LATEEN_ENVOY'] ?? resolve('.cache/envoy');

export interface ProxyStart {
  readonly place: Place;
  readonly namespace: Namespace;
  /** A directory of this proxy's own. */
  readonly home: string;
  /** Unix socket of the control plane. */
  readonly controlPlane: string;
  readonly certificate: WorkloadCertificate;
}

export interface LabProxy {
  /** Where its standard output goes: the access log. */
  readonly logFile: string;
  /** What it has said on standard error. */
  errors(): string;
  /** Undefined while it runs. */
  exit(): string | undefined;
  close(): Promise<void>;
}

/** Bundles our proxy as the shipped one is bundled; once, before it is started. */
export async function bundleLateen(): Promise<void> {
  await build({
    entryPoints: [resolve(import.meta.dirname, 'lateen-main.ts')], outfile: BUNDLE, bundle: true, platform: 'node', format: 'esm', external: ['koffi'], minifySyntax: true, logLevel: 'error',
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
  });
}

export function startProxy(engine: Engine, start: ProxyStart): LabProxy {
  const { home, certificate } = start;
  mkdirSync(home, { recursive: true });
  chmodSync(home, 0o777);
  for (const [name, text] of [['certificate.pem', certificate.certificatePem], ['key.pem', certificate.keyPem], ['root.pem', certificate.rootPem]] as const) writeFileSync(join(home, name), text);
  return run(start, engine === 'envoy' ? envoyCommand(start) : [process.execPath, '--no-warnings', BUNDLE, start.place]);
}

function run({ place, namespace, home }: ProxyStart, command: readonly string[]): LabProxy {
  const logFile = join(home, 'access.log');
  const [out, err] = [openSync(logFile, 'a'), openSync(join(home, 'errors.log'), 'a')];
  // Envoy opens its standard output again, by name.
  chmodSync(logFile, 0o666);
  // In a mount namespace of its own, where names are those of network.ts.
  const withNames = ['unshare', '--mount', '--', 'sh', '-c', 'mount --bind "$0" /etc/resolv.conf && exec "$@"', resolvConf(home)];
  const asProxy = [...withNames, 'setpriv', '--pdeathsig', 'SIGKILL', '--reuid', '1337', '--regid', '1337', '--clear-groups', '--', ...command];
  const [program, ...args] = namespace.inside(asProxy);
  const child: ChildProcess = spawn(program, args, { stdio: ['ignore', out, err], env: environmentOf(place, home) });
  closeSync(out);
  closeSync(err);
  const gone = once(child, 'exit');
  return {
    logFile,
    errors: () => readFileSync(join(home, 'errors.log'), 'utf8'),
    exit: () => (child.exitCode === null && child.signalCode === null ? undefined : `${child.signalCode ?? child.exitCode}`),
    async close() {
      child.kill('SIGKILL');
      await gone;
    },
  };
}

function resolvConf(home: string): string {
  const path = join(home, 'resolv.conf');
  writeFileSync(path, `nameserver ${NAME_SERVER}\n`);
  chmodSync(path, 0o644);
  return path;
}

const overHttp2 = {
  'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': { '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions', explicit_http_config: { http2_protocol_options: {} } },
};

function envoyCommand({ place, home, controlPlane }: ProxyStart): string[] {
  const settings = settingsOf(place, environmentOf(place, home));
  const socketCluster = (name: string) => ({
    name, type: 'STATIC', connect_timeout: '2s', typed_extension_protocol_options: overHttp2,
    load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: controlPlane } } } }] }] },
  });
  const bootstrap = {
    node: { id: settings.nodeId, cluster: settings.nodeCluster, metadata: settings.metadata },
    admin: { address: { socket_address: { address: '127.0.0.1', port_value: 15_000 } } },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }] },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: { clusters: [socketCluster('xds-grpc'), socketCluster('sds-grpc')] },
  };
  const path = join(home, 'envoy.json');
  writeFileSync(path, JSON.stringify(bootstrap));
  return [ENVOY, '-c', path, '--concurrency', '1', '--log-level', 'warning', '--disable-hot-restart', '--drain-time-s', '0', '--file-flush-interval-msec', '5'];
}
