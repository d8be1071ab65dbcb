import { MeshError } from '../base/errors.ts';
import type { Status } from './object.ts';

/** The API server could not be reached, or the connection broke in the middle of an answer. */
export class KubeConnectError extends MeshError<'KUBE_CONNECT'> {
  constructor(server: string, options: { cause: unknown }) {
    super('KUBE_CONNECT', `cannot reach the API server at ${server}; is the cluster running and does the kubeconfig name it?`, { ...options, fields: { server } });
  }
}

/** A kubeconfig, or the service account's mount, does not say how to reach a cluster. */
export class KubeConfigError extends MeshError<'KUBE_CONFIG'> {
  constructor(message: string, options: { cause?: unknown; fields?: Readonly<Record<string, unknown>> } = {}) {
    super('KUBE_CONFIG', message, options);
  }
}

/** A metav1.Status of a failure. */
export function failure(code: number, reason: string, message: string, details?: Status['details']): Status {
  return { kind: 'Status', apiVersion: 'v1', metadata: {}, status: 'Failure', message, reason, ...(details ? { details } : {}), code };
}
