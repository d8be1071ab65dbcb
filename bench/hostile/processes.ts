/** The other processes of the hostile row: the client that means well, the attacker, and who watches the machine. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Measured } from './good-client.ts';
import { giveUtmostPrecedence, place } from './placing.ts';

const CLIENT = join(import.meta.dirname, 'good-client.ts');
const ATTACKER = join(import.meta.dirname, 'attacker.ts');
const WITNESS = join(import.meta.dirname, 'witness.ts');

export interface GoodClient {
  readonly pid: number;
  measure(seconds: number): Promise<Measured>;
  end(): void;
}

/** V8 does everything in the thread that serves: beside it, it would wait for a processor that the thread itself holds. */
export function startGoodClient(port: number, perSecond: number, connections: number): GoodClient {
  const child = spawn(process.execPath, ['--no-warnings', '--single-threaded', CLIENT, String(port), String(perSecond), String(connections)], { stdio: ['pipe', 'pipe', 'inherit'] });
  const lines = createInterface({ input: child.stdout });
  return {
    pid: child.pid ?? 0,
    async measure(seconds) {
      child.stdin.write(`${seconds}\n`);
      const [line] = (await once(lines, 'line')) as [string];
      // Written by `good-client.ts`.
      return JSON.parse(line) as Measured;
    },
    end: () => child.stdin.end(),
  };
}

export interface Attacker {
  /** When all of its connections have been made once, or after `mostMs`. */
  ready(mostMs: number): Promise<void>;
  /** Stops it. @returns how many connections it made again, since the ones before had ended */
  end(): Promise<number>;
}

/** It has the scheduling class of what may run when nobody else wants to (SCHED_IDLE): it would have a machine of its own. */
export function startAttacker(name: string, port: number, seconds: number): Attacker {
  const child = spawn('chrt', ['--idle', '0', process.execPath, '--no-warnings', ATTACKER, name, String(port), String(seconds)], { stdio: ['ignore', 'pipe', 'inherit'] });
  let output = '';
  const isReady = Promise.withResolvers<void>();
  child.stdout.on('data', (chunk: Buffer) => {
    output += chunk.toString();
    if (output.includes('ready')) isReady.resolve();
  });
  const exited = exitOf(child);
  return {
    ready: (mostMs) => Promise.race([isReady.promise, exited, new Promise<void>((resolve) => setTimeout(resolve, mostMs))]),
    async end() {
      child.kill('SIGTERM');
      await exited;
      return Number(/\d+/.exec(output)?.[0] ?? 0);
    },
  };
}

/** When nobody could run on a processor: ms of `nowMs`. */
export interface Gap {
  readonly from: number;
  readonly to: number;
}

export interface Witness {
  /** Since it was asked last, in their order. */
  gaps(): Gap[];
  end(): void;
}

export function startWitness(processor: string): Witness {
  const child = spawn(process.execPath, ['--no-warnings', WITNESS], { stdio: ['ignore', 'pipe', 'inherit'] });
  const pid = child.pid ?? 0;
  place(pid, processor);
  giveUtmostPrecedence(pid);
  const gaps: Gap[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => {
    const [from = 0, to = 0] = line.split(' ').map(Number);
    gaps.push({ from, to });
  });
  return { gaps: () => gaps.splice(0), end: () => void child.kill() };
}

const exitOf = (child: ChildProcess): Promise<void> => new Promise((resolve) => void child.once('close', () => resolve()));
