/** Listening sockets on the machine's loopback. */
import { createServer } from 'node:net';
import type { Server } from 'node:net';

const TRIES = 50;
/** Ports that a user expects for a privileged one. */
const INSTEAD: Readonly<Record<number, number>> = { 80: 8080, 443: 8443 };

/** The port on the host for a port of a service when nothing else is wished: 80 → 8080, 443 → 8443, else the same. */
export const wantedHostPort = (port: number): number => INSTEAD[port] ?? port;

/** Listens on the wanted port of 127.0.0.1, or on the next that is free, or on any. */
export async function listenNear(wanted: number): Promise<{ server: Server; port: number }> {
  for (let port = wanted; port < Math.min(wanted + TRIES, 65536); port++) {
    const server = await tryListen(port);
    if (server) return { server, port };
  }
  const server = await tryListen(0);
  const address = server?.address();
  if (!server || typeof address !== 'object' || address === null) throw new Error('no port is free on 127.0.0.1');
  return { server, port: address.port };
}

function tryListen(port: number): Promise<Server | undefined> {
  return new Promise((resolve) => {
    // Until the socket is handed on, a connection would wait here for nobody; a refused one is tried again.
    const server = createServer((early) => early.destroy());
    server.once('error', () => resolve(undefined));
    server.listen({ host: '127.0.0.1', port, backlog: 511 }, () => resolve(server));
  });
}
