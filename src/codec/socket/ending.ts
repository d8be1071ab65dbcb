/** How connections end: gently, so that what was written still leaves, or by a reset that the other side can tell from an end. */
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import type { Clock } from '../../base/clock.ts';
import { readAway } from './lent-reads.ts';
import { newcomers } from './newcomers.ts';

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

/** Envoy's default of `delayed_close_timeout`. */
export const DEFAULT_CLOSE_DELAY_MS = 1000;
/** Of what the other side still says; then it is not listened to. */
const MOST_READ_AWAY = 1024 * 1024;

export interface Dismissal {
  readonly clock: Clock;
  /** How long the other side may take to end, too; 0: not at all. Envoy: delayed_close_timeout. */
  readonly patienceMs: number;
  /** What was written says that this is the end, and the kernel says it only when the patience is over: who was refused and waits for
   * that cannot come again at once. As Envoy does. */
  readonly isHeld?: boolean;
  /** 0 ≤ random() < 1; default Math.random. */
  readonly random?: () => number;
}

/** Thousands who were refused at one moment are not to come again at one moment: who is held is held for up to so much longer. */
const HELD_LONGER = 0.5;

/** Ends a connection that is served no longer: what was written still leaves, and what the other side has said is read away, since to the
 * kernel a close over unread bytes is a reset. It is over when the other side ends it, too. */
export function dismiss(socket: Duplex, { clock, patienceMs, isHeld = false, random = Math.random }: Dismissal): void {
  if (socket.destroyed) return;
  if (isHeld) newcomers.countRefused();
  if (patienceMs <= 0) return closeGently(socket);
  const timer = clock.after(isHeld ? patienceMs * (1 + random() * HELD_LONGER) : patienceMs, () => socket.destroy());
  timer.unref();
  socket.once('close', () => timer.cancel());
  socket.once('end', () => socket.end());
  readAway(socket, MOST_READ_AWAY);
  if (!isHeld) socket.end();
}

/** TCP RST. */
export function resetConnection(socket: Duplex): void {
  const raw = carriers.get(socket) ?? socket;
  if (raw instanceof Socket && !raw.destroyed) raw.resetAndDestroy();
  socket.destroy();
}

/** The other side reset the connection. */
export const isReset = (error: Error): boolean => 'code' in error && error.code === 'ECONNRESET';
