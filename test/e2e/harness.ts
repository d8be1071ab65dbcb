/** Drives a real cluster from outside, as a person would: the launcher, stock kubectl, HTTP to the published ports. */
import { execFile, execFileSync } from 'node:child_process';
import { existsSync, mkdtempSync, readlinkSync, rmSync, symlinkSync } from 'node:fs';
import { Agent, request, type IncomingHttpHeaders } from 'node:http';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

export const ROOT = resolve(import.meta.dirname, '../..');
export const SHARED = resolve(ROOT, '../shared/data');
export const SAMPLES = join(SHARED, 'istio-samples/samples');

export interface Output {
  code: number;
  stdout: string;
  stderr: string;
}

export interface Answer {
  status: number;
  headers: IncomingHttpHeaders;
  body: string;
}

/** kubectl as `make test` unpacks it; LATEEN_KUBECTL points to another one. */
export const kubectlPath = (): string => {
  const path = process.env['LATEEN_KUBECTL'] ?? join(ROOT, '.cache/kubectl');
  if (!existsSync(path)) throw new Error(`no kubectl at ${path}: run \`sh build/setup.sh --test\``);
  return path;
};

export function run(file: string, args: readonly string[], options: { env?: NodeJS.ProcessEnv; input?: string; timeoutMs?: number } = {}): Promise<Output> {
  return new Promise((done) => {
    const child = execFile(file, args, { env: { ...process.env, ...options.env }, timeout: options.timeoutMs ?? 60_000, maxBuffer: 64 << 20 }, (error, stdout, stderr) => {
      done({ code: error ? (typeof error.code === 'number' ? error.code : 1) : 0, stdout, stderr });
    });
    // A program that ends without reading closes its input, and has said what it has to say.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

export class TestCluster {
  readonly name: string;
  readonly directory: string;
  readonly kubeconfig: string;
  /** The launcher under the name that the guide uses. */
  readonly istioctl: string;
  readonly agent = new Agent({ keepAlive: true, maxSockets: 32 });

  constructor(name: string) {
    this.name = name;
    this.directory = mkdtempSync(join(tmpdir(), 'lateen-e2e-'));
    this.kubeconfig = join(this.directory, 'kubeconfig');
    this.istioctl = join(this.directory, 'istioctl');
    symlinkSync(join(ROOT, 'bin/lateen'), this.istioctl);
  }

  get env(): NodeJS.ProcessEnv {
    return { KUBECONFIG: this.kubeconfig };
  }

  /** Runs the launcher; throws with its output when it fails. */
  async lateen(...args: string[]): Promise<string> {
    return succeed(`istioctl ${args.join(' ')}`, await this.tryLateen(...args));
  }

  tryLateen(...args: string[]): Promise<Output> {
    return run(this.istioctl, args, { env: this.env, timeoutMs: 120_000 });
  }

  async kubectl(...args: string[]): Promise<string> {
    return succeed(`kubectl ${args.join(' ')}`, await this.tryKubectl(args));
  }

  tryKubectl(args: readonly string[], options: { input?: string; env?: NodeJS.ProcessEnv } = {}): Promise<Output> {
    return run(kubectlPath(), args, { ...options, env: { ...this.env, ...options.env } });
  }

  /** `kubectl apply -f -`; throws when it is refused. */
  async apply(yaml: string, ...args: string[]): Promise<string> {
    return succeed('kubectl apply -f -', await this.tryKubectl(['apply', ...args, '-f', '-'], { input: yaml }));
  }

  async getJson<T>(...args: string[]): Promise<T> {
    return JSON.parse(await this.kubectl('get', ...args, '-o', 'json')) as T;
  }

  /** Runs a program in a pod's container. */
  exec(pod: string, command: readonly string[], container?: string): Promise<Output> {
    return this.tryKubectl(['exec', pod, ...(container ? ['-c', container] : []), '--', ...command]);
  }

  /** A process inside the cluster's own network namespace, for looking at what the node sees. */
  async nodePid(): Promise<number> {
    const { pid } = JSON.parse(await this.lateen('status', '--name', this.name, '-o', 'json')) as { pid: number };
    const tree = execFileSync('ps', ['-eo', 'pid=,ppid='], { encoding: 'utf8' }).trim().split('\n').map((line) => line.trim().split(/\s+/).map(Number));
    const children = (parent: number): number[] => tree.filter(([, ppid]) => ppid === parent).map(([child]) => child ?? 0);
    const own = readlinkSync('/proc/self/ns/net');
    const found = [...children(pid), ...children(pid).flatMap(children)].find((child) => readlinkSync(`/proc/${child}/ns/net`) !== own);
    if (found === undefined) throw new Error(`no process of cluster ${this.name} has a network namespace of its own`);
    return found;
  }

  get(url: string, headers: Record<string, string> = {}): Promise<Answer> {
    return httpGet(url, { headers, agent: this.agent });
  }

  async close(): Promise<void> {
    this.agent.destroy();
    await run(join(ROOT, 'bin/lateen'), ['down', '--name', this.name, '--kubeconfig', this.kubeconfig], { env: this.env });
    rmSync(this.directory, { recursive: true, force: true });
  }
}

function succeed(what: string, output: Output): string {
  if (output.code !== 0) throw new Error(`${what} exited ${output.code}\n${output.stdout}\n${output.stderr}`);
  return output.stdout;
}

export function httpGet(url: string, options: { headers?: Record<string, string>; agent?: Agent; method?: string; body?: string; timeoutMs?: number } = {}): Promise<Answer> {
  return new Promise((done, fail) => {
    const call = request(url, { method: options.method ?? 'GET', headers: options.headers, agent: options.agent, timeout: options.timeoutMs ?? 20_000 }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => done({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString() }));
      response.on('error', fail);
    });
    call.on('timeout', () => call.destroy(new Error(`no answer from ${url} in time`)));
    call.on('error', fail);
    call.end(options.body);
  });
}

/** Sends `count` requests, `concurrency` at a time, and returns the answers; a transport error is status 0. */
export async function load(count: number, concurrency: number, one: (i: number) => Promise<Answer>): Promise<Answer[]> {
  const answers: Answer[] = [];
  let next = 0;
  const worker = async () => {
    while (next < count) {
      const i = next++;
      answers[i] = await one(i).catch((error: Error) => ({ status: 0, headers: {}, body: error.message }));
    }
  };
  await Promise.all(Array.from({ length: concurrency }, worker));
  return answers;
}

/** Keeps calling at `perSecond` until stopped; for changes under load. */
export function startLoad(perSecond: number, one: () => Promise<Answer>): { stop(): Promise<Answer[]> } {
  const pending = new Set<Promise<void>>();
  const answers: Answer[] = [];
  const timer = setInterval(() => {
    const call: Promise<void> = one()
      .catch((error: Error) => ({ status: 0, headers: {}, body: error.message }))
      .then((answer) => void answers.push(answer))
      .finally(() => pending.delete(call));
    pending.add(call);
  }, 1000 / perSecond);
  return {
    async stop() {
      clearInterval(timer);
      await Promise.all(pending);
      return answers;
    },
  };
}

export function countBy<T>(items: readonly T[], key: (item: T) => string): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const item of items) counts[key(item)] = (counts[key(item)] ?? 0) + 1;
  return counts;
}

/** What of a cluster can be seen on the host: processes, links, namespaces, mounts, firewall, routes, listening ports. */
export function hostFootprint(): Record<string, string[]> {
  const lines = (file: string, args: string[]) => execFileSync(file, args, { encoding: 'utf8' }).split('\n').map((line) => line.trim()).filter((line) => line !== '');
  return {
    processes: lines('ps', ['-eo', 'args']).filter((line) => /dist\/(cluster|host|publish|control|proxy|observe|console|capture|agent|apps\/)/.test(line)).sort(),
    links: lines('ip', ['-o', 'link']).map((line) => line.split(':')[1]?.trim() ?? '').sort(),
    namespaces: lines('ip', ['netns', 'list']).sort(),
    mounts: lines('cat', ['/proc/mounts']).sort(),
    firewall: lines('nft', ['list', 'ruleset']),
    routes: lines('ip', ['route']).sort(),
    listening: lines('ss', ['-Htlnp']).map((line) => line.split(/\s+/)[3] ?? '').sort(),
  };
}

/** What is on the host now and was not before. Others work here too: what of theirs has gone meanwhile is no concern. */
export function leftBehind(before: Record<string, string[]>): Record<string, string[]> {
  const left = Object.entries(hostFootprint()).map(([what, lines]) => {
    const known = [...(before[what] ?? [])];
    return [what, lines.filter((line) => {
      const at = known.indexOf(line);
      if (at >= 0) known.splice(at, 1);
      return at < 0;
    })] as const;
  });
  return Object.fromEntries(left.filter(([, lines]) => lines.length > 0));
}
