/** Writes of small pieces that leave at the end of the turn of the event loop in which they are made, those of all connections one after the
 * other. A write wakes whoever waits for it, which costs the kernel more than the bytes: whoever gets the next one a moment later is
 * still awake, and half of the wakings fall away. Several pieces for one connection leave in one write, too. */
import type { Duplex } from 'node:stream';

let held: Duplex[] = [];
let spare: Duplex[] = [];

/** Writes in order, as `socket.write` does. A socket that is destroyed before the turn ends drops it: see `writeOut`.
 * @param piece text: one char per byte
 * @returns false when the socket asks to wait */
export function writeHeld(socket: Duplex, piece: Buffer | string): boolean {
  if (socket.writableCorked === 0) {
    socket.cork();
    if (held.push(socket) === 1) setImmediate(writeAll);
  }
  return socket.write(piece, 'latin1');
}

/** What is held of this connection leaves now. */
export function writeOut(socket: Duplex): void {
  if (socket.writableCorked > 0) socket.uncork();
}

function writeAll(): void {
  const sockets = held;
  held = spare;
  for (const socket of sockets) writeOut(socket);
  sockets.length = 0;
  spare = sockets;
}
