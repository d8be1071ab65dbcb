/** Envoy as a child: started, started again when it falls, ended on request. It writes to the container's own outputs. */
import { spawn, type ChildProcess } from 'node:child_process';
import type { Clock, Timer } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { createBackoff } from '../xds/client/backoff.ts';
import type { EnvoyOptions } from './envoy-options.ts';

export interface EnvoyProcessDeps {
  readonly options: EnvoyOptions;
  readonly configPath: string;
  /** Of `--drain-time-s`: how long the connections of a changed listener go on, and a listener that drains takes new ones. */
  readonly drainSeconds: number;
  /** Over the agent's own. */
  readonly env: Readonly<Record<string, string>>;
  readonly clock: Clock;
  readonly log: Log;
  /** It falls again and again: somebody else must look at it. */
  readonly onGivenUp: (code: number) => void;
}

export interface EnvoyProcess {
  start(): void;
  /** Undefined while there is none. */
  readonly pid: number | undefined;
  /** Asks it to end, and waits. */
  close(): Promise<void>;
}

/** It may fall so often in a row; one that has run for a minute has not. */
const MAX_FALLS = 5;
const STEADY_MS = 60_000;
const TERM_MS = 5000;

export function createEnvoyProcess(deps: EnvoyProcessDeps): EnvoyProcess {
  const { clock, log } = deps;
  const backoff = createBackoff({ baseMs: 200, maxMs: 5000 });
  let child: ChildProcess | undefined;
  let retry: Timer | undefined;
  let falls = 0;
  let isClosed = false;

  const start = (): void => {
    const startedMs = clock.monotonic();
    const running = spawn(deps.options.binary, commandLine(deps), { stdio: ['ignore', 'inherit', 'inherit'], env: { ...process.env, ...deps.env } });
    child = running;
    const ended = (how: string, code: number): void => {
      if (child !== running) return;
      child = undefined;
      if (isClosed) return;
      if (clock.monotonic() - startedMs >= STEADY_MS) {
        falls = 0;
        backoff.reset();
      }
      falls += 1;
      if (falls > MAX_FALLS) {
        log.error('Envoy does not stay up', { how, falls });
        return deps.onGivenUp(code);
      }
      const inMs = Math.round(backoff.next());
      log.error('Envoy has ended and is started again', { how, inMs });
      retry = clock.after(inMs, start);
    };
    running.once('error', (error) => ended(error.message, 1));
    running.once('exit', (code, signal) => ended(signal ?? `exit code ${code}`, code ?? 1));
    log.info('Envoy started', { pid: running.pid, binary: deps.options.binary });
  };
  return {
    start,
    get pid() {
      return child?.pid;
    },
    close() {
      isClosed = true;
      retry?.cancel();
      const running = child;
      if (!running) return Promise.resolve();
      return new Promise((resolve) => {
        const late = clock.after(TERM_MS, () => void running.kill('SIGKILL'));
        running.once('exit', () => {
          late.cancel();
          resolve();
        });
        running.kill('SIGTERM');
      });
    },
  };
}

function commandLine({ options, configPath, drainSeconds }: EnvoyProcessDeps): string[] {
  const { concurrency, logLevel, componentLogLevel } = options;
  return [
    '--config-path', configPath,
    '--drain-time-s', String(drainSeconds), '--drain-strategy', 'immediate',
    '--local-address-ip-version', 'v4',
    // Lines of outcomes, and of access logs, are seen within this time.
    '--file-flush-interval-msec', '1000',
    '--disable-hot-restart',
    '--log-level', logLevel,
    ...(componentLogLevel === '' ? [] : ['--component-log-level', componentLogLevel]),
    ...(concurrency > 0 ? ['--concurrency', String(concurrency)] : []),
  ];
}
