/** Which processor a process may use, and before whom. With two or more, the proxy has the first to itself, and everybody else the others: what an attacker's work
 * costs, and that of strangers on the machine, is then not the proxy's. Proxy, upstream and well-behaved client run whenever they want to (SCHED_RR). */
import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { processTree } from '../process-figures.ts';

const COUNT = cpus().length;
export const PROXY = '0';
export const OTHERS = COUNT > 2 ? `1-${COUNT - 1}` : '1';
/** Every processor. */
export const PROCESSORS = cpus().map((_, i) => String(i));
/** Of those that may not wait, and of those who watch whether they do. */
const PRECEDENCE = '2';
const UTMOST = '99';

/** A process, those that it started, and those that it will start. */
export function place(pid: number, processors: string): void {
  if (COUNT > 1) for (const each of processTree(pid)) execFileSync('taskset', ['-a', '-p', '-c', processors, String(each)]);
}

/** To all threads that serve. What V8 compiles and collects beside them it does on the other processors: with the same precedence on the same processor it would
 * hold them up for as long as it takes, and with less they would wait for it in vain. */
export function givePrecedence(pid: number): void {
  for (const each of processTree(pid)) {
    for (const thread of readdirSync(`/proc/${each}/task`)) {
      if (!readFileSync(`/proc/${each}/task/${thread}/comm`, 'utf8').includes('V8Worker')) setPrecedence(thread, PRECEDENCE);
      else if (COUNT > 1) execFileSync('taskset', ['-p', '-c', OTHERS, thread]);
    }
  }
}

export function giveUtmostPrecedence(pid: number): void {
  setPrecedence(String(pid), UTMOST);
}

function setPrecedence(thread: string, precedence: string): void {
  execFileSync('chrt', ['-r', '-p', precedence, thread]);
}
