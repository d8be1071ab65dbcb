/** Writes of bytes that are only lent (see lent-reads.ts): what the kernel takes at once is never copied. */
import { writeSync, writevSync } from 'node:fs';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { TLSSocket } from 'node:tls';
import { descriptor } from './descriptor.ts';
import { writeOut } from './held-writes.ts';
import { isEncrypted } from './is-encrypted.ts';

/** @param pieces one after the other; none is empty
 * @param onTaken called later, when this returned false
 * @returns false: not all is taken yet, and until `onTaken` the caller should send nothing more */
export function writeLent(to: Duplex, pieces: readonly Buffer[], onTaken: () => void): boolean {
  writeOut(to);
  const isFree = to.writableLength === 0 && to.writableCorked === 0;
  if (isFree && isEncrypted(to)) {
    encryptNow(to, pieces, onTaken);
    return false;
  }
  const total = pieces.reduce((sum, piece) => sum + piece.length, 0);
  const taken = isFree && to instanceof Socket ? sendNow(to, pieces) : 0;
  if (taken === total) return true;
  to.write(restOf(pieces, taken), onTaken);
  return false;
}

/** @returns how many octets the kernel took. Errors show in the write of the rest. */
function sendNow(socket: Socket, pieces: readonly Buffer[]): number {
  const fd = descriptor(socket);
  const [only] = pieces;
  if (fd < 0 || only === undefined || socket.destroyed || socket.writableEnded) return 0;
  try {
    return pieces.length === 1 ? writeSync(fd, only) : writevSync(fd, pieces);
  } catch {
    return 0;
  }
}

/** OpenSSL reads the bytes during the call. */
function encryptNow(to: TLSSocket, pieces: readonly Buffer[], onTaken: () => void): void {
  to.cork();
  for (const [i, piece] of pieces.entries()) to.write(piece, i === pieces.length - 1 ? onTaken : undefined);
  to.uncork();
}

/** A copy of what follows the first octets. */
function restOf(pieces: readonly Buffer[], taken: number): Buffer {
  let skip = taken;
  const rest: Buffer[] = [];
  for (const piece of pieces) {
    if (skip < piece.length) rest.push(piece.subarray(skip));
    skip = Math.max(0, skip - piece.length);
  }
  return Buffer.concat(rest);
}
