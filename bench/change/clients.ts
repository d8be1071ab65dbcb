/** The process of the simulated clients, from its parent's side. */
import { fork, type ChildProcess } from 'node:child_process';
import { join } from 'node:path';
import { cpuSeconds } from '../process-figures.ts';
import type { Order, Report } from './clients-main.ts';
import type { Taken } from './ledger.ts';
import type { MeshPod } from './mesh.ts';

type Answer<Is extends Report['is']> = Extract<Report, { is: Is }>;

export class Clients {
  readonly #child: ChildProcess;
  readonly #taken: (changes: readonly Taken[]) => void;
  readonly #waiting = new Map<Report['is'], (report: Report) => void>();
  /** Why a client lost its stream; there must be none. */
  readonly failures: string[] = [];

  constructor(taken: (changes: readonly Taken[]) => void) {
    this.#taken = taken;
    this.#child = fork(join(import.meta.dirname, 'clients-main.ts'), [], { execArgv: ['--no-warnings'], serialization: 'advanced' });
    this.#child.on('message', (report: Report) => this.#receive(report));
  }

  ready(): Promise<Answer<'ready'>> {
    return this.#next('ready');
  }

  connect(port: number, pods: readonly MeshPod[]): Promise<Answer<'connected'>> {
    return this.#ask({ do: 'connect', port, pods }, 'connected');
  }

  compare(): Promise<Answer<'compared'>> {
    return this.#ask({ do: 'compare' }, 'compared');
  }

  figures(): Promise<Answer<'figures'>> {
    return this.#ask({ do: 'figures' }, 'figures');
  }

  cpuSeconds(): number {
    // A child that answered has a pid.
    return cpuSeconds(this.#child.pid ?? 0);
  }

  close(): void {
    if (this.#child.connected) this.#child.disconnect();
  }

  #ask<Is extends Report['is']>(order: Order, is: Is): Promise<Answer<Is>> {
    const answer = this.#next(is);
    this.#child.send(order);
    return answer;
  }

  #next<Is extends Report['is']>(is: Is): Promise<Answer<Is>> {
    // The map's key is what the report says it is.
    return new Promise((resolve) => void this.#waiting.set(is, (report) => resolve(report as Answer<Is>)));
  }

  #receive(report: Report): void {
    if (report.is === 'taken') this.#taken(report.changes);
    else if (report.is === 'failed') this.failures.push(report.reason);
    else {
      const waiting = this.#waiting.get(report.is);
      this.#waiting.delete(report.is);
      waiting?.(report);
    }
  }
}
