/** Writes of bytes that are only lent (see lent-reads.ts): what the kernel takes at once is never copied. */
import { writeSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { TLSSocket } from 'node:tls';
import { descriptor } from './descriptor.ts';

/** @param onTaken called later, when this returned false
 * @returns false: not all is taken yet, and until `onTaken` the caller should send nothing more */
export function writeLent(to: Duplex, chunk: Buffer, onTaken: () => void): boolean {
  const isFree = to.writableLength === 0 && to.writableCorked === 0;
  if (isFree && to instanceof TLSSocket) {
    // It is encrypted during the call.
    to.write(chunk, onTaken);
    return false;
  }
  const taken = isFree && to instanceof Socket ? sendNow(to, chunk) : 0;
  if (taken === chunk.length) return true;
  to.write(Buffer.from(chunk.subarray(taken)), onTaken);
  return false;
}

/** @returns how many octets the kernel took. Errors show in the write of the rest. */
function sendNow(socket: Socket, chunk: Buffer): number {
  const fd = descriptor(socket);
  if (fd < 0 || socket.destroyed || socket.writableEnded) return 0;
  try {
    return writeSync(fd, chunk);
  } catch {
    return 0;
  }
}
