/** Probes of the application, made by the sidecar on behalf of the kubelet: with mutual TLS in force the kubelet itself would be
 * refused. Istio: probe rewriting, `/app-health/<container>/{readyz,livez,startupz}`. */
import { errorText } from '../../base/errors.ts';
import type { AppProbe } from '../bootstrap/settings.ts';
import { checkGrpc, checkTcp, httpStatus } from '../health/checks.ts';
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

export async function runProbe(probe: AppProbe, target: ProbeTarget, request: PageRequest): Promise<Page> {
  const at = (port: number) => ({ host: target.address, port, localAddress: target.localAddress, timeoutMs: (probe.timeoutSeconds ?? DEFAULT_TIMEOUT_S) * 1000 });
  const { httpGet, tcpSocket, grpc } = probe;
  try {
    if (httpGet) {
      const headers = Object.fromEntries([['user-agent', request.headers['user-agent'] ?? 'kube-probe'], ...(httpGet.httpHeaders ?? []).map(({ name, value }) => [name.toLowerCase(), value])]) as Record<string, string>;
      return text('', await httpStatus({ ...at(httpGet.port), path: httpGet.path?.startsWith('/') ? httpGet.path : `/${httpGet.path ?? ''}`, isTls: httpGet.scheme === 'HTTPS', headers }));
    }
    if (tcpSocket) await checkTcp(at(tcpSocket.port));
    else if (grpc) await checkGrpc(at(grpc.port), grpc.service ?? '');
    return text('OK\n');
  } catch (error) {
    return text(`${errorText(error)}\n`, 500);
  }
}
