/** A run of wrk, and its figures. */
import { execFile } from 'node:child_process';

export interface LoadResult {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers other than 2xx and 3xx, and socket errors. */
  errors: number;
}

export function runWrk(url: string, options: { connections: number; seconds: number }): Promise<LoadResult> {
  const args = ['-t', '1', '-c', String(options.connections), '-d', `${options.seconds}s`, '--latency', url];
  return new Promise((resolve, reject) => {
    execFile('wrk', args, (error, stdout) => (error ? reject(error) : resolve(parseWrk(stdout))));
  });
}

export function parseWrk(text: string): LoadResult {
  const number = (pattern: RegExp) => Number(pattern.exec(text)?.[1] ?? 0);
  const sockets = /Socket errors: connect (\d+), read (\d+), write (\d+), timeout (\d+)/.exec(text)?.slice(1).reduce((sum, n) => sum + Number(n), 0) ?? 0;
  return {
    requests: number(/(\d+) requests in/),
    perSecond: number(/Requests\/sec:\s+([\d.]+)/),
    p50Ms: milliseconds(/^\s+50%\s+(\S+)/m.exec(text)?.[1]),
    p99Ms: milliseconds(/^\s+99%\s+(\S+)/m.exec(text)?.[1]),
    errors: number(/Non-2xx or 3xx responses: (\d+)/) + sockets,
  };
}

function milliseconds(text: string | undefined): number {
  const [, amount = '0', unit = 'ms'] = /^([\d.]+)(us|ms|s)$/.exec(text ?? '') ?? [];
  return Number(amount) * (unit === 'us' ? 0.001 : unit === 's' ? 1000 : 1);
}
