/** A server for load: HTTP/1.1 with WebSockets, HTTP/2 in the clear and gRPC, and a choice of ways to end.
 *
 * HTTP_PORT 8080, HTTP2_PORT 8081, GRPC_PORT 8082. VERSION is told in every answer.
 * ON_SIGTERM: `drain` (default) stops listening, answers what is open and exits; `exit` exits at once, whatever is open;
 * `call` goes on calling CALL_URL for CALL_SECONDS, says how that went and exits; `stay` never ends by itself. */
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createHttp2Server, type Http2Session, type ServerHttp2Stream } from 'node:http2';
import type { Server } from 'node:net';
import { hostname } from 'node:os';
import { WebSocketServer } from 'ws';
import { callUntil } from './farewell.ts';

const env = (name: string, fallback: string): string => process.env[name] ?? fallback;
const version = env('VERSION', 'v1');
const onSigterm = env('ON_SIGTERM', 'drain');
const answer = `${version} ${hostname()}\n`;

/** How often each id of /commit was taken. */
const commits = new Map<string, number>();
const open = { requests: 0 };
let isEnding = false;

/** `?ms=2000` answers after that time. */
function answerAfter(url: URL, run: () => void): void {
  const ms = Number(url.searchParams.get('ms') ?? 0);
  if (ms > 0) setTimeout(run, ms);
  else run();
}

const http = createServer((request, response) => {
  open.requests++;
  response.once('close', () => {
    open.requests--;
    if (isEnding) setImmediate(() => http.closeIdleConnections());
  });
  const url = new URL(request.url ?? '/', 'http://localhost');
  if (url.pathname === '/commits') return void response.end(JSON.stringify(Object.fromEntries(commits)));
  request.resume();
  request.once('end', () => {
    if (url.pathname === '/commit') return commitAndReset(request, response, url);
    if (isEnding) response.setHeader('connection', 'close');
    answerAfter(url, () => response.end(answer));
  });
});
http.keepAliveTimeout = 3_900_000;

/** What no client may repeat: the work is done, and nobody says so. */
function commitAndReset(request: IncomingMessage, response: ServerResponse, url: URL): void {
  const id = `${request.method} ${url.searchParams.get('id') ?? ''}`;
  commits.set(id, (commits.get(id) ?? 0) + 1);
  if (url.searchParams.has('keep')) response.end('kept');
  else request.socket.resetAndDestroy();
}

const sockets = new WebSocketServer({ server: http, path: '/ws' });
sockets.on('connection', (socket) => {
  socket.on('message', (text) => socket.send(text));
  socket.on('error', () => {});
});

const sessions = new Set<Http2Session>();

function http2Server(onStream: (stream: ServerHttp2Stream, url: URL) => void): Server {
  const server = createHttp2Server();
  server.on('session', (session) => {
    sessions.add(session);
    session.once('close', () => sessions.delete(session));
  });
  server.on('stream', (stream: ServerHttp2Stream, headers) => {
    open.requests++;
    stream.once('close', () => open.requests--);
    stream.on('error', () => {});
    stream.resume();
    stream.once('end', () => onStream(stream, new URL(headers[':path'] ?? '/', 'http://localhost')));
  });
  return server;
}

const http2 = http2Server((stream, url) => {
  answerAfter(url, () => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-type': 'text/plain' });
    stream.end(answer);
  });
});

/** A message of no bytes answers any unary call. */
const EMPTY_MESSAGE = Buffer.alloc(5);
const grpc = http2Server((stream, url) => {
  answerAfter(url, () => {
    if (stream.destroyed) return;
    stream.respond({ ':status': 200, 'content-type': 'application/grpc' }, { waitForTrailers: true });
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(EMPTY_MESSAGE);
  });
});

http.listen(Number(env('HTTP_PORT', '8080')));
http2.listen(Number(env('HTTP2_PORT', '8081')));
grpc.listen(Number(env('GRPC_PORT', '8082')));
console.log(`${version} listens`);

process.once('SIGTERM', () => {
  if (onSigterm === 'exit') process.exit(0);
  if (onSigterm === 'stay') return;
  if (onSigterm === 'call') {
    void callUntil(env('CALL_URL', ''), Number(env('CALL_SECONDS', '5'))).then((result) => {
      console.log(JSON.stringify(result));
      process.exit(0);
    });
    return;
  }
  isEnding = true;
  for (const server of [http, http2, grpc]) server.close();
  for (const session of sessions) session.close();
  http.closeIdleConnections();
  const timer = setInterval(() => {
    if (open.requests > 0 || sockets.clients.size > 0) return;
    clearInterval(timer);
    process.exit(0);
  }, 5);
});
