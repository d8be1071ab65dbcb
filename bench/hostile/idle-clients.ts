/** Processes that hold idle connections (idle-client.ts): one may hold only so many itself. */
import { spawn, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Plan } from '../hop/chain.ts';
import type { IdleClientReport } from './idle-client.ts';

const PROGRAM = join(import.meta.dirname, 'idle-client.ts');
const FOR_EACH_PROCESS = 10_000;

export interface IdleWanted {
  readonly port: number;
  readonly count: number;
  readonly kind: 'silent' | 'asked' | 'tls';
}

interface Holding {
  readonly child: ChildProcess;
  readonly lines: AsyncIterator<string>;
}

export class IdleClients {
  #holding: Holding[] = [];
  /** Each process has addresses of its own, never those of one that has gone: where many ports are taken, or were a moment ago, a free one is long in finding. */
  #begun = 0;

  /** Adds so many connections. */
  async open({ certificates }: Plan, { port, count, kind }: IdleWanted): Promise<IdleClientReport> {
    const identity = certificates ? [certificates.ca, certificates.client.certificate, certificates.client.key] : [];
    let sum: IdleClientReport = { open: 0, refused: 0, slowestRefusalMs: 0, unbegun: 0 };
    for (let left = count; left > 0; left -= FOR_EACH_PROCESS) {
      const from = `127.${1 + Math.floor(this.#begun / 256)}.${this.#begun++ % 256}`;
      const child = spawn(process.execPath, ['--no-warnings', PROGRAM, String(port), String(Math.min(left, FOR_EACH_PROCESS)), kind, from, ...identity], { stdio: ['pipe', 'pipe', 'inherit'] });
      const holding: Holding = { child, lines: createInterface({ input: child.stdout })[Symbol.asyncIterator]() };
      this.#holding.push(holding);
      // It prints what its type says.
      const report = JSON.parse(await nextLine(holding)) as IdleClientReport;
      sum = { open: sum.open + report.open, refused: sum.refused + report.refused, slowestRefusalMs: Math.max(sum.slowestRefusalMs, report.slowestRefusalMs), unbegun: sum.unbegun + report.unbegun };
    }
    return sum;
  }

  /** Ends all. @returns how many connections were still there */
  async end(): Promise<number> {
    const holding = this.#holding;
    this.#holding = [];
    let open = 0;
    for (const one of holding) {
      one.child.stdin?.end();
      open += Number(await nextLine(one));
    }
    return open;
  }
}

async function nextLine({ lines }: Holding): Promise<string> {
  const { value, done } = await lines.next();
  if (done === true) throw new Error('a client of idle connections ended');
  return value;
}
