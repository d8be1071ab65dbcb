/** The streaming subresources of pods: log over plain HTTP; exec, attach and portforward over WebSocket. */
import type { IncomingMessage } from 'node:http';
import type { Duplex } from 'node:stream';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { WebSocketServer, type WebSocket } from 'ws';
import type { Log } from '../../../base/log.ts';
import { errorText } from '../../../base/errors.ts';
import { KubeApiError } from '../../../kube/client.ts';
import { failure } from '../../../kube/errors.ts';
import type { Authenticator } from '../auth/authenticate.ts';
import type { Authorizer } from '../auth/rbac.ts';
import { authorizeResource, splitUrl, userOf, type StreamCall } from '../http/handler.ts';
import { statusFor } from '../http/respond.ts';
import { parseResourcePath, type ResourceRoute } from '../http/route.ts';
import type { PodStreams } from '../pod-streams.ts';
import type { ApiDeps } from '../rest/api.ts';
import { getEntry } from '../rest/list.ts';
import { badRequest, noSuchPath } from '../status.ts';
import { EXEC_PROTOCOLS, runExec } from './exec-channel.ts';
import { serveLog } from './log.ts';
import { PORT_FORWARD_PROTOCOLS, runPortForward } from './port-forward-channel.ts';

export interface StreamDeps {
  api: ApiDeps;
  authenticator: Authenticator;
  authorizer: Authorizer;
  log: Log;
  podStreams: () => PodStreams | undefined;
  closed: AbortSignal;
}

export interface Streams {
  /** True when it has answered. */
  serve(call: StreamCall): Promise<boolean>;
  upgrade(request: IncomingMessage, socket: Duplex, head: Buffer): void;
  close(): Promise<void>;
}

interface PodRef {
  namespace: string;
  name: string;
}

export function createStreams(deps: StreamDeps): Streams {
  const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: false });
  sockets.on('headers', (headers, request) => {
    const chosen = chosenProtocol(request);
    if (chosen !== undefined) headers.push(`Sec-WebSocket-Protocol: ${chosen}`);
  });
  return {
    async serve({ request, response, route, query }) {
      if (route.plural !== 'pods' || route.group !== '') return false;
      if (route.subresource === 'log' && request.method === 'GET') {
        const { pod, streams } = podOf(deps, route);
        await serveLog(streams, { response, query, pod: getPod(deps, pod), at: pod }, deps.closed);
        return true;
      }
      if (['exec', 'attach', 'portforward'].includes(route.subresource ?? '')) throw badRequest('Upgrade request required');
      return false;
    },
    upgrade(request, socket, head) {
      socket.on('error', () => socket.destroy());
      connect(deps, sockets, { request, socket, head }).catch((error: unknown) => {
        if (!(error instanceof KubeApiError)) deps.log.warn('stream failed', { url: request.url, error: errorText(error) });
        refuse(socket, error);
      });
    },
    async close() {
      for (const client of sockets.clients) client.terminate();
      await new Promise<void>((resolve) => sockets.close(() => resolve()));
    },
  };
}

interface Upgrade {
  request: IncomingMessage;
  socket: Duplex;
  head: Buffer;
}

async function connect(deps: StreamDeps, sockets: WebSocketServer, upgrade: Upgrade): Promise<void> {
  const { request } = upgrade;
  const { path, query } = splitUrl(request);
  const route = parseResourcePath(path);
  const kind = route && deps.api.kinds.find(route.group, route.version, route.plural);
  if (!route || !kind || route.plural !== 'pods') throw noSuchPath();
  authorizeResource(deps, userOf(deps, request), { verb: 'create', route, kind });
  const { pod, streams } = podOf(deps, route);
  getPod(deps, pod);
  if ((request.headers.upgrade ?? '').toLowerCase() !== 'websocket') throw badRequest(`unable to upgrade: ${String(request.headers.upgrade)} is not served, use WebSocket`);
  const container = query.get('container') || undefined;
  const wants = (name: string) => ['true', '1'].includes(query.get(name) ?? '');
  switch (route.subresource) {
    case 'exec': case 'attach': {
      const base = { container, stdin: wants('stdin'), tty: wants('tty') };
      const command = query.getAll('command');
      if (route.subresource === 'exec' && command.length === 0) throw badRequest('you must specify at least 1 command for the container');
      // Started before the upgrade, so that a refusal is a plain HTTP answer.
      const session = route.subresource === 'exec' ? await streams.exec(pod, { ...base, command }) : await streams.attach(pod, base);
      const websocket = await accept(sockets, upgrade).catch((error: unknown) => {
        session.kill();
        throw error;
      });
      return runExec(websocket, session, { log: deps.log });
    }
    case 'portforward': {
      const ports = query.getAll('ports').flatMap((text) => text.split(',')).map(Number);
      const websocket = await accept(sockets, upgrade);
      return runPortForward({ socket: websocket, protocol: chosenProtocol(request) }, ports, (port) => streams.portForward(pod, port));
    }
    default: throw noSuchPath();
  }
}

/** Kubernetes' name for tunnelled SPDY has a slash, which RFC 6455 does not allow and the library refuses: so the header is
 * kept under another name, and the answer's is written by hand. */
const OFFERED = 'x-offered-protocols';

function chosenProtocol(request: IncomingMessage): string | undefined {
  const offered = String(request.headers[OFFERED] ?? '').split(',').map((p) => p.trim());
  return [...EXEC_PROTOCOLS, ...PORT_FORWARD_PROTOCOLS].find((p) => offered.includes(p));
}

function accept(sockets: WebSocketServer, { request, socket, head }: Upgrade): Promise<WebSocket> {
  request.headers[OFFERED] = request.headers['sec-websocket-protocol'];
  delete request.headers['sec-websocket-protocol'];
  if (chosenProtocol(request) === undefined) throw badRequest(`unable to upgrade: none of the protocols ${String(request.headers[OFFERED])} is served`);
  return new Promise((resolve) => sockets.handleUpgrade(request, socket, head, resolve));
}

function podOf(deps: StreamDeps, route: ResourceRoute): { pod: PodRef; streams: PodStreams } {
  const streams = deps.podStreams();
  if (!streams) throw new KubeApiError(failure(503, 'ServiceUnavailable', 'there is no node to ask'));
  return { pod: { namespace: route.namespace ?? '', name: route.name ?? '' }, streams };
}

/** @throws KubeApiError 404 */
function getPod(deps: StreamDeps, at: PodRef): Pod {
  const kind = deps.api.kinds.find('', 'v1', 'pods');
  if (!kind) throw noSuchPath();
  return getEntry(deps.api, kind, at).object as Pod;
}

/** An answer on a connection that was going to be upgraded. */
function refuse(socket: Duplex, error: unknown): void {
  if (socket.destroyed || !socket.writable) return;
  const status = statusFor(error);
  const body = Buffer.from(JSON.stringify(status));
  socket.end(`HTTP/1.1 ${status.code ?? 500} ${status.reason ?? 'Error'}\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\nConnection: close\r\n\r\n${body.toString()}`);
}
