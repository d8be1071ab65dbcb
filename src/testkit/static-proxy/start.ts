/** Starts the static proxy, or Envoy, with the same resources. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { build } from 'esbuild';
import { startServer, type ServerProcess } from '../server-process.ts';
import { sidecarImage } from '../../../build/sidecar-image.ts';

export interface StaticResources {
  /** JSON forms of envoy.config.listener.v3.Listener and envoy.config.cluster.v3.Cluster. */
  listeners: object[];
  clusters: object[];
}

/** Beside the real bundles, so that it finds their native add-ons. */
const BUNDLE = resolve('dist/static-proxy.js');
const ENVOY = process.env['LATEEN_ENVOY'] ?? resolve('.cache/envoy');

/** Bundles the static proxy as the sidecar is bundled; once before it is started. */
export async function bundleStaticProxy(): Promise<void> {
  await build({
    entryPoints: [resolve(import.meta.dirname, 'main.ts')], outfile: BUNDLE, bundle: true, platform: 'node', format: 'esm', external: ['koffi'], minifySyntax: true, logLevel: 'error',
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
  });
}

/** With the flags of the shipped sidecar, which decide how much memory it takes and how often it collects garbage.
 * @param env e.g. `TELEMETRY` */
export function startStaticProxy(home: string, resources: StaticResources, port: number, env: Readonly<Record<string, string>> = {}): Promise<ServerProcess> {
  return startServer(process.execPath, ['--no-warnings', ...sidecarImage().flags, BUNDLE, write(home, 'lateen.json', resources)], port, { ...env, MALLOC_ARENA_MAX: sidecarImage().env['MALLOC_ARENA_MAX'] ?? '' });
}

/** @param baseId keeps two Envoys on one machine apart */
export function startEnvoy(home: string, resources: StaticResources, port: number, baseId = 90): Promise<ServerProcess> {
  const file = write(home, 'envoy.json', { static_resources: resources });
  return startServer(ENVOY, ['-c', file, '--concurrency', '1', '--base-id', String(baseId), '--log-level', 'error', '--disable-hot-restart', '--file-flush-interval-msec', '20'], port);
}

function write(home: string, name: string, content: object): string {
  mkdirSync(home, { recursive: true });
  const file = join(home, name);
  writeFileSync(file, JSON.stringify(content));
  return file;
}
