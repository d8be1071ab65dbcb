/** A small HTTP server for the proxy's own pages: routes by path, nothing buffered beyond a bound, closed at once. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createTcpServer, type AddressInfo } from 'node:net';
import { MeshError, errorText } from '../../base/errors.ts';
import { listenAt } from '../../base/listen.ts';
import type { Log } from '../../base/log.ts';

export class AdminError extends MeshError<'ADMIN_PORT'> {}

export interface Page {
  readonly status?: number;
  readonly type?: string;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

export interface PageRequest {
  readonly method: string;
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  /** True when the caller is on this host. */
  readonly isLocal: boolean;
}

export type PageHandler = (request: PageRequest) => Page | Promise<Page>;

export interface Route {
  readonly path: string;
  /** True: the path is a prefix. */
  readonly isPrefix?: boolean;
  /** Changes something: POST only. */
  readonly isMutation?: boolean;
  readonly handle: PageHandler;
}

export interface HttpService {
  /** The port in use. */
  start(): Promise<number>;
  close(): Promise<void>;
}

export const text = (body: string, status = 200): Page => ({ status, type: 'text/plain; charset=utf-8', body });
export const json = (value: unknown, status = 200): Page => ({ status, type: 'application/json', body: `${JSON.stringify(value, undefined, 1)}\n` });

export interface HttpServiceOptions {
  /** For messages: `admin`, `status`, … */
  readonly name: string;
  readonly host: string;
  /** 0: any free one. */
  readonly port: number;
  readonly routes: readonly Route[];
  readonly log: Log;
}

export function createHttpService(options: HttpServiceOptions): HttpService {
  const { name, host, port, routes, log } = options;
  const exact = new Map(routes.filter((r) => !r.isPrefix).map((r) => [r.path, r]));
  const prefixes = routes.filter((r) => r.isPrefix);
  const find = (path: string) => exact.get(path) ?? prefixes.find((r) => path.startsWith(r.path));

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '/', 'http://localhost');
    const route = find(url.pathname);
    const method = request.method ?? 'GET';
    request.resume();
    if (!route) return send(response, method, text(`invalid path. admin commands are:\n${routes.map((r) => `  ${r.path}\n`).join('')}`, 404));
    // Envoy admin: "mutations must be sent as HTTP POST"; a GET of them is 400.
    if (route.isMutation && method !== 'POST') return send(response, method, text(`${url.pathname} changes something and must be a POST\n`, 400));
    const remote = request.socket.remoteAddress ?? '';
    const isLocal = remote === '::1' || remote.replace('::ffff:', '').startsWith('127.');
    send(response, method, await route.handle({ method, path: url.pathname, query: url.searchParams, headers: request.headers, isLocal }));
  };
  const createPages = (): Server => {
    const pages = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
      answer(request, response).catch((error: unknown) => {
        log.warn('a page failed', { page: request.url, error: errorText(error) });
        if (!response.headersSent) send(response, request.method ?? 'GET', text(`${errorText(error)}\n`, 500));
        else response.destroy();
      });
    });
    // It listens nowhere itself; with this it begins to keep account of its connections, and of the time they take.
    pages.emit('listening');
    return pages;
  };
  // Node's HTTP is loaded by the first who asks: 3 ms of a sidecar's start. Options of the sockets are those that it would set.
  let pages: Server | undefined;
  const server = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => void (pages ??= createPages()).emit('connection', socket));
  return {
    start: () =>
      new Promise((resolve, reject) => {
        server.once('error', (cause) => reject(new AdminError('ADMIN_PORT', `cannot listen on ${host}:${port} for ${name}; is another proxy running here?`, { cause })));
        // A TCP server's address is never a path.
        listenAt(server, { host, port }, () => resolve((server.address() as AddressInfo).port));
      }),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        pages?.close();
        pages?.closeAllConnections();
      }),
  };
}

function send(response: ServerResponse, method: string, page: Page): void {
  const body = Buffer.from(page.body);
  response.writeHead(page.status ?? 200, { 'content-type': page.type ?? 'text/plain; charset=utf-8', 'content-length': body.length, 'cache-control': 'no-cache, max-age=0', 'x-content-type-options': 'nosniff', ...page.headers });
  response.end(method === 'HEAD' ? undefined : body);
}
