/** Reading a container's log as `kubectl logs` asks for it. */
import { createReadStream, existsSync } from 'node:fs';
import { Readable } from 'node:stream';
import type { LogOptions } from '../apiserver/pod-streams.ts';
import { logTime } from './log-file.ts';
import type { LogFile } from './log-file.ts';

/** Where a log is: a file that is still written, or what an earlier run left. */
export type LogSource = Pick<LogFile, 'path' | 'olderPath'> & { live?: LogFile };

interface Line {
  /** RFC 3339, as written. */
  readonly time: string;
  readonly text: Buffer;
  readonly whole: boolean;
}

const NEWLINE = 10;
const SPACE = 32;

/** A stream of the text that was asked for; with `follow` it ends when the container does or the signal aborts. */
export function readLog(source: LogSource, options: LogOptions, at: { signal: AbortSignal; nowMs: number }): Readable {
  return Readable.from(bounded(textOf(source, options, at), options.limitBytes), { objectMode: false, signal: at.signal });
}

async function* textOf(source: LogSource, options: LogOptions, at: { signal: AbortSignal; nowMs: number }): AsyncGenerator<Buffer> {
  const since = sinceTime(options, at.nowMs);
  const start = options.tailLines === undefined ? undefined : await tailStart(source, options.tailLines, since);
  let index = 0;
  let wholeBefore = true;
  for await (const line of linesOf(source, options.follow ? source.live : undefined, at.signal)) {
    const number = index++;
    if (line.time < since || (start !== undefined && number < start)) continue;
    yield render(line, options.timestamps && wholeBefore);
    wholeBefore = line.whole;
  }
}

function render(line: Line, timestamps: boolean): Buffer {
  const text = line.whole ? Buffer.concat([line.text, Buffer.from('\n')]) : line.text;
  return timestamps ? Buffer.concat([Buffer.from(`${line.time} `), text]) : text;
}

/** In the format of the file, so that times compare as text. */
function sinceTime(options: LogOptions, nowMs: number): string {
  if (options.sinceTime) return logTime(Date.parse(options.sinceTime));
  return options.sinceSeconds === undefined ? '' : logTime(nowMs - options.sinceSeconds * 1000);
}

/** How many lines come before the last `count`. */
async function tailStart(source: LogSource, count: number, since: string): Promise<number> {
  let total = 0;
  let skipped = 0;
  for await (const line of linesOf(source, undefined, undefined)) {
    total++;
    if (line.time < since) skipped++;
  }
  return Math.max(skipped, total - count);
}

async function* linesOf(source: LogSource, live: LogFile | undefined, signal: AbortSignal | undefined): AsyncGenerator<Line> {
  if (existsSync(source.olderPath)) yield* decode(createReadStream(source.olderPath));
  let offset = 0;
  let generation = live?.generation ?? 0;
  for (;;) {
    const wasClosed = live?.closed ?? true;
    const reader = countBytes(createReadStream(source.path, { start: offset }));
    for await (const line of decode(reader.bytes)) yield line;
    offset += reader.consumed();
    if (wasClosed || signal?.aborted) return;
    if (live && live.generation !== generation) {
      generation = live.generation;
      offset = 0;
    } else if (live) {
      await nextWrite(live, signal);
    }
  }
}

/** Whole lines only ever reach the file, so what was read ends at a line's end. */
function countBytes(stream: AsyncIterable<Buffer>): { bytes: AsyncIterable<Buffer>; consumed(): number } {
  let count = 0;
  const bytes = (async function* count_() {
    for await (const chunk of stream) {
      count += chunk.length;
      yield chunk;
    }
  })();
  return { bytes, consumed: () => count };
}

async function* decode(stream: AsyncIterable<Buffer>): AsyncGenerator<Line> {
  let held = Buffer.alloc(0);
  for await (const chunk of stream) {
    held = held.length === 0 ? chunk as Buffer<ArrayBuffer> : Buffer.concat([held, chunk]);
    let from = 0;
    for (let end = held.indexOf(NEWLINE, from); end >= 0; end = held.indexOf(NEWLINE, from)) {
      const line = decodeLine(held.subarray(from, end));
      if (line) yield line;
      from = end + 1;
    }
    held = held.subarray(from);
  }
}

function decodeLine(bytes: Buffer): Line | undefined {
  const first = bytes.indexOf(SPACE);
  const second = bytes.indexOf(SPACE, first + 1);
  const third = bytes.indexOf(SPACE, second + 1);
  if (third < 0) return undefined;
  return { time: bytes.toString('latin1', 0, first), text: bytes.subarray(third + 1), whole: bytes[second + 1] === 0x46 };
}

function nextWrite(live: LogFile, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stop();
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const stop = live.subscribe(done);
    signal?.addEventListener('abort', done, { once: true });
    // Closed or aborted between the last read and the subscription: nobody would call.
    if (live.closed || signal?.aborted) done();
  });
}

async function* bounded(chunks: AsyncGenerator<Buffer>, limit: number | undefined): AsyncGenerator<Buffer> {
  let left = limit ?? Number.POSITIVE_INFINITY;
  for await (const chunk of chunks) {
    if (left <= 0) return;
    yield chunk.length <= left ? chunk : chunk.subarray(0, left);
    left -= chunk.length;
  }
}
