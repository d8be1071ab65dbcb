/** A port that a listener has of its own. It is bound before the listener is in force, so that the control plane hears at once
 * when that cannot be; who connects until then waits. */
import { createServer, type Server, type Socket } from 'node:net';
import { systemClock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import { listenAt } from '../../base/listen.ts';
import { descriptor } from '../../codec/socket/descriptor.ts';
import { newcomers } from '../../codec/socket/newcomers.ts';
import type { SocketAddress } from '../runtime-contract.ts';
import { descriptorTable } from './descriptor-table.ts';
import { netAddress } from './format-address.ts';
import { PendingConnections } from './pending-connections.ts';

const BACKLOG = 4096;
const KEEPALIVE_MS = 60_000;

export class BoundPort {
  readonly wanted: SocketAddress;
  /** Why it could not be bound; undefined when it is. */
  readonly failure: Promise<string | undefined>;
  readonly #server: Server;
  readonly #pending: PendingConnections;
  #bound: SocketAddress | undefined;
  #serve: ((socket: Socket) => void) | undefined;
  #waiting: Socket[] = [];

  constructor(wanted: SocketAddress) {
    this.wanted = wanted;
    const server = createServer({ allowHalfOpen: true, pauseOnConnect: true }, (socket) => {
      if (this.#pending.areLikely(systemClock.monotonic())) newcomers.connections.add(this.#pending);
      this.#onConnection(socket);
    });
    this.#server = server;
    this.#pending = new PendingConnections(server, (socket) => this.#onConnection(socket));
    this.failure = new Promise((resolve) => {
      // A connection that cannot be accepted, later, costs that connection and nothing else.
      server.on('error', (error: NodeJS.ErrnoException) => resolve(`cannot bind ${wanted.address}:${wanted.port}: ${error.code === 'EADDRINUSE' ? 'address already in use' : errorText(error)}`));
      listen(server, wanted, () => {
        const address = server.address();
        this.#bound = typeof address === 'object' && address !== null ? { address: address.address, port: address.port } : wanted;
        resolve(undefined);
      });
    });
  }

  /** Undefined until it is bound. */
  get bound(): SocketAddress | undefined {
    return this.#bound;
  }

  /** From now on the listener is in force. */
  serve(onConnection: (socket: Socket) => void): void {
    this.#serve = onConnection;
    for (const socket of this.#waiting.splice(0)) if (!socket.destroyed) onConnection(socket);
  }

  /** Takes nobody any more. */
  close(): void {
    newcomers.connections.remove(this.#pending);
    this.#server.close();
    for (const socket of this.#waiting.splice(0)) socket.destroy();
  }

  #onConnection(socket: Socket): void {
    descriptorTable.makeRoomAfter(descriptor(socket));
    socket.setNoDelay(true).setKeepAlive(true, KEEPALIVE_MS);
    if (this.#serve) this.#serve(socket);
    else this.#hold(socket);
  }

  #hold(socket: Socket): void {
    socket.on('error', () => socket.destroy());
    this.#waiting.push(socket);
  }
}

function listen(server: Server, wanted: SocketAddress, onListening: () => void): void {
  const at = netAddress(wanted);
  if ('path' in at) server.listen({ ...at, backlog: BACKLOG }, onListening);
  // A listener that moves to another address of its port is there before it leaves the first. Envoy: enable_reuse_port.
  else listenAt(server, { ...at, backlog: BACKLOG, reusePort: true }, onListening);
}
