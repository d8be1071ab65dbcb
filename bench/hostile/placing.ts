/** Which processor a process may use, and before whom. With two or more, the proxy has the first to itself, and everybody else the others: what an attacker's work
 * costs, and that of strangers on the machine, is then not the proxy's. Proxy, upstream and well-behaved client run whenever they want to (SCHED_RR). */
import { execFileSync } from 'node:child_process';
import { cpus } from 'node:os';
import { processTree } from '../process-figures.ts';

const COUNT = cpus().length;
export const PROXY = '0';
export const OTHERS = COUNT > 2 ? `1-${COUNT - 1}` : '1';
/** Of those that may not wait. */
const PRECEDENCE = '2';

/** A process, those that it started, and those that it will start. */
export function place(pid: number, processors: string): void {
  if (COUNT > 1) for (const each of processTree(pid)) execFileSync('taskset', ['-a', '-p', '-c', processors, String(each)]);
}

export function givePrecedence(pid: number): void {
  for (const each of processTree(pid)) execFileSync('chrt', ['-a', '-r', '-p', PRECEDENCE, String(each)]);
}
