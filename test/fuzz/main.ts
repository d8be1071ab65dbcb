/** Input for everything that reads strangers' bytes, guided by what of our code it reaches.
 * `node test/fuzz/main.ts [secondsEach] [target …]`; FUZZ_SEED repeats a run. Inputs that reach something new are kept in the corpus.
 * Exits 1 on a finding, whose input is kept too: `corpus.test.ts` tries all that is kept. */
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { foundInputs, gainedInputs, keepFound, keepGained } from './corpus.ts';
import { loadTargets, MODULES, type TargetModule } from './targets.ts';
import type { Job, Report } from './worker.ts';

const DEFAULT_SECONDS = 10;
/** Beyond the time given to a target: then its thread is taken to hang. */
const PATIENCE_MS = 60_000;
const CURRENT_BYTES = (1 << 17) + 4;

/** One target in its thread; a thread that does not come back is ended, and the input in progress is the finding. */
function attempt(at: { module: TargetModule; name: string }, milliseconds: number, seed: number): Promise<Report> {
  const current = new SharedArrayBuffer(CURRENT_BYTES);
  const job: Job = { module: at.module, target: at.name, milliseconds, seed, corpus: [...foundInputs(at.name), ...gainedInputs(at.name)], current };
  const worker = new Worker(join(import.meta.dirname, 'worker.ts'), { workerData: job, execArgv: ['--no-warnings'] });
  const inProgress = () => Buffer.from(Buffer.from(current).subarray(4, 4 + (new Uint32Array(current, 0, 1)[0] ?? 0)));
  return new Promise((resolve) => {
    const finish = (report: Report) => {
      clearTimeout(timer);
      resolve(report);
      void worker.terminate();
    };
    const timer = setTimeout(() => finish({ inputs: 0, functions: 0, gained: [], finding: { input: inProgress(), message: 'it did not come to an end' } }), milliseconds + PATIENCE_MS);
    worker.once('message', finish);
    worker.once('error', (error: Error) => finish({ inputs: 0, functions: 0, gained: [], finding: { input: inProgress(), message: `outside of the call: ${error.stack ?? error.message}` } }));
  });
}

const [seconds = String(DEFAULT_SECONDS), ...wanted] = process.argv.slice(2);
const milliseconds = Number(seconds) * 1000;
if (!(milliseconds > 0)) throw new Error(`seconds for each target: a number above 0 is expected, not ${seconds}`);
const seed = Number(process.env['FUZZ_SEED'] ?? Date.now() % 1_000_000);
const loaded = await Promise.all(MODULES.map(async (module) => (await loadTargets(module)).map(({ name }) => ({ module, name }))));
const targets = loaded.flat().filter(({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)));
const findings: string[] = [];
console.log(`seed ${seed}, ${seconds} s each`);
console.log(`${'TARGET'.padEnd(26)} ${'INPUTS'.padStart(9)} ${'FUNCTIONS'.padStart(9)} ${'KEPT'.padStart(5)}  FINDINGS`);
for (const target of targets) {
  const { inputs, functions, gained, finding } = await attempt(target, milliseconds, seed);
  console.log(`${target.name.padEnd(26)} ${String(inputs).padStart(9)} ${String(functions).padStart(9)} ${String(gained.length).padStart(5)}  ${finding ? 1 : 0}`);
  if (gained.length > 0) keepGained(target.name, gained);
  if (finding) findings.push(`${target.name}: ${keepFound(target.name, finding.input)}\n${finding.message}`);
}
for (const finding of findings) console.log(`\n${finding}`);
process.exit(findings.length > 0 || targets.length === 0 ? 1 : 0);
