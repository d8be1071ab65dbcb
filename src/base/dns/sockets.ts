/** The sockets of a DNS server, UDP and TCP. */
import { createSocket, type Socket as UdpSocket } from 'node:dgram';
import { once } from 'node:events';
import { createServer, isIPv6, type AddressInfo, type Server, type Socket } from 'node:net';
import type { Log } from '../log.ts';

const TCP_IDLE_MS = 10_000;
const MAX_CONNECTIONS = 256;
/** Questions in work on one connection; while there are so many, no more are read from it. */
const MAX_PIPELINED = 32;

export type Transport = 'udp' | 'tcp';

export interface DnsSockets {
  /** Binds every address; of a port 0 the first decides which. Returns the port. */
  start(addresses: readonly string[], port: number): Promise<number>;
  close(): Promise<void>;
}

/** Answers one message; undefined: it is not worth an answer. */
export type Respond = (message: Buffer, transport: Transport) => Promise<Buffer | undefined>;

export function createDnsSockets(respond: Respond, log: Log): DnsSockets {
  const udp: UdpSocket[] = [];
  const tcp: Server[] = [];
  const connections = new Set<Socket>();

  const listenUdp = async (address: string, port: number): Promise<void> => {
    const socket = createSocket(isIPv6(address) ? 'udp6' : 'udp4');
    udp.push(socket);
    let isOpen = true;
    socket.on('close', () => void (isOpen = false));
    socket.on('message', (message, from) => {
      void respond(message, 'udp').then((answer) => {
        if (answer && isOpen) socket.send(answer, from.port, from.address);
      });
    });
    socket.bind(port, address);
    await once(socket, 'listening');
    socket.on('error', (error) => log.warn('DNS socket failed', { error }));
  };
  const listenTcp = async (address: string, port: number): Promise<number> => {
    const server = createServer({ allowHalfOpen: true }, (socket) => {
      if (connections.size >= MAX_CONNECTIONS) return void socket.destroy();
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      serve(socket, respond);
    });
    tcp.push(server);
    server.listen(port, address);
    await once(server, 'listening');
    // A TCP server's address is never a path.
    return (server.address() as AddressInfo).port;
  };
  return {
    async start(addresses, port) {
      let bound = port;
      for (const address of addresses) {
        // TCP picks the port, when any will do: of those, more are in use.
        bound = await listenTcp(address, bound);
        await listenUdp(address, bound);
      }
      return bound;
    },
    async close() {
      for (const socket of connections) socket.destroy();
      await Promise.all([...udp.splice(0).map((s) => new Promise<void>((done) => s.close(() => done()))), ...tcp.splice(0).map((s) => new Promise<void>((done) => s.close(() => done())))]);
    },
  };
}

/** Messages with their length before them, answered as they are ready (RFC 7766 §6.2.1.1). */
function serve(socket: Socket, respond: Respond): void {
  let held = Buffer.alloc(0);
  let open = 0;
  let hasEnded = false;
  const settle = (): void => {
    if (hasEnded && open === 0) socket.end();
  };
  const take = (): void => {
    while (open < MAX_PIPELINED && held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const message = held.subarray(2, 2 + held.readUInt16BE(0));
      held = held.subarray(2 + message.length);
      open += 1;
      void respond(message, 'tcp').then((answer) => {
        open -= 1;
        if (socket.destroyed) return;
        if (!answer) return void socket.destroy();
        socket.write(framed(answer));
        take();
        settle();
      });
    }
    if (open >= MAX_PIPELINED) socket.pause();
    else socket.resume();
  };
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk: Buffer) => {
    held = Buffer.concat([held, chunk]);
    take();
  });
  socket.on('end', () => {
    hasEnded = true;
    settle();
  });
}

/** With its length before it, as TCP carries it (RFC 1035 §4.2.2). */
export function framed(message: Buffer): Buffer {
  const out = Buffer.allocUnsafe(2 + message.length);
  out.writeUInt16BE(message.length);
  message.copy(out, 2);
  return out;
}
