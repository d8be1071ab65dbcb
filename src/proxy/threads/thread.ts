/** One thread that serves clients, seen from the main one. */
import { Worker } from 'node:worker_threads';
import type { CallMessage, CallName, ThreadBeginning, ThreadCalls, ThreadMessage, ThreadNews } from './thread-contract.ts';

/** What the program is called with in such a thread: see run.ts. */
export const THREAD_ARGUMENTS = ['proxy', 'thread'] as const;

export interface ThreadOptions {
  /** The program. */
  readonly entry: string;
  readonly beginning: ThreadBeginning;
  onNews(news: ThreadNews): void;
  /** It has ended, and nobody had asked it to. */
  onDied(error: Error): void;
}

export class Thread {
  readonly #worker: Worker;
  readonly #calls = new Map<number, PromiseWithResolvers<unknown>>();
  #ids = 0;
  #isEnding = false;

  constructor({ entry, beginning, onNews, onDied }: ThreadOptions) {
    this.#worker = new Worker(entry, { argv: [...THREAD_ARGUMENTS], workerData: beginning });
    const died = (error: Error) => {
      for (const call of this.#calls.values()) call.reject(error);
      this.#calls.clear();
      if (this.#isEnding) return;
      this.#isEnding = true;
      onDied(error);
    };
    this.#worker.on('error', (error) => died(error instanceof Error ? error : new Error(String(error))));
    this.#worker.on('exit', (code) => died(new Error(`it has ended with code ${code}`)));
    this.#worker.on('message', (message: ThreadMessage) => {
      if (message.kind !== 'answer' && message.kind !== 'failure') return onNews(message);
      const call = this.#calls.get(message.id);
      this.#calls.delete(message.id);
      if (message.kind === 'answer') call?.resolve(message.value);
      else call?.reject(message.error);
    });
  }

  /** Calls are carried out in their order; their answers come when they come. */
  call<N extends CallName>(name: N, ...args: Parameters<ThreadCalls[N]>): Promise<Awaited<ReturnType<ThreadCalls[N]>>> {
    if (this.#isEnding && name !== 'close') return Promise.reject(new Error('the thread has ended'));
    const answer = Promise.withResolvers<unknown>();
    const message: CallMessage = { id: this.#ids++, name, args };
    this.#calls.set(message.id, answer);
    // Not a window.
    // oxlint-disable-next-line unicorn/require-post-message-target-origin
    this.#worker.postMessage(message);
    // The other side answers as the contract says.
    return answer.promise as Promise<Awaited<ReturnType<ThreadCalls[N]>>>;
  }

  /** A call whose answer says nothing. */
  tell<N extends CallName>(name: N, ...args: Parameters<ThreadCalls[N]>): void {
    // A thread that has ended is told of by `onDied`.
    void this.call(name, ...args).catch(() => {});
  }

  async close(): Promise<void> {
    if (this.#isEnding) return;
    this.#isEnding = true;
    await this.call('close').catch(() => {});
    await this.#worker.terminate();
  }
}
