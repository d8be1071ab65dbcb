/** One request each over HTTP/1.1, HTTP/2 and gRPC, as plain clients make them: connections are kept, nothing is tried again. */
import { Agent, request } from 'node:http';
import { type ClientHttp2Session, connect } from 'node:http2';
import type { StreamOrder } from './order.ts';

/** Resolves with the text of a good answer; rejects with what went wrong. */
export interface Caller {
  /** @param path with the query; default: the order's */
  call(method: string, path?: string): Promise<string>;
  close(): void;
}

const BODY = Buffer.from('{"some":"thing"}');
/** From when a request has a connection: what waits for one of the client's own is late, which its latency tells, but is not given up.
 * Otherwise a stall would never end: what comes to its turn has no time left, is cut off, and costs the next one a connection. */
const DEFAULT_TIMEOUT_MS = 15_000;
const MAX_CONNECTIONS = 256;
/** Of a bad answer's body, for the report. */
const SHOWN = 200;

export function createCaller(order: StreamOrder): Caller {
  return order.protocol === 'http1' ? http1Caller(order) : http2Caller(order);
}

function http1Caller({ url, host, timeoutMs = DEFAULT_TIMEOUT_MS }: StreamOrder): Caller {
  const hostHeader = host === undefined ? {} : { host };
  const agent = new Agent({ keepAlive: true, maxSockets: MAX_CONNECTIONS });
  const { origin, pathname, search } = new URL(url);
  return {
    call: (method, path = pathname + search) =>
      new Promise((resolve, reject) => {
        const hasBody = method !== 'GET' && method !== 'HEAD';
        const outgoing = request(origin + path, { method, agent, headers: { ...hostHeader, ...(hasBody ? { 'content-length': BODY.length } : {}) } }, (response) => {
          let text = '';
          response.setEncoding('utf8').on('data', (part: string) => (text += part));
          response.once('end', () => {
            clearTimeout(timer);
            if (response.statusCode === 200) resolve(text);
            else reject(new Error(`${method} ${response.statusCode} ${text.slice(0, SHOWN)}`));
          });
          response.once('error', (error) => reject(new Error(`${method} in the answer: ${error.message}`)));
        });
        let timer: NodeJS.Timeout | undefined;
        outgoing.once('socket', () => (timer = setTimeout(() => outgoing.destroy(new Error('no answer in time')), timeoutMs)));
        outgoing.once('error', (error) => {
          clearTimeout(timer);
          reject(new Error(`${method} ${error.message}`));
        });
        outgoing.end(hasBody ? BODY : undefined);
      }),
    close: () => agent.destroy(),
  };
}

const REQUEST_MESSAGE = Buffer.from([0, 0, 0, 0, 2, 8, 1]);

function http2Caller(order: StreamOrder): Caller {
  const { origin, pathname, search } = new URL(order.url);
  const isGrpc = order.protocol === 'grpc';
  let session: ClientHttp2Session | undefined;
  // A session that was told to go takes no more requests; those under way end on it.
  const current = (): ClientHttp2Session => {
    if (session && !session.closed && !session.destroyed) return session;
    const next = connect(origin);
    next.on('error', () => {});
    next.on('goaway', () => next.close());
    session = next;
    return next;
  };
  return {
    call: (method, path = pathname + search) =>
      new Promise((resolve, reject) => {
        const verb = isGrpc ? 'POST' : method;
        const grpcHeaders = isGrpc ? { 'content-type': 'application/grpc', te: 'trailers' } : {};
        const stream = current().request({ ':method': verb, ':path': path, ...(order.host === undefined ? {} : { ':authority': order.host }), ...grpcHeaders }, { endStream: verb === 'GET' });
        let status = 0;
        let grpcStatus: string | undefined;
        let message = '';
        let text = '';
        const readGrpc = (headers: Record<string, unknown>): void => {
          if (headers['grpc-status'] === undefined) return;
          grpcStatus = String(headers['grpc-status']);
          message = String(headers['grpc-message'] ?? '');
        };
        let timer: NodeJS.Timeout | undefined;
        const begin = (): void => {
          timer = setTimeout(() => {
            message = 'no answer in time';
            stream.destroy();
          }, order.timeoutMs ?? DEFAULT_TIMEOUT_MS);
        };
        if (stream.pending) stream.once('ready', begin);
        else begin();
        stream.once('response', (headers) => {
          status = headers[':status'] ?? 0;
          readGrpc(headers);
        });
        stream.once('trailers', readGrpc);
        stream.setEncoding('utf8').on('data', (part: string) => (text += part));
        let ended = false;
        let failure = '';
        stream.once('end', () => (ended = true));
        stream.once('error', (error) => (failure = error.message));
        stream.once('close', () => {
          clearTimeout(timer);
          const isGood = ended && failure === '' && status === 200 && (!isGrpc || grpcStatus === '0');
          if (isGood) resolve(isGrpc ? '' : text);
          else reject(new Error(`${verb} ${status} grpc-status ${grpcStatus ?? '-'} ${message} reset ${stream.rstCode} ${failure} ${text.slice(0, SHOWN)}`));
        });
        if (verb !== 'GET') stream.end(isGrpc ? REQUEST_MESSAGE : BODY);
      }),
    close: () => session?.close(),
  };
}
