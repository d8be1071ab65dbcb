/** Writes log lines in batches. A reader that does not keep up costs lines, never requests: they are counted as dropped. */
import { createWriteStream } from 'node:fs';
import { write } from 'node:fs';
import type { Clock, Timer } from '../../../base/clock.ts';

export interface LineWriter {
  /** @param line with its newline */
  write(line: string): void;
  readonly dropped: number;
  /** Writes what is left; resolves when it is out. */
  close(): Promise<void>;
}

export interface LineWriterOptions {
  readonly clock: Clock;
  /** Default 50 ms. */
  readonly delayMs?: number;
  /** A batch is written at once when it is this long. Default 32 KiB. */
  readonly batchBytes?: number;
  /** Waiting for a slow reader, at most. Default 4 MiB. */
  readonly maxBytes?: number;
}

/** @param put hands one batch to the outside and calls back when it is taken */
export function createLineWriter(put: (batch: string, done: () => void) => void, options: LineWriterOptions): LineWriter {
  const { clock, delayMs = 50, batchBytes = 32 * 1024, maxBytes = 4 * 1024 * 1024 } = options;
  let waiting = '';
  let isBusy = false;
  let timer: Timer | undefined;
  let dropped = 0;
  let onIdle: (() => void) | undefined;

  const flush = (): void => {
    timer?.cancel();
    timer = undefined;
    if (isBusy) return;
    if (waiting === '') return void onIdle?.();
    const batch = waiting;
    waiting = '';
    isBusy = true;
    put(batch, () => {
      isBusy = false;
      if (waiting.length >= batchBytes || onIdle) flush();
      else if (waiting !== '') arm();
    });
  };
  const arm = (): void => {
    if (timer) return;
    timer = clock.after(delayMs, flush);
    timer.unref();
  };
  return {
    write(line) {
      if (waiting.length + line.length > maxBytes) {
        dropped += 1;
        return;
      }
      waiting += line;
      if (isBusy) return;
      if (waiting.length >= batchBytes) flush();
      else arm();
    },
    get dropped() {
      return dropped;
    },
    close: () =>
      new Promise((resolve) => {
        onIdle = resolve;
        flush();
      }),
  };
}

/** The file of a path; `/dev/stdout` and `/dev/stderr` are the process's own, without opening them again. */
export const openPath = (path: string): Put => open(path, writeAll);

/** The same where several threads write: lines are never torn. */
export const openSharedPath = (path: string): Put => open(path, writePieces);

type Put = (batch: string, done: () => void) => void;

function open(path: string, writeOut: (fd: number, bytes: Buffer, done: () => void) => void): Put {
  const fd = path === '/dev/stdout' ? 1 : path === '/dev/stderr' ? 2 : undefined;
  if (fd !== undefined) return (batch, done) => writeOut(fd, Buffer.from(batch), done);
  const stream = createWriteStream(path, { flags: 'a' });
  // A path that cannot be written costs the log, not the proxy.
  stream.on('error', () => {});
  return (batch, done) => void stream.write(batch, done);
}

/** Asynchronous, so that a full pipe does not stop the event loop. */
function writeAll(fd: number, bytes: Buffer, done: () => void): void {
  write(fd, bytes, 0, bytes.length, null, (error, count) => {
    if (error?.code === 'EAGAIN') return void setTimeout(() => writeAll(fd, bytes, done), 5);
    if (error || count >= bytes.length) return done();
    writeAll(fd, bytes.subarray(count), done);
  });
}

/** What a pipe takes in one piece or not at all. POSIX: PIPE_BUF; Linux has 4096. */
const PIECE_BYTES = 4096;

function writePieces(fd: number, bytes: Buffer, done: () => void): void {
  if (bytes.length <= PIECE_BYTES) return writeAll(fd, bytes, done);
  const newline = bytes.lastIndexOf('\n', PIECE_BYTES - 1);
  // A line that is longer than a piece goes out as it is.
  const end = newline >= 0 ? newline + 1 : bytes.indexOf('\n') + 1 || bytes.length;
  writeAll(fd, bytes.subarray(0, end), () => (end < bytes.length ? writePieces(fd, bytes.subarray(end), done) : done()));
}
