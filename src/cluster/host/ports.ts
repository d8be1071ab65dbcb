/** Listening sockets on the machine's loopback. */
import { createServer } from 'node:net';
import type { Server } from 'node:net';
import { MeshError } from '../../base/errors.ts';

const TRIES = 50;
/** Ports that a user expects for a privileged one. */
const INSTEAD: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 };

/** The port on the host for a port of a service when nothing else is wished: 80 → 8080, 443 → 8443, else the same. */
export const wantedHostPort = (port: number): number => INSTEAD[port] ?? port;

/** Listens on the wanted port of 127.0.0.1, or on the next that is free, or on any. */
export async function listenNear(wanted: number): Promise<{ server: Server; port: number }> {
  const near = wanted === 0 ? [] : Array.from({ length: TRIES }, (_, i) => wanted + i).filter((port) => port < 65_536);
  for (const port of [...near, 0]) {
    const server = await tryListen(port);
    const address = server?.address();
    if (server && typeof address === 'object' && address !== null) return { server, port: address.port };
  }
  throw new MeshError('CLUSTER_PORTS', 'no port is free on 127.0.0.1; end other programs first');
}

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    // Until the socket is handed on, a connection would wait here for nobody; a refused one is tried again.
    const server = createServer((early) => early.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: '127.0.0.1', port, backlog: 511 }, () => resolve(server));
  });
}
