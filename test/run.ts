/** Runs every test: unit files side by side, then the ones that own the machine (clusters, namespaces, peers) one after
 * another. `node test/run.ts [pattern …]` runs the files whose path contains a pattern. */
import { existsSync, globSync } from 'node:fs';
import { resolve } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';

// Real peers as the set-up has put them there; a path in the environment wins.
for (const [name, path] of [['LATEEN_ENVOY', '.cache/envoy'], ['LATEEN_KUBECTL', '.cache/kubectl']] as const) {
  if (process.env[name] === undefined && existsSync(path)) process.env[name] = resolve(path);
}

const patterns = process.argv.slice(2);
const chosen = (files: string[]) => files.filter((file) => patterns.length === 0 || patterns.some((pattern) => file.includes(pattern))).sort();
const all = globSync(['bench/**/*.test.ts', 'src/**/*.test.ts', 'samples/**/*.test.ts', 'test/**/*.test.ts', 'console/**/*.test.ts'], { exclude: (name) => name === 'node_modules' });
const isSerial = (file: string) => /\.(integration|e2e)\.test\.ts$/.test(file);

const totals = { passed: 0, failed: 0, skipped: 0 };
const failures: string[] = [];
const skips: string[] = [];
const started = performance.now();

async function phase(files: string[], concurrency: number): Promise<void> {
  if (files.length === 0) return;
  const stream = run({ files, concurrency, timeout: 15 * 60_000, execArgv: ['--no-warnings'] });
  stream.on('test:pass', (event) => {
    if (event.details.type === 'suite') return;
    if (event.skip === undefined && event.todo === undefined) {
      totals.passed++;
      return;
    }
    totals.skipped++;
    skips.push(`${event.file ?? ''}: ${event.name}${typeof event.skip === 'string' ? `: ${event.skip}` : ''}`);
  });
  stream.on('test:fail', (event) => {
    if (event.details.type === 'suite') return;
    totals.failed++;
    failures.push(`${event.file ?? ''}: ${event.name}${reasonOf(event.details.error)}`);
  });
  const text = stream.compose(new spec());
  for await (const part of text) process.stdout.write(part as string);
}

/** The first lines of what a test failed with, so that the end of the output says what went wrong; none of one that failed by a part of it. */
function reasonOf(error: Error & { failureType?: string }): string {
  if (error.failureType === 'subtestsFailed') return '';
  const text = error.cause instanceof Error ? error.cause.message : String(error.cause ?? error.message);
  return text.split('\n').filter((line) => line.trim() !== '').slice(0, 8).map((line) => `\n  ${line.slice(0, 300)}`).join('');
}

await phase(chosen(all.filter((file) => !isSerial(file))), 2);
await phase(chosen(all.filter(isSerial)), 1);

for (const skip of skips) console.log(`skipped: ${skip}`);
for (const failure of failures) console.log(`failed: ${failure}`);
console.log(`${((performance.now() - started) / 1000).toFixed(0)} s`);
console.log(`${totals.passed} passed, ${totals.failed} failed, ${totals.skipped} skipped`);
process.exit(totals.failed === 0 && totals.passed > 0 ? 0 : 1);
