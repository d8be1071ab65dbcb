/** How connections end: gently, so that what was written still leaves, or by a reset that the other side can tell from an end. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';

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

/** How long the other side may take to end, too. Envoy: delayed_close_timeout. */
const LINGER_MS = 1000;

/** Ends a connection that is served no longer: what was written still leaves, and what the other side has said is read away, since to the
 * kernel a close over unread bytes is a reset. It is over when the other side ends it, too. */
export function dismiss(socket: Duplex, clock: Clock): void {
  if (socket.destroyed) return;
  const timer = clock.after(LINGER_MS, () => socket.destroy());
  timer.unref();
  socket.once('close', () => timer.cancel());
  socket.resume();
  socket.end();
}

/** TCP RST. */
export function resetConnection(socket: Duplex): void {
  const raw = carriers.get(socket) ?? socket;
  if (raw instanceof Socket && !raw.destroyed) raw.resetAndDestroy();
  socket.destroy();
}

/** The other side reset the connection. */
export const isReset = (error: Error): boolean => 'code' in error && error.code === 'ECONNRESET';
