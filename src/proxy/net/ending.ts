/** How connections end: gently, so that what was written still leaves, or by a reset that the other side can tell from an end. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** TLS connections → the TCP connections that carry them. */
const carriers = new WeakMap<Duplex, Socket>();

export function setCarrier(secure: Duplex, raw: Socket): void {
  carriers.set(secure, raw);
}

/** What was written still leaves; nothing more is read. */
export function closeGently(socket: Duplex): void {
  if (socket.destroyed) return;
  if (socket.writableLength === 0) {
    socket.destroy();
    return;
  }
  socket.end(() => socket.destroy());
}

/** TCP RST. */
export function resetConnection(socket: Duplex): void {
  const raw = carriers.get(socket) ?? socket;
  if (raw instanceof Socket && !raw.destroyed) raw.resetAndDestroy();
  socket.destroy();
}

/** The other side reset the connection. */
export const isReset = (error: Error): boolean => 'code' in error && error.code === 'ECONNRESET';
