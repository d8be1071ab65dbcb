/** Terminals of commands in containers. util-linux `script` makes the terminal inside the container; its size is set from
 * here, through the container's own /dev/pts. */
import { execFile } from 'node:child_process';
import { readlinkSync } from 'node:fs';
import { childrenOf } from './processes.ts';
import { quote } from './launch-command.ts';

const TRIES = 20;
const RETRY_MS = 50;

/** `-e` carries the exit code of the command. */
export const inTerminal = (command: readonly string[]): string[] => ['script', '-q', '-e', '-c', command.map(quote).join(' '), '/dev/null'];

/** Sets the size of the terminal below this `nsenter` process, as soon as there is one. A program in it gets SIGWINCH. */
export function resizeTerminal(nsenterPid: number | undefined, size: { columns: number; rows: number }, tries = TRIES): void {
  const device = terminalBelow(nsenterPid);
  if (device !== undefined) {
    // It may end at this very moment; then there is nothing to resize.
    execFile('stty', ['-F', device, 'rows', String(size.rows), 'cols', String(size.columns)], () => {});
  } else if (tries > 0) {
    setTimeout(() => resizeTerminal(nsenterPid, size, tries - 1), RETRY_MS).unref();
  }
}

/** nsenter → script → the command, whose standard input is the terminal. */
function terminalBelow(nsenterPid: number | undefined): string | undefined {
  const [script] = childrenOf(nsenterPid);
  const [command] = script === undefined ? [] : childrenOf(script);
  if (command === undefined) return undefined;
  try {
    const terminal = readlinkSync(`/proc/${command}/fd/0`);
    return terminal.startsWith('/dev/pts/') ? `/proc/${command}/root${terminal}` : undefined;
  } catch {
    // Not yet, or no longer.
    return undefined;
  }
}
