/** The one who asks: HTTP/1 as bytes, HTTP/2 by node:http2, or a conversation in bytes; each over TLS if told so. */
import { connect as connectHttp2, constants, type ClientHttp2Session, type IncomingHttpHeaders } from 'node:http2';
import type { Socket } from 'node:net';
import { connect as connectTls, type TLSSocket } from 'node:tls';
import type { WorkloadCertificate } from '../../../src/control/serve/testing/secret-service.ts';
import { parseAnswer } from './answer.ts';

export type Fields = readonly (readonly [name: string, value: string])[];

export interface ClientTls {
  readonly sni?: string;
  readonly alpn?: readonly string[];
  /** Shown to a server that asks. */
  readonly certificate?: WorkloadCertificate;
  readonly minVersion?: 'TLSv1.2' | 'TLSv1.3';
  readonly maxVersion?: 'TLSv1.2' | 'TLSv1.3';
}

export interface Request {
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: Fields;
  readonly body?: string | Buffer;
  readonly trailers?: Fields;
  readonly unfinished?: boolean;
}

/** How it went, whatever the protocol. */
export interface Result {
  readonly status: number;
  readonly headers: Fields;
  readonly body: string;
  readonly trailers: Fields;
  readonly interim: readonly number[];
  /** `refused`: no connection; `closed` and `reset`: it ended before the answer was whole; `NO_ERROR` and others: HTTP/2's code. */
  readonly end: string;
}

/** Who looks on while an answer comes. */
export interface Watch {
  /** Of what has come so far; several times with the same. */
  heard(answer: Pick<Result, 'status' | 'body'>): void;
  /** Resolves when the client gives up. */
  readonly leaving?: Promise<void>;
}

const NOTHING = { status: 0, headers: [], body: '', trailers: [], interim: [] } as const;
export const refused = (code: string): Result => ({ ...NOTHING, end: code });

export async function overTls(socket: Socket, tls: ClientTls): Promise<TLSSocket> {
  const { sni, alpn, certificate, minVersion, maxVersion } = tls;
  const secure = connectTls({ socket, servername: sni ?? '', ALPNProtocols: alpn ? [...alpn] : undefined, rejectUnauthorized: false, cert: certificate?.certificatePem, key: certificate?.keyPem, minVersion, maxVersion });
  await new Promise<void>((resolve, reject) => {
    secure.once('secureConnect', resolve);
    secure.once('error', reject);
    secure.once('close', () => reject(Object.assign(new Error('closed in the handshake'), { code: 'CLOSED_IN_HANDSHAKE' })));
  });
  return secure;
}

export function requestText(request: Request): string {
  const { method, path, authority, headers, body, trailers } = request;
  const has = (name: string) => headers.some(([key]) => key.toLowerCase() === name);
  const framing = trailers ? ['transfer-encoding: chunked'] : body !== undefined && !has('content-length') && !has('transfer-encoding') ? [`content-length: ${body.length + (request.unfinished ? 1000 : 0)}`] : [];
  const head = [`${method} ${path} HTTP/1.1`, ...(has('host') ? [] : [`host: ${authority}`]), ...headers.map(([name, value]) => `${name}: ${value}`), ...framing];
  const text = body?.toString('latin1') ?? '';
  const payload = trailers ? `${text === '' ? '' : `${text.length.toString(16)}\r\n${text}\r\n`}0\r\n${trailers.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n` : text;
  return `${head.join('\r\n')}\r\n\r\n${payload}`;
}

/** An HTTP/1 connection on which answers are read one after the other. */
export class Http1Connection {
  readonly #socket: Socket;
  #text = '';
  #end: string | undefined;
  #wake: () => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (part: Buffer) => this.#note(part.toString('latin1')));
    socket.on('end', () => this.#over('closed'));
    socket.on('error', (error: NodeJS.ErrnoException) => this.#over(error.code === 'ECONNRESET' || error.code === 'EPIPE' ? 'reset' : (error.code ?? 'error')));
    socket.on('close', () => this.#over('closed'));
    socket.resume();
  }

  write(text: string): void {
    if (!this.#socket.destroyed) this.#socket.write(text, 'latin1');
  }

  finish(): void {
    this.#socket.end();
  }

  async read(method: string, timeoutMs: number, watch?: Watch): Promise<Result> {
    const limit = performance.now() + timeoutMs;
    let isLeaving = false;
    void watch?.leaving?.then(() => {
      isLeaving = true;
      this.#wake();
    });
    for (;;) {
      const answer = parseAnswer(this.#text, method);
      if (answer.status !== 0) watch?.heard(answer);
      const isWhole = answer.isWhole || (this.#end === 'closed' && answer.status !== 0 && !answer.headers.some(([name]) => /^(content-length|transfer-encoding)$/i.test(name)));
      if (isWhole || this.#end !== undefined) {
        this.#text = answer.rest;
        return { ...answer, end: isWhole ? 'complete' : (this.#end ?? '') };
      }
      const left = limit - performance.now();
      if (left <= 0 || isLeaving) return { ...answer, end: 'timeout' };
      await this.#change(left);
    }
  }

  /** All bytes until `enough` says so, or the connection ends. */
  async bytes(enough: (text: string) => boolean, timeoutMs: number): Promise<{ text: string; end: string }> {
    const limit = performance.now() + timeoutMs;
    while (!enough(this.#text) && this.#end === undefined) {
      const left = limit - performance.now();
      if (left <= 0) return { text: this.#text, end: 'timeout' };
      await this.#change(left);
    }
    return { text: this.#text, end: this.#end ?? 'open' };
  }

  close(): void {
    this.#socket.destroy();
  }

  reset(): void {
    this.#socket.resetAndDestroy();
  }

  #note(text: string): void {
    this.#text += text;
    this.#wake();
  }

  #over(how: string): void {
    this.#end ??= how;
    this.#wake();
  }

  #change(timeoutMs: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, timeoutMs);
      this.#wake = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  }
}

/** One request by HTTP/2 on a session of its own or a shared one. */
export function askHttp2({ session, socket }: Http2Line, request: Request, timeoutMs: number, watch?: Watch): Promise<Result> {
  return new Promise((resolve) => {
    const interim: number[] = [];
    let [status, body, headers, trailers]: [number, string, Fields, Fields] = [0, '', [], []];
    // Node joins what repeats; names that repeat on purpose are told as a list.
    const own = new Map<string, string[]>();
    for (const [name, value] of request.headers) own.set(name, [...(own.get(name) ?? []), value]);
    const stream = session.request(
      { ':method': request.method, ':authority': request.authority, ...(request.method === 'CONNECT' ? {} : { ':path': request.path, ':scheme': 'http' }), ...Object.fromEntries([...own].map(([name, values]) => [name, values.length === 1 ? values[0] : values])) },
      { endStream: request.body === undefined && !request.trailers && !request.unfinished, waitForTrailers: request.trailers !== undefined },
    );
    const leave = () => {
      finish('timeout');
      socket.write(resetFrame(stream.id ?? 0, constants.NGHTTP2_CANCEL));
    };
    const timer = setTimeout(leave, timeoutMs);
    void watch?.leaving?.then(leave);
    const finish = (end: string) => {
      clearTimeout(timer);
      resolve({ status, headers, body, trailers, interim, end });
    };
    stream.setEncoding('latin1');
    stream.on('headers', (got: IncomingHttpHeaders) => interim.push(Number(got[':status'])));
    stream.on('response', (got) => {
      status = Number(got[':status']);
      headers = fieldsOf(got);
      watch?.heard({ status, body });
    });
    stream.on('trailers', (got) => (trailers = fieldsOf(got)));
    stream.on('data', (part: string) => {
      body += part;
      watch?.heard({ status, body });
    });
    stream.on('wantTrailers', () => stream.sendTrailers(Object.fromEntries(request.trailers ?? [])));
    stream.on('error', () => {});
    stream.on('close', () => finish(stream.rstCode === constants.NGHTTP2_NO_ERROR ? (status === 0 ? 'closed' : 'complete') : codeName(stream.rstCode ?? 0)));
    if (request.unfinished) stream.write(request.body ?? '');
    else if (request.body !== undefined || request.trailers) stream.end(request.body);
  });
}

export interface Http2Line {
  readonly session: ClientHttp2Session;
  readonly socket: Socket;
}

export function openHttp2(socket: Socket): Http2Line {
  const session = connectHttp2('http://lab', { createConnection: () => socket });
  session.on('error', () => {});
  return { session, socket };
}

/** RST_STREAM as a client sends it that has not finished: Node's own `close` ends the request first, and it may be answered. */
function resetFrame(stream: number, code: number): Buffer {
  const frame = Buffer.from([0, 0, 4, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0]);
  frame.writeUInt32BE(stream, 5);
  frame.writeUInt32BE(code, 9);
  return frame;
}

function codeName(code: number): string {
  const found = Object.entries(constants).find(([name, value]) => value === code && /^NGHTTP2_(NO_ERROR|[A-Z_]*_ERROR|SETTINGS_TIMEOUT|STREAM_CLOSED|REFUSED_STREAM|CANCEL|ENHANCE_YOUR_CALM|INADEQUATE_SECURITY|HTTP_1_1_REQUIRED)$/.test(name));
  return found?.[0].slice('NGHTTP2_'.length) ?? String(code);
}

function fieldsOf(headers: IncomingHttpHeaders): Fields {
  return Object.entries(headers).flatMap(([name, value]) => (name.startsWith(':') || value === undefined ? [] : [value].flat().map((v) => [name, v] as const)));
}
