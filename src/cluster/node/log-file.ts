/** A container's log on disk, in the format of Kubernetes' container runtimes (CRI): `time stream F|P text`. Bounded: one
 * file is turned over at 10 MiB and one older is kept, so that a chatty pod cannot fill the disk. */
import { closeSync, mkdirSync, openSync, renameSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Clock } from '../../base/clock.ts';

export type LogStream = 'stdout' | 'stderr';

const MAX_BYTES = 10 * 1024 * 1024;
/** A line longer than this is written in parts. containerd: 16 KiB. */
const MAX_LINE = 16 * 1024;
const NEWLINE = 10;

/** RFC 3339 with nine digits, as container runtimes write it. */
export const logTime = (ms: number): string => new Date(ms).toISOString().replace('Z', '000000Z');

export class LogFile {
  readonly path: string;
  readonly #clock: Clock;
  readonly #listeners = new Set<() => void>();
  readonly #held: Record<LogStream, Buffer> = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) };
  #fd: number;
  #size = 0;
  #closed = false;
  /** Raised when the file turns over, so that a reader knows to open it anew. */
  #generation = 0;

  constructor(path: string, clock: Clock) {
    this.path = path;
    this.#clock = clock;
    mkdirSync(dirname(path), { recursive: true });
    this.#fd = openSync(path, 'w', 0o640);
  }

  get olderPath(): string {
    return `${this.path}.1`;
  }

  get generation(): number {
    return this.#generation;
  }

  get closed(): boolean {
    return this.#closed;
  }

  /** Takes bytes as the container wrote them; a line is written when it is whole. */
  write(stream: LogStream, chunk: Buffer): void {
    if (this.#closed) return;
    const held = this.#held[stream];
    const bytes = held.length === 0 ? chunk : Buffer.concat([held, chunk]);
    const prefix = `${logTime(this.#clock.now())} ${stream} `;
    const parts: (Buffer | string)[] = [];
    let from = 0;
    for (let end = bytes.indexOf(NEWLINE, from); end >= 0; end = bytes.indexOf(NEWLINE, from)) {
      from = split(bytes, { from, end, prefix, parts });
      parts.push(prefix, 'F ', bytes.subarray(from, end + 1));
      from = end + 1;
    }
    from = split(bytes, { from, end: bytes.length, prefix, parts });
    // Copied: the rest must not keep a whole read buffer alive.
    this.#held[stream] = Buffer.from(bytes.subarray(from));
    this.#append(parts);
  }

  /** Called after each write and once at the end. Returns the way to stop. */
  subscribe(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  close(): void {
    if (this.#closed) return;
    for (const stream of ['stdout', 'stderr'] as const) if (this.#held[stream].length > 0) this.write(stream, Buffer.from('\n'));
    this.#closed = true;
    closeSync(this.#fd);
    for (const listener of this.#listeners) listener();
    this.#listeners.clear();
  }

  #append(parts: readonly (Buffer | string)[]): void {
    if (parts.length === 0) return;
    const bytes = Buffer.concat(parts.map((part) => (typeof part === 'string' ? Buffer.from(part) : part)));
    if (this.#size > 0 && this.#size + bytes.length > MAX_BYTES) this.#turnOver();
    writeSync(this.#fd, bytes);
    this.#size += bytes.length;
    for (const listener of this.#listeners) listener();
  }

  #turnOver(): void {
    closeSync(this.#fd);
    renameSync(this.path, this.olderPath);
    this.#fd = openSync(this.path, 'w', 0o640);
    this.#size = 0;
    this.#generation++;
  }
}

/** Writes full parts of a line that is too long and returns where its rest begins. */
function split(bytes: Buffer, at: { from: number; end: number; prefix: string; parts: (Buffer | string)[] }): number {
  let { from } = at;
  while (at.end - from > MAX_LINE) {
    at.parts.push(at.prefix, 'P ', bytes.subarray(from, from + MAX_LINE), '\n');
    from += MAX_LINE;
  }
  return from;
}
