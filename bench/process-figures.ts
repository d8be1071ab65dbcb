/** What the kernel counted for a process and its children. */
import { readdirSync, readFileSync } from 'node:fs';
import { execFileSync } from 'node:child_process';

const TICKS_PER_SECOND = Number(execFileSync('getconf', ['CLK_TCK'], { encoding: 'utf8' }));

interface Stat {
  ppid: number;
  ticks: number;
}

function readStat(pid: number): Stat | undefined {
  try {
    // The command name, in parentheses, may contain anything: fields are counted from behind it.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8').replace(/^.*\) /s, '').split(' ');
    return { ppid: Number(fields[1]), ticks: Number(fields[11]) + Number(fields[12]) };
  } catch {
    return undefined;
  }
}

/** `pid` and every live descendant. */
export function processTree(pid: number): number[] {
  const parents = new Map<number, number[]>();
  for (const entry of readdirSync('/proc')) {
    const stat = /^\d+$/.test(entry) ? readStat(Number(entry)) : undefined;
    if (stat) parents.set(stat.ppid, [...(parents.get(stat.ppid) ?? []), Number(entry)]);
  }
  const tree = [pid];
  for (let i = 0; i < tree.length; i++) tree.push(...(parents.get(tree[i] ?? 0) ?? []));
  return tree;
}

/** CPU seconds, user and system, all threads, of the tree. */
export const cpuSeconds = (pid: number): number => processTree(pid).reduce((sum, p) => sum + (readStat(p)?.ticks ?? 0), 0) / TICKS_PER_SECOND;

/** How much of the machine's time somebody else has had since this was called: the answer to the call of what it returns, 0 to 1. */
export function watchSteal(): () => number {
  const read = () => {
    const ticks = (/^cpu\s+(.*)$/m.exec(readFileSync('/proc/stat', 'utf8'))?.[1] ?? '').split(' ').slice(0, 8).map(Number);
    // user nice system idle iowait irq softirq steal
    return { stolen: ticks[7] ?? 0, all: ticks.reduce((sum, n) => sum + n, 0) };
  };
  const before = read();
  return () => {
    const now = read();
    return now.all === before.all ? 0 : (now.stolen - before.stolen) / (now.all - before.all);
  };
}

/** Proportional set size of the tree, in MB. */
export function pssMegabytes(pid: number): number {
  return processTree(pid).reduce((sum, p) => {
    try {
      return sum + Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${p}/smaps_rollup`, 'utf8'))?.[1] ?? 0) / 1024;
    } catch {
      return sum;
    }
  }, 0);
}
