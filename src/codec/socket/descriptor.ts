import type { Server, Socket } from 'node:net';

/** The kernel's number for the socket, -1 when it is closed; Node has no public way to it. */
export function descriptor(socket: Socket | Server): number {
  return (socket as (Socket | Server) & { _handle?: { fd?: number } | null })._handle?.fd ?? -1;
}
