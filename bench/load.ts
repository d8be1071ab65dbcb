/** Load generators of others, and their figures. */
import { execFile } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { percentile } from './table.ts';

export interface LoadResult {
  requests: number;
  perSecond: number;
  p50Ms: number;
  p99Ms: number;
  /** Answers other than 2xx and 3xx, and socket errors. */
  errors: number;
}

const run = (file: string, args: readonly string[]): Promise<string> =>
  new Promise((resolve, reject) => {
    execFile(file, args, { maxBuffer: 1 << 26 }, (error, stdout) => (error ? reject(error) : resolve(stdout)));
  });

export interface WrkOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Of each request: `Name: value`. */
  readonly header?: string;
}

export async function runWrk(url: string, { connections, seconds, header }: WrkOptions): Promise<LoadResult> {
  return parseWrk(await run('wrk', ['-t', '1', '-c', String(connections), '-d', `${seconds}s`, '--latency', ...(header === undefined ? [] : ['-H', header]), url]));
}

export interface H2loadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** Requests under way on each connection. */
  readonly streams?: number;
  /** Over all connections; default: as fast as answers come. */
  readonly perSecond?: number;
  readonly http1?: boolean;
  /** File whose content is the body of each request. */
  readonly bodyFile?: string;
  readonly headers?: readonly string[];
}

/** HTTP/2 in the clear by prior knowledge, or HTTP/1.1. Latencies of every request of the run. */
export async function runH2load(url: string, options: H2loadOptions): Promise<LoadResult> {
  const directory = mkdtempSync(join(tmpdir(), 'lateen-load-'));
  const log = join(directory, 'requests');
  try {
    const args = ['-t', '1', '-c', String(options.connections), '-m', String(options.streams ?? 1), '-D', String(options.seconds), '--log-file', log];
    if (options.http1 === true) args.push('--h1');
    if (options.perSecond !== undefined) args.push('--rps', String(options.perSecond / options.connections));
    if (options.bodyFile !== undefined) args.push('-d', options.bodyFile);
    for (const header of options.headers ?? []) args.push('-H', header);
    const text = await run('h2load', [...args, url]);
    const [, done = 0, succeeded = 0] = /, (\d+) done, (\d+) succeeded/.exec(text)?.map(Number) ?? [];
    // Start in µs since the epoch, status, microseconds.
    const milliseconds = readFileSync(log, 'utf8').split('\n').flatMap((line) => (line === '' ? [] : [Number(line.split('\t')[2]) / 1000]));
    return { requests: succeeded, perSecond: succeeded / options.seconds, p50Ms: percentile(milliseconds, 0.5), p99Ms: percentile(milliseconds, 0.99), errors: done - succeeded };
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
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
