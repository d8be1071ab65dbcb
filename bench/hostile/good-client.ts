/** `node good-client.ts PORT PER_SECOND CONNECTIONS`: a client that means well. For each number of seconds that it reads it makes requests at moments fixed beforehand,
 * and prints what came of them as a line of JSON. A latency counts from when the client saw that the request was due: who waits for a connection that is in use has
 * waited. How late it saw that itself is told apart. */
import { connect, type Socket } from 'node:net';
import { createInterface } from 'node:readline';
import { Worker } from 'node:worker_threads';
import { nowMs } from './clock.ts';

export interface Measured {
  /** In the order of their ends. */
  readonly requests: readonly Answered[];
  /** Not answered, or not by 200. */
  readonly failed: number;
}

/** When it was due, when the client saw that, and when it was answered or given up: ms of `nowMs`. */
export type Answered = readonly [due: number, seen: number, end: number];

interface Due {
  readonly due: number;
  readonly seen: number;
}

const [, , port = '', perSecond = '', connections = ''] = process.argv;
const REQUEST = 'GET /body HTTP/1.1\r\nHost: a\r\n\r\n';
const HEAD_END = '\r\n\r\n';
/** For the last answers. */
const MOST_MS_AT_END = 3000;

const open = new Set<Connection>();
const idle: Connection[] = [];
/** Due, and without a connection. */
const waiting: Due[] = [];
let answered: Answered[] = [];
let failed = 0;
let underWay = 0;

class Connection {
  #request: Due | undefined;
  #received = '';
  #length = -1;
  readonly #socket: Socket;

  constructor() {
    this.#socket = connect({ port: Number(port), host: '127.0.0.1', noDelay: true }, () => this.#free());
    this.#socket.setEncoding('latin1').on('data', (text: string) => this.#onText(text));
    this.#socket.on('error', () => {});
    this.#socket.on('close', () => this.#onClose());
  }

  /** What is not answered was waited for, too. */
  giveUp(): void {
    if (!this.#request) return;
    failed++;
    end(this.#request);
  }

  ask(request: Due): void {
    this.#request = request;
    this.#socket.write(REQUEST);
  }

  #onText(text: string): void {
    this.#received += text;
    if (this.#length < 0) {
      const head = this.#received.indexOf(HEAD_END);
      if (head < 0) return;
      this.#length = head + HEAD_END.length + Number(/content-length: (\d+)/i.exec(this.#received.slice(0, head))?.[1]);
    }
    if (this.#received.length < this.#length) return;
    if (!this.#received.startsWith('HTTP/1.1 200')) failed++;
    if (this.#request) end(this.#request);
    this.#received = '';
    this.#length = -1;
    this.#request = undefined;
    underWay--;
    this.#free();
  }

  #free(): void {
    const next = waiting.shift();
    if (next === undefined) idle.push(this);
    else this.ask(next);
  }

  #onClose(): void {
    open.delete(this);
    if (this.#request) {
      this.giveUp();
      underWay--;
    }
    const at = idle.indexOf(this);
    if (at >= 0) idle.splice(at, 1);
    setTimeout(openConnection, 10);
  }
}

function openConnection(): void {
  open.add(new Connection());
}

function end({ due, seen }: Due): void {
  answered.push([due, seen, nowMs()]);
}

function measure(seconds: number): Promise<Measured> {
  answered = [];
  failed = 0;
  return new Promise((resolve) => {
    const finish = (): void => {
      const latest = nowMs() + MOST_MS_AT_END;
      const look = (): void => {
        if (underWay > 0 && nowMs() < latest) return void setTimeout(look, 5);
        for (const connection of open) connection.giveUp();
        failed += waiting.length;
        waiting.splice(0).forEach(end);
        resolve({ requests: answered, failed });
      };
      look();
    };
    pacer.removeAllListeners('message').on('message', (due: number) => {
      if (due === 0) return finish();
      underWay++;
      const request = { due, seen: nowMs() };
      const free = idle.shift();
      if (free) free.ask(request);
      else waiting.push(request);
    });
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    pacer.postMessage(seconds);
  });
}

const pacer = new Worker(new URL('pacer.ts', import.meta.url), { workerData: { perSecond: Number(perSecond) } });
for (let i = 0; i < Number(connections); i++) openConnection();
for await (const line of createInterface({ input: process.stdin })) console.log(JSON.stringify(await measure(Number(line))));
process.exit(0);
