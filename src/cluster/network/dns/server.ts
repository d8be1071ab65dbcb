/** The cluster's DNS server, UDP and TCP. */
import { createSocket } from 'node:dgram';
import type { Socket as UdpSocket } from 'node:dgram';
import { createServer } from 'node:net';
import type { AddressInfo, Server, Socket } from 'node:net';
import { once } from 'node:events';
import type { Log } from '../../../base/log.ts';
import { decodeQuery, encodeAnswer, ResponseCode } from '../../../base/dns/message.ts';
import type { Answer, Query } from '../../../base/dns/message.ts';
import { answerQuestion } from './zone.ts';
import type { ZoneView } from './zone.ts';

const TCP_IDLE_MS = 10_000;
const MAX_UDP = 1232;

export interface DnsServer {
  /** Binds every address. Returns the port, for tests that ask for 0 with one address. */
  start(addresses: readonly string[], port?: number): Promise<number>;
  close(): Promise<void>;
}

/** Names that are not the cluster's own do not exist for it: pods have no way to the outside, so that a fast "no such
 * name" is the truth, and resolvers do not wait for a server that cannot be reached. */
export function createDnsServer(view: ZoneView, log: Log): DnsServer {
  const udp: UdpSocket[] = [];
  const tcp: Server[] = [];
  const connections = new Set<Socket>();

  const listenUdp = async (address: string, port: number): Promise<void> => {
    const socket = createSocket('udp4');
    udp.push(socket);
    socket.on('message', (bytes, from) => {
      const query = decodeQuery(bytes);
      if (query) socket.send(encodeAnswer(query, respond(view, query), Math.min(query.udpSize, MAX_UDP)), from.port, from.address);
    });
    socket.on('error', (error) => log.warn('dns socket failed', { error }));
    socket.bind(port, address);
    await once(socket, 'listening');
  };
  const listenTcp = async (address: string, port: number): Promise<number> => {
    const server = createServer((socket) => {
      connections.add(socket);
      socket.on('close', () => connections.delete(socket));
      serveTcp(socket, view);
    });
    tcp.push(server);
    server.listen(port, address);
    await once(server, 'listening');
    // A TCP server's address is never a path.
    return (server.address() as AddressInfo).port;
  };

  return {
    async start(addresses, port = 53) {
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
      await Promise.all([...udp.splice(0).map((s) => new Promise<void>((done) => s.close(done))), ...tcp.splice(0).map((s) => new Promise<void>((done) => s.close(() => done())))]);
    },
  };
}

function respond(view: ZoneView, query: Query): Answer {
  const nothing = { answers: [], authority: [], additional: [] };
  if (query.opcode !== 0) return { code: ResponseCode.NotImplemented, ...nothing };
  return answerQuestion(view, query.question) ?? { code: ResponseCode.NameError, ...nothing };
}

/** Messages with a two-byte length before each (RFC 1035 §4.2.2), several on one connection. */
function serveTcp(socket: Socket, view: ZoneView): void {
  let held = Buffer.alloc(0);
  socket.setTimeout(TCP_IDLE_MS, () => socket.destroy());
  socket.on('error', () => socket.destroy());
  socket.on('data', (chunk) => {
    held = Buffer.concat([held, chunk as Buffer]);
    while (held.length >= 2 && held.length >= 2 + held.readUInt16BE(0)) {
      const length = held.readUInt16BE(0);
      const query = decodeQuery(held.subarray(2, 2 + length));
      held = held.subarray(2 + length);
      if (!query) return void socket.destroy();
      const answer = encodeAnswer(query, respond(view, query), 0xffff);
      const prefix = Buffer.alloc(2);
      prefix.writeUInt16BE(answer.length);
      socket.write(Buffer.concat([prefix, answer]));
    }
  });
}
