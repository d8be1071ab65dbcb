/** AdmissionReview v1, the parts that a webhook reads and writes. */
import type { KubeObject } from '../../kube/object.ts';
import type { JsonPatchOperation } from './json-patch.ts';

export interface ReviewRequest {
  readonly uid: string;
  readonly operation: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly object?: KubeObject;
  readonly dryRun?: boolean;
}

export interface ReviewResponse {
  readonly allowed: boolean;
  readonly message?: string;
  readonly warnings?: readonly string[];
  readonly patch?: readonly JsonPatchOperation[];
}

/** The request inside a review, or what is wrong with the text. */
export function decodeReview(text: string): { request: ReviewRequest; apiVersion: string } | { problem: string } {
  let body: unknown;
  try {
    body = JSON.parse(text);
  } catch {
    return { problem: 'the body is not JSON' };
  }
  if (!isRecord(body) || body['kind'] !== 'AdmissionReview') return { problem: 'the body is not an AdmissionReview' };
  const { apiVersion, request } = body;
  if (apiVersion !== 'admission.k8s.io/v1' && apiVersion !== 'admission.k8s.io/v1beta1') return { problem: `AdmissionReview ${String(apiVersion)} is not known; send admission.k8s.io/v1` };
  if (!isRecord(request)) return { problem: 'the AdmissionReview has no request' };
  const { uid, operation, namespace, name, object, dryRun } = request;
  if (typeof uid !== 'string' || uid === '') return { problem: 'request.uid must be a text' };
  if (object !== undefined && object !== null && !isRecord(object)) return { problem: 'request.object must be an object' };
  return {
    apiVersion,
    request: {
      uid,
      operation: typeof operation === 'string' ? operation : '',
      ...(typeof namespace === 'string' ? { namespace } : {}),
      ...(typeof name === 'string' ? { name } : {}),
      // Its fields are read as what they may be by whoever looks at them.
      ...(isRecord(object) ? { object: object as KubeObject } : {}),
      ...(dryRun === true ? { dryRun } : {}),
    },
  };
}

export function encodeReview(apiVersion: string, uid: string, response: ReviewResponse): string {
  const { allowed, message, warnings, patch } = response;
  return JSON.stringify({
    apiVersion,
    kind: 'AdmissionReview',
    response: {
      uid,
      allowed,
      ...(message === undefined ? {} : { status: { message } }),
      ...(warnings && warnings.length > 0 ? { warnings } : {}),
      ...(patch && patch.length > 0 ? { patchType: 'JSONPatch', patch: Buffer.from(JSON.stringify(patch)).toString('base64') } : {}),
    },
  });
}

const isRecord = (value: unknown): value is Record<string, unknown> => typeof value === 'object' && value !== null && !Array.isArray(value);
