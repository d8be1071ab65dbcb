/** Bundles: one file for each thing that is started, so that a sidecar loads only its own code. */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { build, type BuildOptions } from 'esbuild';
import { builtins } from './builtins.ts';
import { DESCRIPTORS, GENERATED } from './protos.ts';
import { buildScript, scriptFor } from './scripts.ts';

const ENTRIES: Readonly<Record<string, string>> = {
  cli: 'src/cli/main.ts',
  cluster: 'src/cluster/main.ts',
  host: 'src/cluster/host/main.ts',
  publish: 'src/cluster/network/publish-main.ts',
  control: 'src/control/main.ts',
  proxy: 'src/proxy/main.ts',
  capture: 'src/proxy/capture/main.ts',
  agent: 'src/agent/main.ts',
  observe: 'src/observe/main.ts',
  console: 'src/console/main.ts',
  'apps/bookinfo-details': 'samples/apps/bookinfo/details.ts',
  'apps/bookinfo-ratings': 'samples/apps/bookinfo/ratings.ts',
  'apps/bookinfo-reviews': 'samples/apps/bookinfo/reviews.ts',
  'apps/bookinfo-productpage': 'samples/apps/bookinfo/productpage.ts',
  'apps/helloworld': 'samples/apps/helloworld/main.ts',
  'apps/tcp-echo': 'samples/apps/tcp-echo/main.ts',
  'apps/httpbin': 'samples/apps/httpbin/main.ts',
  'apps/traffic-server': 'samples/apps/traffic/server.ts',
  'apps/traffic-client': 'samples/apps/traffic/client.ts',
};

/** Native add-ons, and what a proxy loads only when it must, stay packages: they are copied beside the bundles. */
const PACKAGES = ['koffi', '@koromix', 're2js'];

const OPTIONS: BuildOptions = {
  outdir: 'dist',
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'esm',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  sourcemap: 'linked',
  sourcesContent: false,
  external: ['koffi'],
  // CommonJS dependencies (gRPC) call require() for Node's own modules.
  banner: { js: "const require = process.getBuiltinModule('module').createRequire(import.meta.url);" },
  plugins: [builtins],
  logLevel: 'warning',
};

/** Its image runs several small programs besides the agent (capture, probes): each loads only its own part. */
const SPLIT = ['agent'];

/** The proxy itself. */
const PROXY = { source: 'src/proxy/run.ts', exports: ['runProxy'], outdir: 'dist/parts/proxy' };

export async function buildBundles(): Promise<{ readonly proxyScript: string }> {
  const present = Object.entries(ENTRIES).filter(([, source]) => existsSync(source));
  rmSync('dist/parts', { recursive: true, force: true });
  const some = (has: (name: string) => boolean) => Object.fromEntries(present.filter(([name]) => has(name)));
  const proxy = await buildScript(PROXY, OPTIONS);
  const later = Object.fromEntries(Array.from(proxy.later, ([name, source]) => [`parts/proxy/${name}`, source]));
  // Each by itself: what one has in common with the other must not cut it into more files.
  const split = (name: string, entryPoints: Readonly<Record<string, string>>) => build({ ...OPTIONS, entryPoints, splitting: true, chunkNames: `parts/${name}/[name]-[hash]` });
  await Promise.all([
    build({ ...OPTIONS, entryPoints: some((name) => name !== 'proxy' && !SPLIT.includes(name)) }),
    // One file with all the small programs of its image: each file more takes a sidecar a millisecond to begin, and they are small beside the script.
    // CommonJS, which Node begins 2 ms sooner than an ES module.
    build({ ...OPTIONS, entryPoints: some((name) => name === 'proxy'), format: 'cjs', outExtension: { '.js': '.cjs' }, banner: {}, plugins: [scriptFor(PROXY, proxy, 'dist'), builtins] }),
    split('proxy', later),
    ...SPLIT.map((name) => split(name, some((other) => other === name))),
  ]);
  cpSync(join(GENERATED, DESCRIPTORS), join('dist', DESCRIPTORS));
  for (const name of PACKAGES) {
    rmSync(`dist/node_modules/${name}`, { recursive: true, force: true });
    mkdirSync('dist/node_modules', { recursive: true });
    if (existsSync(`node_modules/${name}`)) cpSync(`node_modules/${name}`, `dist/node_modules/${name}`, { recursive: true, filter: (path) => !/koffi\/(doc|vendor)(\/|$)|re2js\/build\/index\.(d\.c?ts|js|umd\.js)$/.test(path) });
  }
  return { proxyScript: proxy.path };
}
