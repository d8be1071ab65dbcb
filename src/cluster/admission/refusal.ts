/** How admission says no: the Status that a client of Kubernetes gets, word for word. */
import { KubeApiError } from '../../kube/client.ts';
import { failure } from '../../kube/errors.ts';
import type { Status } from '../../kube/object.ts';
import type { AdmissionRequest } from '../apiserver/admission.ts';

type Causes = NonNullable<NonNullable<Status['details']>['causes']>;

/** 403 `pods "x" is forbidden: …`. Kubernetes: admission.NewForbidden */
export function forbidden(request: AdmissionRequest, message: string, causes: Causes = []): KubeApiError {
  const { group, plural } = request.resource;
  const name = nameOf(request);
  const qualified = group === '' ? plural : `${plural}.${group}`;
  const details = { name, ...(group === '' ? {} : { group }), kind: plural, ...(causes.length > 0 ? { causes } : {}) };
  return new KubeApiError(failure(403, 'Forbidden', `${qualified} "${name}" is forbidden: ${message}`, details));
}

/** 404 `namespaces "x" not found`. */
export function notFound(plural: string, name: string): KubeApiError {
  return new KubeApiError(failure(404, 'NotFound', `${plural} "${name}" not found`, { name, kind: plural }));
}

/** 500 `Internal error occurred: …`. */
export function internalError(message: string): KubeApiError {
  const details = { causes: [{ message }] };
  return new KubeApiError(failure(500, 'InternalError', `Internal error occurred: ${message}`, details));
}

export function badRequest(message: string): KubeApiError {
  return new KubeApiError(failure(400, 'BadRequest', message));
}

/** Several refusals as one text: `a`, or `[a, b]`. Go: utilerrors.Aggregate */
export function aggregate(messages: readonly string[]): string {
  const unique = [...new Set(messages)];
  return unique.length === 1 ? (unique[0] ?? '') : `[${unique.join(', ')}]`;
}

function nameOf(request: AdmissionRequest): string {
  const { name, generateName } = request.object?.metadata ?? {};
  return request.name || name || generateName || 'Unknown';
}
