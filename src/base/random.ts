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
  let fd: number;
  try {
    fd = openSync('/dev/urandom', 'r');
  } catch {
    // Clients may have taken all descriptors: node:crypto needs none.
    process.getBuiltinModule('node:crypto').randomFillSync(buffer);
    return;
  }
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

const DIGITS = Buffer.from('0123456789abcdef', 'latin1');
const uuid = Buffer.from('00000000-0000-4000-8000-000000000000', 'latin1');
const DASH = 0x2d;

/** A UUID of version 4 (RFC 9562 §5.4). Written as octets: pieces of text that are put together leave four times as much garbage. */
export function randomUuid(): string {
  let from = take(16);
  pool[from + 6] = ((pool[from + 6] ?? 0) & 0x0f) | 0x40;
  pool[from + 8] = ((pool[from + 8] ?? 0) & 0x3f) | 0x80;
  for (let at = 0; at < uuid.length; at += 2) {
    if (uuid[at] === DASH) at++;
    const octet = pool[from++] ?? 0;
    uuid[at] = DIGITS[octet >> 4] ?? 0;
    uuid[at + 1] = DIGITS[octet & 15] ?? 0;
  }
  return uuid.toString('latin1');
}
