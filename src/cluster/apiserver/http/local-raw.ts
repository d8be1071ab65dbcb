import type { IncomingMessage, ServerResponse } from 'node:http';
import { noSuchPath } from '../status.ts';

/** GETs of documents without a socket, for the in-process client. */
export function createLocalRaw(serve: (path: string, request: IncomingMessage, response: ServerResponse) => boolean): (method: string, path: string) => Promise<unknown> {
  return async (_method, path) => {
    let text = '';
    // Documents use no more of a request and a response than this.
    const request = { headers: { accept: 'application/json' } } as IncomingMessage;
    const response = {
      headersSent: false, destroyed: false, writeHead() {},
      end: (bytes: Buffer) => void (text = bytes.toString('utf8')),
    } as unknown as ServerResponse;
    if (!serve(path.split('?')[0] ?? '', request, response)) throw noSuchPath();
    try {
      return JSON.parse(text) as unknown;
    } catch {
      return text; // `/healthz` answers plain text
    }
  };
}
