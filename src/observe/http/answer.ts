/** HTTP as the query APIs need it: a router that turns a request into an answer, with JSON and forms. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gunzipSync } from 'node:zlib';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';

export interface Request {
  readonly method: string;
  readonly path: string;
  /** Query string, and the form of a POST. */
  readonly params: URLSearchParams;
  readonly headers: IncomingMessage['headers'];
  readonly body: Buffer;
}

export interface Answer {
  readonly status: number;
  readonly type: string;
  readonly body: string | Buffer;
}

export type Handler = (request: Request) => Answer | Promise<Answer>;

export const json = (value: unknown, status = 200): Answer => ({ status, type: 'application/json', body: JSON.stringify(value) });
export const plain = (body: string, status = 200): Answer => ({ status, type: 'text/plain; charset=utf-8', body });

export interface HttpServerOptions {
  /** 0 picks a free one. */
  readonly port: number;
  /** Default `0.0.0.0`. */
  readonly host?: string;
  readonly handler: Handler;
  readonly log: Log;
  /** Largest request body, bytes, also after decompression. Default 16 MiB. */
  readonly maxBodyBytes?: number;
}

/** Longer than the hour for which Envoy keeps idle connections. Who sends on kept connections must be who closes them: what is sent on one
 * that is being closed here is lost, and exporters of spans do not send again (Envoy's sends every 5 s, Node closes after 5 or 6). */
const IDLE_MS = 3_900_000;

/** An HTTP listener with an owner. `start` resolves to the port. */
export class HttpListener {
  readonly #options: HttpServerOptions;
  readonly #server: Server;

  constructor(options: HttpServerOptions) {
    this.#options = options;
    this.#server = createServer({ keepAliveTimeout: IDLE_MS }, (request, response) => void this.#serve(request, response));
  }

  async start(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#options.port, this.#options.host ?? '0.0.0.0', () => resolve());
    });
    // A TCP listener's address is always this shape.
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  async #serve(incoming: IncomingMessage, response: ServerResponse): Promise<void> {
    try {
      const request = await readRequest(incoming, this.#options.maxBodyBytes ?? 16 * 1024 * 1024);
      const answer = request === undefined ? plain('the request body is too large\n', 413) : await this.#options.handler(request);
      response.writeHead(answer.status, { 'content-type': answer.type, 'content-length': Buffer.byteLength(answer.body), 'access-control-allow-origin': '*' });
      response.end(incoming.method === 'HEAD' ? undefined : answer.body);
    } catch (error) {
      if (incoming.destroyed && !incoming.complete) return;
      this.#options.log.error('request failed', { path: incoming.url, error: errorText(error) });
      if (!response.headersSent) response.writeHead(500, { 'content-type': 'text/plain' });
      response.end('internal error\n');
    }
  }
}

async function readRequest(incoming: IncomingMessage, maxBytes: number): Promise<Request | undefined> {
  const url = new URL(incoming.url ?? '/', 'http://localhost');
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of incoming as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > maxBytes) return undefined;
    chunks.push(chunk);
  }
  const raw = Buffer.concat(chunks);
  const body = incoming.headers['content-encoding'] === 'gzip' ? gunzip(raw, maxBytes) : raw;
  if (body === undefined) return undefined;
  const params = url.searchParams;
  if (incoming.headers['content-type']?.startsWith('application/x-www-form-urlencoded')) {
    for (const [name, value] of new URLSearchParams(body.toString('utf8'))) params.append(name, value);
  }
  return { method: incoming.method ?? 'GET', path: url.pathname, params, headers: incoming.headers, body };
}

function gunzip(body: Buffer, maxBytes: number): Buffer | undefined {
  try {
    return gunzipSync(body, { maxOutputLength: maxBytes });
  } catch {
    // Not gzip, or larger than we read: both are the sender's to mend.
    return undefined;
  }
}
