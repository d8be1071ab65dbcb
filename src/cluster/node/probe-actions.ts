/** One try of a probe or a hook: over HTTP, by a TCP connection, by a command, by gRPC health. Messages as kubelet's. */
import { request as httpRequest } from 'node:http';
import type { RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import type { Container, ExecAction, GRPCAction, HTTPGetAction, TCPSocketAction } from 'kubernetes-types/core/v1.d.ts';
import { checkGrpcHealth } from './grpc-health.ts';
import type { RunningContainer } from './runtime.ts';

/** A probe's or a hook's handler. */
export interface Action {
  readonly exec?: ExecAction;
  readonly httpGet?: HTTPGetAction;
  readonly tcpSocket?: TCPSocketAction;
  readonly grpc?: GRPCAction;
}

export interface ActionTarget {
  readonly podIp: string;
  readonly container: Container;
  readonly running: RunningContainer;
}

export interface ActionResult {
  readonly ok: boolean;
  /** Why not, or what it said. */
  readonly message: string;
}

/** @param timeoutMs after which it counts as failed */
export type RunAction = (action: Action, target: ActionTarget, timeoutMs: number) => Promise<ActionResult>;

const MAX_OUTPUT = 10 * 1024;

export const runAction: RunAction = async (action, target, timeoutMs) => {
  try {
    if (action.exec) return await runCommandIn(target.running, action.exec.command ?? [], timeoutMs);
    if (action.httpGet) return await getOverHttp(action.httpGet, target, timeoutMs);
    if (action.tcpSocket) return await connectTcp({ host: action.tcpSocket.host || target.podIp, port: resolvePort(action.tcpSocket.port, target.container) }, timeoutMs);
    if (action.grpc) return await checkGrpcHealth({ host: target.podIp, port: action.grpc.port, service: action.grpc.service ?? '' }, timeoutMs);
    return { ok: true, message: '' };
  } catch (error) {
    return { ok: false, message: error instanceof Error ? error.message : String(error) };
  }
};

/** A number, a numeric text, or the name of one of the container's ports; 0 when there is none of that name. */
export function resolvePort(port: string | number, container: Container): number {
  if (typeof port === 'number') return port;
  return container.ports?.find((p) => p.name === port)?.containerPort ?? (Number(port) || 0);
}

async function runCommandIn(running: RunningContainer, command: readonly string[], timeoutMs: number): Promise<ActionResult> {
  const session = running.exec({ command, stdin: false, tty: false });
  let output = '';
  for (const stream of [session.stdout, session.stderr]) {
    stream?.on('data', (chunk: Buffer) => {
      if (output.length < MAX_OUTPUT) output += chunk.toString('utf8');
    });
  }
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<'late'>((resolve) => {
    timer = setTimeout(resolve, timeoutMs, 'late');
  });
  const code = await Promise.race([session.exited, late]);
  clearTimeout(timer);
  if (code !== 'late') return { ok: code === 0, message: output };
  session.kill();
  return { ok: false, message: `command timed out: ${JSON.stringify(command.join(' '))} timed out after ${timeoutMs / 1000}s` };
}

function getOverHttp(action: HTTPGetAction, target: ActionTarget, timeoutMs: number): Promise<ActionResult> {
  const host = action.host || target.podIp;
  const port = resolvePort(action.port, target.container);
  const scheme = (action.scheme ?? 'HTTP').toLowerCase();
  const path = action.path?.startsWith('/') ? action.path : `/${action.path ?? ''}`;
  const url = `${scheme}://${host}:${port}${path}`;
  const headers: Record<string, string> = { 'user-agent': 'kube-probe/1.35', accept: '*/*', connection: 'close' };
  for (const { name, value } of action.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const options: RequestOptions & { rejectUnauthorized: boolean } = { host, port, path, headers, agent: false, rejectUnauthorized: false };
  return new Promise((resolve) => {
    const request = (scheme === 'https' ? httpsRequest : httpRequest)(options, (response) => {
      const code = response.statusCode ?? 0;
      response.resume();
      clearTimeout(timer);
      // Any redirect counts as success, as with kubelet for another host.
      resolve(code >= 200 && code < 400 ? { ok: true, message: '' } : { ok: false, message: `HTTP probe failed with statuscode: ${code}` });
    });
    const timer = setTimeout(() => request.destroy(new Error('context deadline exceeded (Client.Timeout exceeded while awaiting headers)')), timeoutMs);
    request.once('error', (error: NodeJS.ErrnoException) => {
      clearTimeout(timer);
      resolve({ ok: false, message: `Get "${url}": ${dialText(error, host, port)}` });
    });
    request.end();
  });
}

function connectTcp(at: { host: string; port: number }, timeoutMs: number): Promise<ActionResult> {
  return new Promise((resolve) => {
    const socket = connect(at);
    const finish = (result: ActionResult): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(result);
    };
    const timer = setTimeout(() => finish({ ok: false, message: `dial tcp ${at.host}:${at.port}: i/o timeout` }), timeoutMs);
    socket.once('connect', () => finish({ ok: true, message: '' }));
    socket.once('error', (error: NodeJS.ErrnoException) => finish({ ok: false, message: dialText(error, at.host, at.port) }));
  });
}

function dialText(error: NodeJS.ErrnoException, host: string, port: number): string {
  if (error.code === 'ECONNREFUSED') return `dial tcp ${host}:${port}: connect: connection refused`;
  if (error.code === 'EHOSTUNREACH') return `dial tcp ${host}:${port}: connect: no route to host`;
  if (error.code === 'ECONNRESET') return 'EOF';
  return error.message;
}
