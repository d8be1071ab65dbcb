/** Bundles: one file for each thing that is started, so that a sidecar loads only its own code. */
import { cpSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { build } from 'esbuild';

const ENTRIES: Readonly<Record<string, string>> = {
  cli: 'src/cli/main.ts',
  cluster: 'src/cluster/main.ts',
  host: 'src/cluster/host/main.ts',
  publish: 'src/cluster/network/publish-main.ts',
  control: 'src/control/main.ts',
  proxy: 'src/proxy/main.ts',
  capture: 'src/proxy/capture/main.ts',
  observe: 'src/observe/main.ts',
  console: 'src/console/main.ts',
  'apps/bookinfo-details': 'samples/apps/bookinfo/details.ts',
  'apps/bookinfo-ratings': 'samples/apps/bookinfo/ratings.ts',
  'apps/bookinfo-reviews': 'samples/apps/bookinfo/reviews.ts',
  'apps/bookinfo-productpage': 'samples/apps/bookinfo/productpage.ts',
  'apps/helloworld': 'samples/apps/helloworld/main.ts',
  'apps/tcp-echo': 'samples/apps/tcp-echo/main.ts',
  'apps/httpbin': 'samples/apps/httpbin/main.ts',
};

/** Native add-ons stay packages: they are copied beside the bundles. */
const NATIVE = ['koffi', '@koromix'];

export async function buildBundles(): Promise<void> {
  const entryPoints = Object.fromEntries(Object.entries(ENTRIES).filter(([, source]) => existsSync(source)));
  await build({
    entryPoints,
    outdir: 'dist',
    bundle: true,
    platform: 'node',
    target: 'node24',
    format: 'esm',
    minifySyntax: true,
    minifyWhitespace: true,
    keepNames: false,
    legalComments: 'none',
    sourcemap: 'linked',
    sourcesContent: false,
    external: ['koffi'],
    // CommonJS dependencies (gRPC) call require() for Node's own modules.
    banner: { js: "import { createRequire as makeRequire } from 'node:module'; const require = makeRequire(import.meta.url);" },
    logLevel: 'warning',
  });
  for (const name of NATIVE) {
    rmSync(`dist/node_modules/${name}`, { recursive: true, force: true });
    mkdirSync('dist/node_modules', { recursive: true });
    if (existsSync(`node_modules/${name}`)) cpSync(`node_modules/${name}`, `dist/node_modules/${name}`, { recursive: true, filter: (path) => !/koffi\/(doc|src|vendor)(\/|$)/.test(path) });
  }
}
