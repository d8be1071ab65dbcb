/** The application behind the proxies, whatever it is spoken to in: HTTP/1, HTTP/2, TLS with either inside, or bytes, which it
 * sends back. What it does with a request stands in the request's header `x-app`; what it was sent, it tells. */
import { createServer as createHttp1, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2, type Http2ServerRequest, type Http2ServerResponse, type ServerHttp2Session } from 'node:http2';
import type { Socket } from 'node:net';
import { createServer as createTls, type TLSSocket } from 'node:tls';
import type { WorkloadCertificate } from '../../../src/control/serve/testing/secret-service.ts';

/** What a request asks the application to do. */
export interface AppOrder {
  /** Only in these pods; elsewhere the plain answer. */
  readonly in?: readonly string[];
  /** Of several, each try of the request gets the next; the last stays. */
  readonly status?: number | readonly number[];
  readonly delayMs?: number;
  /** As above: one number for each try. */
  readonly delaysMs?: readonly number[];
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** As many pieces of the body, one after the other. */
  readonly chunks?: number;
  readonly trailers?: Readonly<Record<string, string>>;
  /** Of several, one for each try. Answers as a gRPC server does, without a message when it is not 0. */
  readonly grpcStatus?: number | readonly number[];
  /** Statuses 1xx before the answer. */
  readonly interim?: readonly number[];
  /** So many fields more, and as many bytes in one of them. */
  readonly fields?: number;
  readonly fieldBytes?: number;
  /** Where the connection is reset; `before-end`: after the body, before its end and the trailers. Tries after `resets` of them are answered. */
  readonly reset?: 'at-head' | 'after-head' | 'in-body' | 'before-end';
  readonly resets?: number;
  /** HTTP/2: the code of RST_STREAM instead of a reset of the connection. */
  readonly streamReset?: number;
  /** Sends the head and some of the body, and then nothing. */
  readonly stall?: boolean;
  /** Answers before the body has come. */
  readonly early?: boolean;
  /** HTTP/1.1: `connection: close`. */
  readonly close?: boolean;
}

export interface SeenRequest {
  readonly kind: 'http';
  /** Name of the pod, or the address. */
  readonly at: string;
  readonly port: number;
  readonly protocol: 'HTTP/1.0' | 'HTTP/1.1' | 'HTTP/2';
  readonly method: string;
  readonly path: string;
  readonly authority: string;
  readonly headers: readonly (readonly [name: string, value: string])[];
  body: string;
  trailers: Readonly<Record<string, string>>;
  end: 'open' | 'complete' | 'aborted';
  /** Answered, or nobody waits for the answer any more. */
  isOver?: true;
  /** Equal of requests that came by one connection. */
  readonly connection: number;
  readonly tls?: SeenTls;
}

export interface SeenBytes {
  readonly kind: 'bytes';
  readonly at: string;
  readonly port: number;
  bytes: string;
  /** `ended`: the other side has said that it will send no more. */
  end: 'open' | 'ended' | 'reset';
  readonly connection: number;
  readonly tls?: SeenTls;
}

export interface SeenTls {
  readonly sni: string;
  readonly alpn: string;
  /** Of the client's certificate: its URI or DNS name. */
  readonly client: string;
}

export type Seen = SeenRequest | SeenBytes;

/** How an application behaves on a port, before it has been sent anything. */
export type AppKind = 'listens' | 'greets' | 'closes' | 'tls-mutual';

export const GREETING = '220 ready\r\n';

export interface AppDeps {
  /** Name of the pod at an address. */
  nameOf(address: string): string;
  readonly certificate: WorkloadCertificate;
}

interface Line {
  readonly at: string;
  readonly port: number;
  readonly connection: number;
  readonly tls?: SeenTls;
}

type Request = IncomingMessage | Http2ServerRequest;
type Response = ServerResponse | Http2ServerResponse;

export class App {
  readonly #deps: AppDeps;
  readonly #lines = new WeakMap<object, Line>();
  readonly #open = new Set<Socket>();
  readonly #http1 = createHttp1({ keepAliveTimeout: 0, requestTimeout: 0, headersTimeout: 0, insecureHTTPParser: false, joinDuplicateHeaders: false }, (request, response) => this.#serve(request, response));
  readonly #http2 = createHttp2((request, response) => this.#serve(request, response));
  #seen: Seen[] = [];
  #tries = new Map<string, number>();
  /** Bodies that clients have got so far, by what names the request. */
  #heard = new Map<string, string>();
  /** Each looks whether what it waits for has come. */
  readonly #waiting = new Set<() => void>();
  #connections = 0;
  #arriving: Line | undefined;

  constructor(deps: AppDeps) {
    this.#deps = deps;
    this.#http1.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      response.writeContinue();
      this.#serve(request, response);
    });
    this.#http1.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head));
    this.#http1.on('connect', (request: IncomingMessage, socket: Socket, head: Buffer) => this.#upgrade(request, socket, head));
    this.#http2.on('sessionError', () => {});
    // A session knows its socket only through a stand-in.
    this.#http2.on('session', (session: ServerHttp2Session) => void (this.#arriving && this.#lines.set(session, this.#arriving)));
  }

  /** What has been seen since `forget`. */
  get seen(): readonly Seen[] {
    return this.#seen;
  }

  /** Before a new scenario: connections end, memories go. */
  forget(): void {
    for (const socket of this.#open) socket.destroy();
    this.#open.clear();
    this.#seen = [];
    this.#tries = new Map();
    this.#heard = new Map();
    this.#waiting.clear();
    this.#connections = 0;
  }

  /** A client has the head of the answer, and so much of the body. */
  heard(id: string, body: string): void {
    this.#heard.set(id, body);
    this.#look();
  }

  /** Resolves when the request that is named so has come, with this of its body. */
  sees(id: string, body: string): Promise<void> {
    return this.#when(() => this.#seen.some((seen) => seen.kind === 'http' && seen.body === body && isNamed(seen, id)));
  }

  #when(isSo: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!isSo()) return;
        this.#waiting.delete(look);
        resolve();
      };
      this.#waiting.add(look);
      look();
    });
  }

  #look(): void {
    for (const look of this.#waiting) look();
  }

  accept(socket: Socket, kind: AppKind): void {
    this.#open.add(socket);
    // Heads and bodies are written apart: the second would wait 40 ms for the word that the first has come.
    socket.setNoDelay(true);
    socket.on('close', () => this.#open.delete(socket));
    socket.on('error', () => socket.destroy());
    this.#connections += 1;
    const address = socket.localAddress ?? '';
    const line: Line = { at: this.#deps.nameOf(address), port: socket.localPort ?? 0, connection: this.#connections };
    if (kind === 'closes') return void socket.destroy();
    if (kind === 'greets') {
      socket.write(GREETING);
      return this.#echo(socket, line, GREETING);
    }
    if (kind === 'tls-mutual') return this.#secure(socket, line, true);
    this.#sniff(socket, line);
  }

  #sniff(socket: Socket, line: Line): void {
    socket.once('data', (first: Buffer) => {
      socket.pause();
      const text = first.toString('latin1', 0, 24);
      if (first[0] === 0x16) {
        socket.unshift(first);
        return this.#secure(socket, line, false);
      }
      socket.unshift(first);
      if (text.startsWith('PRI * HTTP/2')) this.#http(2, socket, line);
      else if (/^[A-Z]{3,8} /.test(text)) this.#http(1, socket, line);
      else this.#echo(socket, line, '');
    });
  }

  #http(version: 1 | 2, socket: Socket, line: Line): void {
    this.#arriving = line;
    this.#lines.set(socket, line);
    (version === 2 ? this.#http2 : this.#http1).emit('connection', socket);
    if (version === 1) socket.resume();
  }

  #secure(socket: Socket, line: Line, asksForClient: boolean): void {
    const { certificatePem, keyPem, rootPem } = this.#deps.certificate;
    const server = createTls({ cert: certificatePem, key: keyPem, ca: rootPem, requestCert: true, rejectUnauthorized: asksForClient, ALPNProtocols: ['h2', 'http/1.1'] });
    server.once('secureConnection', (secure: TLSSocket) => {
      secure.on('error', () => secure.destroy());
      // Node's types do not know servername on server sockets.
      const sni = (secure as unknown as { servername?: string | false }).servername;
      const tls: SeenTls = { sni: typeof sni === 'string' ? sni : '', alpn: secure.alpnProtocol || '', client: clientName(secure) };
      // What was agreed on need not be guessed.
      if (tls.alpn === '') return this.#sniff(secure, { ...line, tls });
      this.#http(tls.alpn === 'h2' ? 2 : 1, secure, { ...line, tls });
    });
    server.once('tlsClientError', () => socket.destroy());
    server.emit('connection', socket);
  }

  #echo(socket: Socket, line: Line, greeting: string): void {
    const seen: SeenBytes = { kind: 'bytes', ...line, bytes: '', end: 'open' };
    this.#seen.push(seen);
    socket.on('data', (part: Buffer) => {
      seen.bytes += part.toString('latin1');
      if (seen.bytes.endsWith('RESET!')) {
        seen.end = 'reset';
        socket.resetAndDestroy();
      } else if (seen.bytes.endsWith('CLOSE!')) socket.end();
      else if (greeting !== '' || !seen.bytes.endsWith('SILENCE!')) socket.write(`${line.at}:${part.toString('latin1')}`, 'latin1');
    });
    socket.on('end', () => {
      seen.end = 'ended';
      socket.end(`${line.at}:end`);
    });
    socket.on('error', () => (seen.end = 'reset'));
    socket.resume();
  }

  #serve(request: Request, response: Response): void {
    const isHttp2 = request.httpVersionMajor === 2;
    const line = this.#lineOf(request);
    const seen: SeenRequest = {
      kind: 'http', ...line, protocol: isHttp2 ? 'HTTP/2' : request.httpVersion === '1.0' ? 'HTTP/1.0' : 'HTTP/1.1',
      method: request.method ?? '', path: request.url ?? '', authority: (isHttp2 ? String((request.headers as Record<string, unknown>)[':authority'] ?? '') : request.headers.host) ?? '',
      headers: pairs(request.rawHeaders), body: '', trailers: {}, end: 'open',
    };
    this.#seen.push(seen);
    const order = orderOf(request, line.at);
    const act = () => this.#act(order, { request, response, line, isHttp2 });
    this.#look();
    request.on('data', (part: Buffer) => {
      seen.body += part.toString('latin1');
      this.#look();
    });
    request.on('end', () => {
      // Node ends what is aborted, too.
      if (seen.end !== 'aborted') seen.end = 'complete';
      seen.trailers = Object.fromEntries(Object.entries(request.trailers).map(([name, value]) => [name, String(value)]));
      if (!order.early && order.reset !== 'at-head') act();
    });
    request.on('aborted', () => (seen.end = 'aborted'));
    request.on('error', () => (seen.end = 'aborted'));
    response.on('error', () => {});
    response.on('close', () => (seen.isOver = true));
    if (order.early || order.reset === 'at-head') act();
  }

  #lineOf(request: Request): Line {
    const holder = request.httpVersionMajor === 2 ? (request as Http2ServerRequest).stream.session : (request as IncomingMessage).socket;
    const line = holder && this.#lines.get(holder);
    if (!line) throw new Error('a request by a connection that nobody took');
    return line;
  }

  #upgrade(request: IncomingMessage, socket: Socket, head: Buffer): void {
    const line = this.#lineOf(request);
    const seen: SeenRequest = {
      kind: 'http', ...line, protocol: 'HTTP/1.1', method: request.method ?? '', path: request.url ?? '', authority: request.headers.host ?? '', headers: pairs(request.rawHeaders),
      body: head.toString('latin1'), trailers: {}, end: 'open',
    };
    this.#seen.push(seen);
    const isConnect = request.method === 'CONNECT';
    socket.write(isConnect ? 'HTTP/1.1 200 OK\r\n\r\n' : `HTTP/1.1 101 Switching Protocols\r\nconnection: Upgrade\r\nupgrade: ${request.headers.upgrade ?? ''}\r\n\r\n`);
    socket.on('data', (part: Buffer) => {
      seen.body += part.toString('latin1');
      socket.write(`${line.at}:${part.toString('latin1')}`, 'latin1');
    });
    socket.on('end', () => {
      seen.end = 'complete';
      socket.end();
    });
    socket.on('error', () => (seen.end = 'aborted'));
  }

  #act(order: AppOrder, to: { request: Request; response: Response; line: Line; isHttp2: boolean }): void {
    const { request, response, line, isHttp2 } = to;
    const key = String(request.headers['x-scenario'] ?? '');
    const turn = this.#tries.get(key) ?? 0;
    this.#tries.set(key, turn + 1);
    const isResetting = order.reset !== undefined && turn < (order.resets ?? Infinity);
    const reset = () => {
      if (isHttp2 && order.streamReset !== undefined) (request as Http2ServerRequest).stream.close(order.streamReset);
      else if (isHttp2) (request as Http2ServerRequest).stream.session?.destroy();
      else (request as IncomingMessage).socket.resetAndDestroy();
    };
    const answer = () => {
      if (isResetting && order.reset === 'at-head') return reset();
      respond(response, order, { turn, name: line.at, isHttp2 });
      // Who resets at once may overtake its own answer in the proxies.
      const sent = order.reset === 'after-head' ? '' : order.reset === 'in-body' ? 'half' : (order.body ?? line.at);
      if (isResetting) void this.#when(() => this.#heard.get(key)?.endsWith(sent) === true).then(reset);
    };
    const delay = nth(order.delaysMs, turn) ?? order.delayMs ?? 0;
    if (delay > 0) setTimeout(answer, delay);
    else answer();
  }
}

/** @returns whether a request is the one of a scenario's step */
export const isNamed = (seen: SeenRequest, id: string): boolean => seen.headers.some(([name, value]) => name.toLowerCase() === 'x-scenario' && value === id);

const nth = <T>(values: T | readonly T[] | undefined, turn: number): T | undefined => (Array.isArray(values) ? (values as readonly T[])[Math.min(turn, values.length - 1)] : (values as T | undefined));

function respond(response: Response, order: AppOrder, at: { turn: number; name: string; isHttp2: boolean }): void {
  // Both kinds of response have these, with types that do not meet.
  const to = response as ServerResponse;
  if (to.destroyed) return;
  to.sendDate = false;
  for (const status of order.interim ?? []) if (status === 103) to.writeEarlyHints({ link: '</style.css>; rel=preload' });
  const grpc = nth(order.grpcStatus, at.turn);
  const body = order.body ?? at.name;
  const headers: Record<string, string> = {
    ...(grpc === undefined ? { 'content-type': 'text/plain', 'X-Mixed-Case': 'Kept' } : { 'content-type': 'application/grpc' }),
    ...order.headers,
    ...(order.close && !at.isHttp2 ? { connection: 'close' } : {}),
  };
  const status = nth(order.status, at.turn) ?? 200;
  if (order.fieldBytes !== undefined) headers['x-large'] = 'a'.repeat(order.fieldBytes);
  for (let i = 0; i < (order.fields ?? 0); i++) headers[`x-field-${i}`] = '1';
  const endless = order.reset === 'before-end';
  const isBroken = order.reset === 'after-head' || order.reset === 'in-body' || endless || order.stall === true;
  if (grpc !== undefined && grpc !== 0) return void to.writeHead(status, { ...headers, 'grpc-status': String(grpc), 'grpc-message': `status ${grpc}` }).end();
  const trailers = grpc === undefined ? order.trailers : { 'grpc-status': '0', ...order.trailers };
  const isWhole = trailers === undefined && order.chunks === undefined && !isBroken;
  if (isWhole) headers['content-length'] = String(Buffer.byteLength(body));
  else if (isBroken && !endless && !at.isHttp2) headers['content-length'] = '1000';
  else if (trailers && !at.isHttp2) headers['trailer'] = Object.keys(trailers).join(', ');
  to.writeHead(status, headers);
  to.flushHeaders();
  if (isBroken) return void (order.reset !== 'after-head' && to.write(endless ? body : 'half'));
  if (grpc !== undefined) to.write(frame(body));
  else for (let i = 0; i < (order.chunks ?? 0); i++) to.write(`chunk ${i}\n`);
  if (trailers) to.addTrailers(trailers);
  if (order.chunks === undefined && grpc === undefined) to.end(body);
  else to.end();
}

/** One gRPC message. */
export function frame(text: string): Buffer {
  const body = Buffer.from(text);
  const head = Buffer.alloc(5);
  head.writeUInt32BE(body.length, 1);
  return Buffer.concat([head, body]);
}

function orderOf(request: Request, at: string): AppOrder {
  const text = request.headers['x-app'];
  // The lab's own words.
  const order = typeof text === 'string' ? (JSON.parse(text) as AppOrder) : {};
  return order.in === undefined || order.in.includes(at) ? order : {};
}

function pairs(raw: readonly string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, i) => [raw[2 * i] ?? '', raw[2 * i + 1] ?? '']);
}

function clientName(socket: TLSSocket): string {
  const { subjectaltname } = socket.getPeerCertificate();
  return subjectaltname ?? '';
}
