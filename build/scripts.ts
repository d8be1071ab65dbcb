/** A program as one classic script, of which V8's code is kept after it has run: what was called then need not be compiled when the
 * program starts. Of modules Node keeps the code of the moment they are loaded, which has next to no functions in it, and a
 * module cannot be given any other. What the program imports later stays modules. */
import { readFileSync } from 'node:fs';
import { basename, dirname, extname, relative, resolve } from 'node:path';
import { build, type BuildOptions, type Plugin } from 'esbuild';

export interface ScriptSource {
  readonly source: string;
  /** What the program imports of it. */
  readonly exports: readonly string[];
  /** Directory of the script; modules that it imports later are expected there as `NAME.js`. */
  readonly outdir: string;
}

export interface BuiltScript {
  /** Path of the script; its name has a hash of its contents. */
  readonly path: string;
  /** Modules that it imports later, by the name that it imports them by: to be built beside it. */
  readonly later: ReadonlyMap<string, string>;
}

export async function buildScript({ source, outdir }: ScriptSource, options: BuildOptions): Promise<BuiltScript> {
  const later = new Map<string, string>();
  const { metafile } = await build({
    ...options,
    entryPoints: [source],
    outdir,
    entryNames: '[name]-[hash]',
    outExtension: { '.js': '.cjs' },
    format: 'cjs',
    // `import()` in a script is an experiment of Node's; modules can be required.
    supported: { 'dynamic-import': false },
    metafile: true,
    // What load-script.ts calls.
    banner: { js: '(function (module, require, here) {' },
    footer: { js: '})' },
    define: { 'import.meta.url': 'here' },
    plugins: [importedLater(later), ...(options.plugins ?? [])],
  });
  const entry = Object.entries(metafile.outputs).find(([, output]) => output.entryPoint !== undefined);
  if (!entry) throw new Error(`${source} has become no script`);
  // The bundler escapes texts, but not what stands in regular expressions.
  const foreign = /.{0,40}[^\0-\x7f].{0,40}/.exec(readFileSync(entry[0], 'utf8'));
  if (foreign) throw new Error(`${entry[0]} is not ASCII, and is read as if it were: write an escape in ${foreign[0]}`);
  return { path: entry[0], later };
}

function importedLater(later: Map<string, string>): Plugin {
  return {
    name: 'imported-later',
    setup(builder) {
      builder.onResolve({ filter: /^[^:]*$/ }, async ({ path, kind, resolveDir, pluginData }) => {
        if (kind !== 'dynamic-import' || pluginData === importedLater) return undefined;
        // A package may be CommonJS, of which a bundler cannot tell the names.
        if (!path.startsWith('.')) throw new Error(`a script can import modules of its own later, not "${path}"`);
        const found = await builder.resolve(path, { kind, resolveDir, pluginData: importedLater });
        const name = basename(path, extname(path));
        later.set(name, found.path);
        return { path: `./${name}.js`, external: true };
      });
    },
  };
}

/** Where the source is imported by a CommonJS program, its script is loaded instead.
 * @param from directory of the file that loads it; default: that of the script */
export function scriptFor({ source, exports, outdir }: ScriptSource, script: BuiltScript, from = outdir): Plugin {
  const namespace = 'script';
  const wanted = resolve(source);
  const contents = [
    `import { loadScript } from ${JSON.stringify(resolve('build/load-script.ts'))};`,
    `export const { ${exports.join(', ')} } = loadScript(__dirname + ${JSON.stringify(`/${relative(from, script.path)}`)}).exports;`,
  ].join('\n');
  return {
    name: 'script-for',
    setup(builder) {
      builder.onResolve({ filter: /^\./ }, ({ path, resolveDir }) => (resolve(resolveDir, path) === wanted ? { path: wanted, namespace } : undefined));
      builder.onLoad({ filter: /.*/, namespace }, () => ({ contents, loader: 'js', resolveDir: dirname(wanted) }));
    },
  };
}
