import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';

/** Undefined for what is no connection, or no more. */
export const remoteAddress = (socket: Duplex): string | undefined => (socket instanceof Socket ? socket.remoteAddress : undefined);
