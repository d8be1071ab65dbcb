/** Random input for everything that reads strangers' bytes.
 * `node test/fuzz/main.ts [secondsEach] [target …]`; FUZZ_SEED repeats a run. Exits 1 on a finding, and keeps its input in the corpus. */
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { loadTargets } from './targets.ts';
import type { Target } from './target.ts';
import type { Job, Report } from './worker.ts';

const CORPUS = join(import.meta.dirname, 'corpus');
const DEFAULT_SECONDS = 10;
/** Beyond the time given to a target: then its thread is taken to hang. */
const PATIENCE_MS = 15_000;
const CURRENT_BYTES = (1 << 17) + 4;

function corpusOf(name: string): Buffer[] {
  try {
    const folder = join(CORPUS, name);
    return readdirSync(folder).sort().map((file) => readFileSync(join(folder, file)));
  } catch {
    // Nothing was ever found here.
    return [];
  }
}

/** One target in its thread; a thread that does not come back is ended, and the input in progress is the finding. */
function attempt(target: Target, milliseconds: number, seed: number): Promise<Report> {
  const current = new SharedArrayBuffer(CURRENT_BYTES);
  const job: Job = { target: target.name, milliseconds, seed, corpus: corpusOf(target.name), current };
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), { workerData: job, execArgv: ['--no-warnings'] });
  const inProgress = () => Buffer.from(Buffer.from(current).subarray(4, 4 + (new Uint32Array(current, 0, 1)[0] ?? 0)));
  return new Promise((resolve) => {
    const finish = (report: Report) => {
      clearTimeout(timer);
      resolve(report);
      void worker.terminate();
    };
    const timer = setTimeout(() => finish({ inputs: 0, finding: { input: inProgress(), message: 'it did not come to an end' } }), milliseconds + PATIENCE_MS);
    worker.once('message', finish);
    worker.once('error', (error: Error) => finish({ inputs: 0, finding: { input: inProgress(), message: `outside of the call: ${error.stack ?? error.message}` } }));
  });
}

function keep(name: string, input: Uint8Array): string {
  const folder = join(CORPUS, name);
  mkdirSync(folder, { recursive: true });
  const file = join(folder, createHash('sha256').update(input).digest('hex').slice(0, 16));
  writeFileSync(file, input);
  return file;
}

const [seconds = String(DEFAULT_SECONDS), ...wanted] = process.argv.slice(2);
const milliseconds = Number(seconds) * 1000;
if (!(milliseconds > 0)) throw new Error(`seconds for each target: a number above 0 is expected, not ${seconds}`);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);
const targets = (await loadTargets()).filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const findings: string[] = [];
console.log(`seed ${seed}, ${seconds} s each`);
console.log(`${'TARGET'.padEnd(26)} ${'INPUTS'.padStart(9)}  FINDINGS`);
for (const target of targets) {
  const { inputs, finding } = await attempt(target, milliseconds, seed);
  console.log(`${target.name.padEnd(26)} ${String(inputs).padStart(9)}  ${finding ? 1 : 0}`);
  if (finding) findings.push(`${target.name}: ${keep(target.name, finding.input)}\n${finding.message}`);
}
for (const finding of findings) console.log(`\n${finding}`);
process.exit(findings.length > 0 || targets.length === 0 ? 1 : 0);
