/** Running the machine's programs. Output is small (ip, nft, mount), so it is kept whole. */
import { spawn } from 'node:child_process';
import { CommandError } from './errors.ts';

export type RunCommand = (argv: readonly [string, ...string[]], input?: string) => Promise<string>;

/** Runs a program to its end, with `input` on its standard input, and returns its standard output.
 * @throws CommandError with the end of its standard error when it does not exit with 0 */
export const runCommand: RunCommand = (argv, input) =>
  new Promise((resolve, reject) => {
    const [program, ...args] = argv;
    const child = spawn(program, args, { stdio: [input === undefined ? 'ignore' : 'pipe', 'pipe', 'pipe'] });
    const out: Buffer[] = [];
    const err: Buffer[] = [];
    child.stdout?.on('data', (chunk: Buffer) => out.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => err.push(chunk));
    child.once('error', (cause) => reject(new CommandError(argv, cause.message, cause)));
    child.once('close', (code, signal) => {
      if (code === 0) return resolve(Buffer.concat(out).toString('utf8'));
      const said = Buffer.concat(err).toString('utf8').trim().slice(-2000);
      reject(new CommandError(argv, said === '' ? `ended by ${signal ?? `exit code ${code}`}` : said));
    });
    // A program that ends without reading its input closes the pipe; its exit code tells the story.
    child.stdin?.on('error', () => {});
    child.stdin?.end(input);
  });
