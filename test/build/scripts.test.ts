import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { globSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { build, type BuildOptions } from 'esbuild';
import { builtins } from '../../build/builtins.ts';
import { buildScript, scriptFor } from '../../build/scripts.ts';
import { sidecarImage } from '../../build/sidecar-image.ts';

test('a program loads its script, and what the script imports later, from beside it', async (t) => {
  const home = mkdtempSync(join(tmpdir(), 'lateen-scripts-'));
  t.after(() => rmSync(home, { recursive: true, force: true }));
  const file = (name: string, text: string) => writeFileSync(join(home, name), text);
  file('main.ts', `import('./run.ts').then(({ run }) => run(2));`);
  file('run.ts', `import { existsSync } from 'node:fs'; export async function run(n: number) { const { twice } = await import('./twice.ts'); console.log(twice(n), existsSync(new URL(import.meta.url))); }`);
  file('twice.ts', `export const twice = (n: number): number => 2 * n;`);
  const options: BuildOptions = { bundle: true, platform: 'node', format: 'esm', plugins: [builtins] };
  const source = { source: join(home, 'run.ts'), exports: ['run'], outdir: join(home, 'out/parts') };
  const script = await buildScript(source, options);
  assert.deepEqual([...script.later.keys()], ['twice']);
  await build({ ...options, entryPoints: { 'parts/twice': join(home, 'twice.ts') }, outdir: join(home, 'out') });
  await build({ ...options, entryPoints: { main: join(home, 'main.ts') }, outdir: join(home, 'out'), format: 'cjs', outExtension: { '.js': '.cjs' }, plugins: [scriptFor(source, script, join(home, 'out')), builtins] });
  writeFileSync(join(home, 'out/package.json'), '{"type":"module"}');
  assert.equal(execFileSync(process.execPath, [join(home, 'out/main.cjs')], { encoding: 'utf8' }), '4 true\n');
});

test('V8 takes the code that the build kept, with the flags that sidecars are started with', () => {
  const [script, ...others] = globSync('dist/parts/proxy/run-*.cjs');
  assert.ok(script !== undefined && others.length === 0, 'the proxy is built, once');
  const look = `const source = fs.readFileSync(process.argv[1], 'utf8'); const cachedData = fs.readFileSync(process.argv[1] + '.code'); console.log(new vm.Script(source, { filename: process.argv[1], cachedData }).cachedDataRejected)`;
  assert.equal(execFileSync(process.execPath, [...sidecarImage().flags, '--eval', look, script], { encoding: 'utf8' }), 'false\n');
  assert.ok(readFileSync(`${script}.code`).length > 500_000, 'functions are in it');
});
