import { isIPv4, type Server } from 'node:net';

export interface ListenAt {
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  /** Default: Node's, 511. */
  readonly backlog?: number;
  /** Another socket of the same user that says so too may have the port (SO_REUSEPORT). */
  readonly reusePort?: boolean;
}

/** Takes (address, port, family, backlog, descriptor, flags), and listens without looking the address up. */
type ListenDirectly = (...at: [string, number, 4, number, undefined, number]) => void;

/** libuv: UV_TCP_REUSEPORT. */
const REUSE_PORT = 2;

const NODE_BACKLOG = 511;

/** `server.listen`, in a shorter way for IPv4. Node looks even addresses up as names, and for that makes the pattern of an IPv6
 * address (7 ms) and loads what shares ports between processes (2 ms): a tenth of a sidecar's start. `_listen2` is what it calls
 * then; where it is missing, the usual way is taken. Events are the same. */
export function listenAt(server: Server, { host, port, backlog = NODE_BACKLOG, reusePort = false }: ListenAt, onListening: () => void): void {
  // Node keeps it under this name, out of its documentation.
  const { _listen2: listenDirectly } = server as { _listen2?: ListenDirectly };
  if (listenDirectly === undefined || !isIPv4(host)) return void server.listen({ host, port, backlog, reusePort }, onListening);
  server.once('listening', onListening);
  listenDirectly.call(server, host, port, 4, backlog, undefined, reusePort ? REUSE_PORT : 0);
}
