/** An upstream that writes down which requests reached it. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Recorder {
  readonly port: number;
  /** `METHOD path body` of the requests since the last call. */
  take(): string[];
  /** The same; they stay. */
  seen(): readonly string[];
  close(): void;
}

export function startRecorder(): Promise<Recorder> {
  let seen: string[] = [];
  const server = createServer({ maxHeaderSize: 256 * 1024 }, (request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('error', () => {});
    request.on('end', () => {
      seen.push(`${request.method} ${request.url} ${Buffer.concat(parts).toString('latin1')}`);
      response.end('ok');
    });
  });
  server.on('upgrade', (request, socket) => {
    socket.on('error', () => {});
    seen.push(`${request.method} ${request.url} `);
    socket.end('HTTP/1.1 200 OK\r\ncontent-length: 0\r\nconnection: close\r\n\r\n');
  });
  server.keepAliveTimeout = 60_000;
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => {
      resolve({
        // A TCP server's address is never a path.
        port: (server.address() as AddressInfo).port,
        take() {
          const taken = seen;
          seen = [];
          return taken;
        },
        seen: () => seen,
        close() {
          server.close();
          server.closeAllConnections();
        },
      });
    });
  });
}
