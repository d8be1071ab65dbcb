/** A network namespace: sockets in it for this process, programs in it as any user. It ends with `close`. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import type { Server, Socket } from 'node:net';
import { fileURLToPath } from 'node:url';
import { runCommand } from '../../../src/cluster/network/command.ts';

export interface NamespaceOrder {
  readonly id: number;
  readonly do: 'listen' | 'connect';
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
  readonly localPort?: number;
}

interface Answer {
  readonly id: number;
  readonly error?: string;
}

export interface SocketAt {
  readonly host: string;
  readonly port: number;
  readonly localAddress?: string;
}

/** Why a connection did not come to be, e.g. `ECONNREFUSED`. */
export class DialError extends Error {
  readonly code: string;

  constructor(code: string, at: SocketAt) {
    super(`${code} at ${at.host}:${at.port}`);
    this.code = code;
  }
}

const HELPER = fileURLToPath(new URL('./namespace-helper.ts', import.meta.url));

export class Namespace {
  readonly pid: number;
  readonly #child: ChildProcess;
  readonly #waiting = new Map<number, { resolve: (handle: unknown) => void; reject: (error: Error) => void; at: SocketAt }>();
  #orders = 0;
  #dials = 0;

  private constructor(child: ChildProcess) {
    this.#child = child;
    this.pid = child.pid ?? 0;
    child.on('message', (answer: Answer, handle: unknown) => {
      const waiting = this.#waiting.get(answer.id);
      this.#waiting.delete(answer.id);
      if (answer.error !== undefined && waiting) waiting.reject(new DialError(answer.error, waiting.at));
      else waiting?.resolve(handle);
    });
  }

  static async open(): Promise<Namespace> {
    const child = spawn('setpriv', ['--pdeathsig', 'SIGKILL', 'unshare', '--net', '--', process.execPath, '--no-warnings', '--max-semi-space-size=1', HELPER], { stdio: ['ignore', 'inherit', 'inherit', 'ipc'] });
    await Promise.race([once(child, 'message'), once(child, 'exit').then(() => Promise.reject(new Error('a network namespace could not be made; the lab needs root')))]);
    return new Namespace(child);
  }

  /** Arguments that run a program in here. */
  inside(argv: readonly string[]): [string, ...string[]] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--', ...argv];
  }

  run(argv: readonly string[], input?: string): Promise<string> {
    return runCommand(this.inside(argv), input);
  }

  /** A server whose connections arrive half-open-able and paused until somebody reads. */
  async listen(host: string, port: number): Promise<Server> {
    // What comes back is what was sent: see namespace-helper.ts.
    const server = (await this.#order('listen', { host, port })) as Server & { allowHalfOpen: boolean };
    server.allowHalfOpen = true;
    return server;
  }

  /** @throws DialError */
  async connect(at: SocketAt): Promise<Socket> {
    const socket = (await this.#order('connect', { ...at, localPort: this.#nextPort() })) as Socket;
    socket.allowHalfOpen = true;
    return socket;
  }

  async close(): Promise<void> {
    if (this.#child.exitCode !== null || this.#child.signalCode !== null) return;
    const gone = once(this.#child, 'exit');
    this.#child.kill('SIGKILL');
    await gone;
  }

  /** Ports are not used again for long: redirected connections of one port to several addresses would get another by chance, and
   * nobody could tell which is which in the logs. Below those that the system gives to others. */
  #nextPort(): number {
    this.#dials += 1;
    return 18_000 + (this.#dials % 14_000);
  }

  #order(what: NamespaceOrder['do'], at: SocketAt & { readonly localPort?: number }): Promise<unknown> {
    this.#orders += 1;
    const order: NamespaceOrder = { id: this.#orders, do: what, ...at };
    return new Promise((resolve, reject) => {
      this.#waiting.set(order.id, { resolve, reject, at });
      this.#child.send(order);
    });
  }
}
