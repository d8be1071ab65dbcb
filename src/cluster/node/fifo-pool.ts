/** Pipes for containers' output, made ahead by one `mkfifo`. Node gives child processes sockets as pipes, and a socket cannot
 * be opened again by its path: programs that open /dev/stdout would fail. */
import { constants, openSync, unlinkSync } from 'node:fs';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { Socket } from 'node:net';
import type { RunCommand } from '../network/command.ts';

export interface OutputPipe {
  readonly reader: Socket;
  /** To be handed to the child and closed by whoever asked. */
  readonly writeFd: number;
}

export interface FifoPool {
  take(): Promise<OutputPipe>;
}

const LOT = 48;

export function createFifoPool(folder: string, run: RunCommand): FifoPool {
  const ready: string[] = [];
  let made = 0;
  let making: Promise<void> | undefined;
  mkdirSync(folder, { recursive: true, mode: 0o700 });

  const make = (): Promise<void> => {
    making ??= (async () => {
      const paths = Array.from({ length: LOT }, () => join(folder, String(made++)));
      // Open to all: a process of another user may open /dev/stdout again. The folder keeps others out.
      await run(['mkfifo', '-m', '666', ...paths]);
      ready.push(...paths);
    })().finally(() => {
      making = undefined;
    });
    return making;
  };

  return {
    async take() {
      while (ready.length === 0) await make();
      const path = ready.pop() as string;
      // The reading end first, without waiting for a writer; then the writing end, which now has its reader.
      const readFd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
      const writeFd = openSync(path, constants.O_WRONLY);
      unlinkSync(path);
      return { reader: new Socket({ fd: readFd, readable: true, writable: false }), writeFd };
    },
  };
}
