/** `request METHOD PATH` asks a page of the proxy in this pod; `wait` returns when it is ready. Arguments: Istio's pilot-agent. */
import { request } from 'node:http';
import { errorText } from '../../base/errors.ts';

export interface CommandOutput {
  out(text: string): void;
  error(text: string): void;
}

interface Options {
  /** Of `request`; default: the admin page's, 15000. */
  port: number;
  url: string;
  timeoutMs: number;
  periodMs: number;
  rest: string[];
}

const CALL_TIMEOUT_MS = 60_000;

/** @param argv from the command on. Returns the exit code. */
export async function runLocalCommand(argv: readonly string[], output: CommandOutput): Promise<number> {
  const [command, ...rest] = argv;
  const options = readOptions(rest);
  if (typeof options === 'string') {
    output.error(`${options}\n`);
    return 2;
  }
  return command === 'wait' ? wait(options, output) : ask(options, output);
}

async function ask(options: Options, output: CommandOutput): Promise<number> {
  const [method, path] = options.rest;
  if (method === undefined || path === undefined) {
    output.error('usage: request [--debug-port PORT] METHOD PATH\n');
    return 2;
  }
  try {
    const answer = await call(`http://127.0.0.1:${options.port}/${path.replace(/^\//, '')}`, method, CALL_TIMEOUT_MS);
    output.out(answer.body);
    if (answer.status < 400) return 0;
    output.error(`the proxy answered ${answer.status}\n`);
  } catch (error) {
    output.error(`no answer from the proxy on port ${options.port}: ${errorText(error)}\n`);
  }
  return 1;
}

async function wait(options: Options, output: CommandOutput): Promise<number> {
  const end = performance.now() + options.timeoutMs;
  let last = 'not asked yet';
  while (performance.now() < end) {
    try {
      const answer = await call(options.url, 'GET', options.periodMs + 1000);
      if (answer.status === 200) return 0;
      last = `${answer.status} ${answer.body.trim()}`;
    } catch (error) {
      last = errorText(error);
    }
    await new Promise((resolve) => setTimeout(resolve, options.periodMs));
  }
  output.error(`the proxy is not ready after ${options.timeoutMs / 1000} s: ${last}\n`);
  return 1;
}

function call(url: string, method: string, timeoutMs: number): Promise<{ status: number; body: string }> {
  return new Promise((resolve, reject) => {
    const out = request(url, { method: method.toUpperCase(), timeout: timeoutMs }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body }));
      response.once('error', reject);
    });
    out.once('timeout', () => out.destroy(new Error('timeout')));
    out.once('error', reject);
    out.end();
  });
}

function readOptions(args: readonly string[]): Options | string {
  const options: Options = { port: 15_000, url: 'http://127.0.0.1:15021/healthz/ready', timeoutMs: 60_000, periodMs: 500, rest: [] };
  for (let i = 0; i < args.length; i++) {
    const arg = args[i] ?? '';
    if (!arg.startsWith('--')) {
      options.rest.push(arg);
      continue;
    }
    const [name, inline] = arg.split('=', 2);
    const value = inline ?? args[++i] ?? '';
    if (name === '--url') options.url = value;
    else if (name === '--debug-port' && Number(value) > 0) options.port = Number(value);
    else if (name === '--timeoutSeconds' && Number(value) > 0) options.timeoutMs = Number(value) * 1000;
    else if (name === '--periodMillis' && Number(value) > 0) options.periodMs = Number(value);
    else if (name !== '--requestTimeoutMillis') return `cannot read ${arg}`;
  }
  return options;
}
