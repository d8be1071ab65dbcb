/** Clients and servers of bytes, for tests that must see exactly what is on the wire. */
import { randomInt } from 'node:crypto';
import { createSocket } from 'node:dgram';
import { createServer as createHttpServer, request as httpRequest, type IncomingMessage, type RequestListener, type RequestOptions } from 'node:http';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import type { TestContext } from 'node:test';

/** Sends bytes, returns everything until the server closes. */
export function exchangeBytes(port: number, bytes: string | Buffer): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect({ port, host: '127.0.0.1' });
    let text = '';
    socket.on('data', (chunk) => (text += chunk.toString('latin1')));
    socket.on('error', reject);
    socket.on('close', () => resolve(text));
    socket.write(bytes, 'latin1');
  });
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
  readonly trailers: NodeJS.Dict<string>;
}

export function call(port: number, options: RequestOptions & { body?: string | Buffer } = {}): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const request = httpRequest({ port, host: '127.0.0.1', path: '/', ...options }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (chunk: Buffer) => parts.push(chunk));
      response.on('error', reject);
      response.on('end', () => resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts).toString(), trailers: response.trailers }));
    });
    request.on('error', reject);
    request.end(options.body);
  });
}

/** An HTTP server on a free port, closed with the test. */
export async function httpUpstream(t: TestContext, onRequest: RequestListener): Promise<number> {
  const server = createHttpServer(onRequest);
  return listen(t, server, () => server.closeAllConnections());
}

export async function tcpUpstream(t: TestContext, onConnection: (socket: Socket) => void): Promise<number> {
  const open = new Set<Socket>();
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    open.add(socket);
    socket.on('error', () => {});
    socket.on('close', () => open.delete(socket));
    onConnection(socket);
  });
  return listen(t, server, () => {
    for (const socket of open) socket.destroy();
  });
}

export function listen(t: TestContext, server: Server, closeAll: () => void): Promise<number> {
  t.after(() => {
    closeAll();
    server.close();
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as AddressInfo).port));
  });
}

/** Below those that the kernel gives to whoever asks for any port, or connects: one of those, free now, is an HTTP server of another test a moment
 * later (there are seven thousand), or, connected to, the other end of itself. Bench, mesh and node ports are elsewhere. */
const DEAD_PORTS = { from: 21_000, to: 30_000 } as const;
/** A port on which nobody listens, and nobody will who did not get it here, in this process or in another. */
export async function deadPort(): Promise<number> {
  for (let attempt = 0; attempt < 100; attempt++) {
    const port = randomInt(DEAD_PORTS.from, DEAD_PORTS.to);
    if ((await isClaimed(port)) && (await isFree(port))) return port;
  }
  throw new Error(`no free port found from ${DEAD_PORTS.from} to ${DEAD_PORTS.to}`);
}

/** Tells the others by the UDP port of the same number, which the kernel gives to one process as long as that lives. */
function isClaimed(port: number): Promise<boolean> {
  const claim = createSocket('udp4');
  return new Promise((resolve) => {
    claim.once('error', () => resolve(false));
    claim.bind({ port, address: '127.0.0.1', exclusive: true }, () => {
      claim.unref();
      resolve(true);
    });
  });
}

function isFree(port: number): Promise<boolean> {
  const server = createServer();
  return new Promise((resolve) => {
    server.once('error', () => resolve(false));
    // On all addresses: somebody may have it on one.
    server.listen(port, '0.0.0.0', () => server.close(() => resolve(true)));
  });
}
