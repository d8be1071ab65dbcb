/** For tests: a real Envoy that takes its configuration from a server of ours. */
import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { request } from 'node:http';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';

/** The binary that LATEEN_ENVOY names, or the first `envoy` on PATH. */
export function findEnvoy(): string | undefined {
  const named = process.env['LATEEN_ENVOY'];
  if (named) return named;
  return (process.env['PATH'] ?? '').split(delimiter).map((dir) => join(dir, 'envoy')).find((path) => existsSync(path));
}

export interface EnvoyOptions {
  binary: string;
  /** Unix socket of the server for ADS and SDS. */
  socket: string;
  node: { id: string; metadata: Record<string, unknown> };
}

export interface RunningEnvoy {
  /** What it has written so far. */
  log(): string;
  /** A page of its administration, `/config_dump`. */
  admin(path: string): Promise<string>;
  /** True when it has ended by itself. */
  ended(): boolean;
  close(): Promise<void>;
}

const socketCluster = (name: string, socket: string) => ({
  name,
  type: 'STATIC',
  connect_timeout: '2s',
  typed_extension_protocol_options: {
    'envoy.extensions.upstreams.http.v3.HttpProtocolOptions': {
      '@type': 'type.googleapis.com/envoy.extensions.upstreams.http.v3.HttpProtocolOptions',
      explicit_http_config: { http2_protocol_options: {} },
    },
  },
  load_assignment: { cluster_name: name, endpoints: [{ lb_endpoints: [{ endpoint: { address: { pipe: { path: socket } } } }] }] },
});

/** Runs in a network of its own, so that its fixed ports meet nobody else's. */
export function startEnvoy(options: EnvoyOptions): RunningEnvoy {
  const dir = mkdtempSync(join(tmpdir(), 'lateen-envoy-'));
  const path = join(dir, 'bootstrap.json');
  const bootstrap = {
    node: { ...options.node, cluster: 'test' },
    admin: { address: { pipe: { path: join(dir, 'admin.sock') } } },
    dynamic_resources: {
      ads_config: { api_type: 'DELTA_GRPC', transport_api_version: 'V3', grpc_services: [{ envoy_grpc: { cluster_name: 'xds-grpc' } }] },
      cds_config: { ads: {}, resource_api_version: 'V3' },
      lds_config: { ads: {}, resource_api_version: 'V3' },
    },
    static_resources: { clusters: [socketCluster('xds-grpc', options.socket), socketCluster('sds-grpc', options.socket)] },
  };
  writeFileSync(path, JSON.stringify(bootstrap));
  const args = ['--config-path', path, '--concurrency', '1', '--log-level', 'warning', '--disable-hot-restart'];
  // Envoy opens /dev/stdout for access logs, which is not possible when it is a socket, as Node's pipes are.
  const stdio: ['ignore', 'ignore', 'pipe'] = ['ignore', 'ignore', 'pipe'];
  const child: ChildProcess = canUnshare() ? spawn('unshare', ['--net', 'sh', '-c', 'ip link set lo up; exec "$@"', 'sh', options.binary, ...args], { stdio }) : spawn(options.binary, args, { stdio });
  let text = '';
  let hasEnded = false;
  child.stderr?.on('data', (chunk: Buffer) => void (text += chunk.toString()));
  child.on('exit', () => void (hasEnded = true));
  return {
    log: () => text,
    admin: (page) => get(join(dir, 'admin.sock'), page),
    ended: () => hasEnded,
    close: () =>
      new Promise((resolve) => {
        const done = () => {
          rmSync(dir, { recursive: true, force: true });
          resolve();
        };
        if (hasEnded) return done();
        child.once('exit', done);
        child.kill('SIGKILL');
      }),
  };
}

function get(socketPath: string, path: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const call = request({ socketPath, path }, (response) => {
      let body = '';
      response.on('data', (chunk: Buffer) => void (body += chunk.toString()));
      response.on('end', () => resolve(body));
    });
    call.on('error', reject);
    call.end();
  });
}

const canUnshare = (): boolean => spawnSync('unshare', ['--net', 'true']).status === 0;
