/** Random bytes of the kernel, in bulk. node:crypto has the same; loading it takes 7 ms, which a sidecar has better use for when it
 * starts, and every request wants an id. */
import { closeSync, openSync, readSync } from 'node:fs';

const POOL_BYTES = 8192;

const pool = Buffer.allocUnsafeSlow(POOL_BYTES);
let at = POOL_BYTES;

/** Where so many bytes begin that nobody has had. */
function take(bytes: number): number {
  if (at + bytes > POOL_BYTES) {
    fill(pool);
    at = 0;
  }
  const from = at;
  at += bytes;
  return from;
}

/** Linux: urandom(4). It never waits, and gives as much as is asked for. */
function fill(buffer: Buffer): void {
  const fd = openSync('/dev/urandom', 'r');
  try {
    for (let filled = 0; filled < buffer.length; ) filled += readSync(fd, buffer, filled, buffer.length - filled, null);
  } finally {
    closeSync(fd);
  }
}

/** So many bytes, at most 8192, in lower-case hex. */
export function randomHex(bytes: number): string {
  const from = take(bytes);
  return pool.toString('hex', from, from + bytes);
}

/** A UUID of version 4 (RFC 9562 §5.4). */
export function randomUuid(): string {
  const from = take(16);
  pool[from + 6] = ((pool[from + 6] ?? 0) & 0x0f) | 0x40;
  pool[from + 8] = ((pool[from + 8] ?? 0) & 0x3f) | 0x80;
  const hex = pool.toString('hex', from, from + 16);
  return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-${hex.slice(12, 16)}-${hex.slice(16, 20)}-${hex.slice(20)}`;
}
