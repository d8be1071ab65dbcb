/** Probes of the application, made by the sidecar on behalf of the kubelet: with mutual TLS in force the kubelet itself would be
 * refused. Istio: probe rewriting, `/app-health/<container>/{readyz,livez,startupz}`. */
import { httpRequest, httpsRequest } from '../bootstrap/node-http.ts';
import { connect } from 'node:net';
import { errorText } from '../../base/errors.ts';
import { createGrpcChannel } from '../../xds/client/grpc-channel.ts';
import type { AppProbe } from '../bootstrap/settings.ts';
import { text } from './http-service.ts';
import type { Page, PageRequest } from './http-service.ts';

export interface ProbeTarget {
  /** Address of the pod: the application may listen on it alone. */
  readonly address: string;
  /** Connections from here are not captured; undefined off the pod network (tests). */
  readonly localAddress: string | undefined;
}

/** The address from which the sidecar speaks to the application. */
export const PASSTHROUGH_ADDRESS = '127.0.0.6';
const DEFAULT_TIMEOUT_S = 1;
const SERVING = 1;

export async function runProbe(probe: AppProbe, target: ProbeTarget, request: PageRequest): Promise<Page> {
  const timeoutMs = (probe.timeoutSeconds ?? DEFAULT_TIMEOUT_S) * 1000;
  try {
    if (probe.httpGet) return await probeHttp(probe.httpGet, { ...target, timeoutMs }, request);
    if (probe.tcpSocket) await probeTcp(probe.tcpSocket.port, { ...target, timeoutMs });
    else if (probe.grpc) await probeGrpc(probe.grpc, { ...target, timeoutMs });
    return text('OK\n');
  } catch (error) {
    return text(`${errorText(error)}\n`, 500);
  }
}

type Call = ProbeTarget & { timeoutMs: number };

function probeHttp(probe: NonNullable<AppProbe['httpGet']>, call: Call, original: PageRequest): Promise<Page> {
  const headers: Record<string, string> = { 'user-agent': original.headers['user-agent'] ?? 'kube-probe', connection: 'close' };
  for (const { name, value } of probe.httpHeaders ?? []) headers[name.toLowerCase()] = value;
  const path = probe.path?.startsWith('/') ? probe.path : `/${probe.path ?? ''}`;
  const make = probe.scheme === 'HTTPS' ? httpsRequest : httpRequest;
  return new Promise((resolve, reject) => {
    // As the kubelet does, the certificate is not checked and a redirect is an answer.
    const options = { host: call.address, port: probe.port, path, headers, timeout: call.timeoutMs, localAddress: call.localAddress, rejectUnauthorized: false };
    const out = make(options, (response) => {
      response.resume();
      resolve(text('', response.statusCode ?? 500));
    });
    out.once('timeout', () => out.destroy(new Error(`the application did not answer within ${call.timeoutMs} ms`)));
    out.once('error', reject);
    out.end();
  });
}

function probeTcp(port: number, call: Call): Promise<void> {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: call.address, port, localAddress: call.localAddress });
    socket.setTimeout(call.timeoutMs, () => socket.destroy(new Error(`no connection within ${call.timeoutMs} ms`)));
    socket.once('error', reject);
    socket.once('connect', () => {
      socket.destroy();
      resolve();
    });
  });
}

/** gRPC health checking protocol: HealthCheckRequest{service = 1}, HealthCheckResponse{status = 1}. */
async function probeGrpc(probe: NonNullable<AppProbe['grpc']>, call: Call): Promise<void> {
  const service = Buffer.from(probe.service ?? '');
  const message = service.length === 0 ? Buffer.alloc(0) : Buffer.concat([Buffer.from([0x0a, service.length]), service]);
  const channel = createGrpcChannel({ host: call.address, port: probe.port, connectTimeoutMs: call.timeoutMs });
  try {
    const answer = await channel.unary('/grpc.health.v1.Health/Check', {}, { message, timeoutMs: call.timeoutMs });
    const status = answer[0] === 0x08 ? answer[1] : 0;
    if (status !== SERVING) throw new Error(`the application says it is not serving (status ${status})`);
  } finally {
    channel.close();
  }
}
