/** One look at an application: does it answer, does it take connections, does it say that it serves. */
import { execFile } from 'node:child_process';
import { request as httpRequest } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { connect } from 'node:net';
import { createGrpcChannel } from '../../xds/client/grpc-channel.ts';

export interface CheckedAt {
  readonly host: string;
  readonly port: number;
  /** Connections from here are not captured; undefined: whichever the kernel takes. */
  readonly localAddress: string | undefined;
  readonly timeoutMs: number;
}

const SERVING = 1;

/** The status of a GET. As the kubelet does, the certificate is not checked and a redirect is an answer. */
export function httpStatus(at: CheckedAt & { readonly path: string; readonly isTls: boolean; readonly headers: Readonly<Record<string, string>> }): Promise<number> {
  const { host, port, path, localAddress, timeoutMs, isTls } = at;
  return new Promise((resolve, reject) => {
    const options = { host, port, path, headers: { connection: 'close', ...at.headers }, localAddress, rejectUnauthorized: false, signal: AbortSignal.timeout(timeoutMs) };
    const out = (isTls ? httpsRequest : httpRequest)(options, (response) => {
      response.resume();
      resolve(response.statusCode ?? 500);
    });
    out.once('error', (error) => reject(error.name === 'AbortError' || error.name === 'TimeoutError' ? new Error(`the application did not answer within ${timeoutMs} ms`) : error));
    out.end();
  });
}

export function checkTcp({ host, port, localAddress, timeoutMs }: CheckedAt): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host, port, localAddress });
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no connection within ${timeoutMs} ms`)));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** gRPC health checking protocol: HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}. */
export async function checkGrpc({ host, port, timeoutMs }: CheckedAt, service: string): Promise<void> {
  const name = Buffer.from(service);
  const message = name.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, name.length]), name]);
  const channel = createGrpcChannel({ host, port, connectTimeoutMs: timeoutMs });
  try {
    const answer = await channel.unary('/grpc.health.v1.Health/Check', {}, { message, timeoutMs });
    const status = answer[0] === 0x08 ? answer[1] : 0;
    if (status !== SERVING) throw new Error(`the application says it is not serving (status ${status})`);
  } finally {
    channel.close();
  }
}

/** Well is who ends with 0 in time. */
export function checkCommand([program, ...args]: readonly [program: string, ...args: string[]], timeoutMs: number): Promise<void> {
  return new Promise((resolve, reject) => {
    execFile(program, args, { timeout: timeoutMs, killSignal: 'SIGKILL', maxBuffer: 1 << 20 }, (error, _stdout, stderr) => {
      if (!error) return resolve();
      const said = stderr.trim().split('\n').at(-1) ?? '';
      const how = error.killed === true ? `did not end within ${timeoutMs} ms` : typeof error.code === 'number' ? `ended with ${error.code}` : `cannot be run: ${error.message}`;
      reject(new Error(`${program} ${how}${said === '' ? '' : `: ${said}`}`));
    });
  });
}
