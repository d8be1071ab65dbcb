/** The application behind the proxies: does what the request's path says, and tells what it was sent. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Upstream {
  readonly port: number;
  /** Requests seen since the last call, oldest first. */
  take(): SeenRequest[];
  close(): Promise<void>;
}

export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: string;
}

/** `/status/503`, `/status/503,200` (one after the other), `/delay/300`, `/reset`, `/reset-after-head`, `/stall`, `/chunks/3`; else an echo. */
export async function startUpstream(): Promise<Upstream> {
  let seen: SeenRequest[] = [];
  const turns = new Map<string, number>();
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part: Buffer) => parts.push(part));
    request.on('end', () => {
      seen.push({ method: request.method ?? '', path: request.url ?? '', headers: headersOf(request), body: Buffer.concat(parts).toString() });
      behave(request, response, turns);
    });
    request.on('error', () => response.destroy());
  });
  server.keepAliveTimeout = 60_000;
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  return {
    port: (server.address() as AddressInfo).port,
    take() {
      const taken = seen;
      seen = [];
      return taken;
    },
    close: () => closeServer(server),
  };
}

function behave(request: IncomingMessage, response: ServerResponse, turns: Map<string, number>): void {
  const [, what = '', argument = ''] = (request.url ?? '').split('?')[0]?.split('/') ?? [];
  switch (what) {
    case 'status': {
      const codes = argument.split(',').map(Number);
      const key = String(request.headers['x-scenario']);
      const turn = turns.get(key) ?? 0;
      turns.set(key, turn + 1);
      const code = codes[Math.min(turn, codes.length - 1)] ?? 200;
      response.writeHead(code, { 'content-length': '0' }).end();
      return;
    }
    case 'delay':
      setTimeout(() => answer(response), Number(argument));
      return;
    case 'reset':
      request.socket.destroy();
      return;
    case 'reset-after-head':
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
      setTimeout(() => request.socket.destroy(), 20);
      return;
    case 'stall':
      response.writeHead(200, { 'content-length': '1000' });
      response.write('half');
      return;
    case 'chunks':
      for (let i = 0; i < Number(argument); i++) response.write(`chunk ${i}\n`);
      response.end();
      return;
    default:
      answer(response);
  }
}

function answer(response: ServerResponse): void {
  response.writeHead(200, { 'content-type': 'text/plain', 'X-Mixed-Case': 'Kept' });
  response.end('ok');
}

function headersOf(request: IncomingMessage): Record<string, string> {
  return Object.fromEntries(Object.entries(request.headers).map(([name, value]) => [name, Array.isArray(value) ? value.join(', ') : (value ?? '')]));
}

function closeServer(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
