/** What V8 made of our code once, kept beside the bundles: a process that finds it there need not compile again. It is a third
 * of a program's start, and a cluster starts dozens. A cache that is missing, unreadable or of another Node costs only time.
 * Node: module.enableCompileCache, in its portable form (pods see the bundles at another path than the machine does). */
import { spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { sidecarImage } from './sidecar-image.ts';

const DIST = 'dist';
const CACHE = join(DIST, 'compile-cache');

/** Those of the proxy's image: V8 takes no cache that was made with others. */
const SIDECAR_FLAGS = sidecarImage().flags;
/** Command lines that load all of a program's code and end at once: they ask for help, or lack what the program cannot do
 * without (a channel to a parent, a valid flag, a kubeconfig). Flags of Node are those that the program is started with: V8
 * keeps a cache for each set of them. */
const PROGRAMS: readonly (readonly string[])[] = [
  ['--no-warnings', 'cli.js', '--help'],
  ['--max-semi-space-size=1', 'host.js'],
  ['cluster.js'],
  ['--max-semi-space-size=1', 'publish.js'],
  ['control.js', '--kubeconfig=/nonexistent'],
  [...SIDECAR_FLAGS, 'proxy.cjs', 'proxy', 'none'],
  [...SIDECAR_FLAGS, 'proxy.cjs', 'istio-iptables', '--help'],
  ['proxy.cjs', 'istio-iptables', '--help'],
  ['agent.js', 'proxy', 'none'],
  ['capture.js', '--help'],
  ['observe.js', '--no-such-flag'],
  ['console.js'],
];
const TIMEOUT_MS = 20_000;

export function fillCompileCache(): void {
  rmSync(CACHE, { recursive: true, force: true });
  mkdirSync(CACHE, { recursive: true });
  const env = { NODE_COMPILE_CACHE: resolve(CACHE), NODE_COMPILE_CACHE_PORTABLE: '1', PATH: process.env['PATH'], KUBECONFIG: '/nonexistent', HOME: '/nonexistent' };
  for (const words of PROGRAMS) {
    const [bundle] = words.filter((word) => word.endsWith('js'));
    if (bundle && existsSync(join(DIST, bundle))) spawnSync(process.execPath, [...words], { cwd: DIST, env, stdio: 'ignore', timeout: TIMEOUT_MS });
  }
  // Node writes for its own user only; sidecars run as another.
  for (const entry of readdirSync(CACHE, { recursive: true, withFileTypes: true })) chmodSync(join(entry.parentPath, entry.name), entry.isDirectory() ? 0o755 : 0o644);
}

/** Of the proxy's script more is kept: see rehearsal.ts. */
export function rehearse(script: string): void {
  const { status } = spawnSync(process.execPath, ['--no-warnings', ...SIDECAR_FLAGS, 'build/rehearsal.ts', script], { env: { PATH: process.env['PATH'] }, stdio: ['ignore', 'ignore', 'inherit'], timeout: TIMEOUT_MS });
  if (status !== 0) process.stderr.write('the proxy could not be rehearsed: sidecars will take longer to start\n');
}
