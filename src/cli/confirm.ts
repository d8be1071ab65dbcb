import { createInterface } from 'node:readline/promises';
import { CliError } from './errors.ts';

/** True for `y` or `yes`.
 * @throws CliError when there is no terminal to answer on */
export async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) throw new CliError(`${question.trim()} There is no terminal to answer on; add -y.`);
  const terminal = createInterface({ input: process.stdin, output: process.stdout });
  try {
    return /^y(es)?$/i.test((await terminal.question(question)).trim());
  } finally {
    terminal.close();
  }
}
