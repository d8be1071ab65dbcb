/** The few things every sample app does the same way: listen, answer JSON, stop on SIGTERM after open requests have ended. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';

export type Handler = (request: IncomingMessage, response: ServerResponse, url: URL) => void | Promise<void>;

export function sendJson(response: ServerResponse, status: number, body: unknown): void {
  send(response, status, { type: 'application/json', body: `${JSON.stringify(body)}\n` });
}

export function send(response: ServerResponse, status: number, content: { type: string; body: string | Buffer; headers?: Record<string, string> }): void {
  const body = Buffer.from(content.body as string);
  response.writeHead(status, { 'content-type': content.type, 'content-length': body.length, ...content.headers });
  response.end(body);
}

export async function readBody(request: IncomingMessage, limitBytes = 1 << 20): Promise<Buffer> {
  const parts: Buffer[] = [];
  let size = 0;
  for await (const part of request as AsyncIterable<Buffer>) {
    size += part.length;
    if (size > limitBytes) throw new Error(`body over ${limitBytes} bytes`);
    parts.push(part);
  }
  return Buffer.concat(parts);
}

/** Serves on `port` of every address; the process ends on SIGTERM once open requests are answered. */
export function serve(port: number, handler: Handler): void {
  let isEnding = false;
  const server = createServer((request, response) => {
    if (isEnding) response.setHeader('connection', 'close');
    // A connection that was busy when the end began would otherwise be kept, and the process with it.
    response.once('finish', () => isEnding && setImmediate(() => server.closeIdleConnections()));
    const url = new URL(request.url ?? '/', 'http://localhost');
    Promise.resolve()
      .then(() => handler(request, response, url))
      .catch((error: unknown) => {
        if (!response.headersSent) sendJson(response, 500, { error: error instanceof Error ? error.message : String(error) });
        else response.destroy();
      });
  });
  // Longer than a sidecar keeps an idle connection: the side that reuses connections must be the one that closes them.
  server.keepAliveTimeout = 3_900_000;
  server.listen(port, () => console.log(`listening on ${port}`));
  for (const signal of ['SIGTERM', 'SIGINT'] as const) {
    process.once(signal, () => {
      isEnding = true;
      server.close(() => process.exit(0));
      server.closeIdleConnections();
    });
  }
}
