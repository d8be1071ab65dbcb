/** The AdmissionReview that goes out and what may come back. Spec: admission.k8s.io/v1. */
import type { KubeObject, Status } from '../../../kube/object.ts';
import { apiVersionOf } from '../../../kube/resource.ts';
import type { AdmissionRequest, UserInfo } from '../../apiserver/admission.ts';

export interface ReviewRequest {
  uid: string;
  kind: { group: string; version: string; kind: string };
  resource: { group: string; version: string; resource: string };
  subResource?: string;
  requestKind: { group: string; version: string; kind: string };
  requestResource: { group: string; version: string; resource: string };
  requestSubResource?: string;
  name: string;
  namespace?: string;
  operation: string;
  userInfo: UserInfo;
  object: KubeObject | null;
  oldObject: KubeObject | null;
  dryRun: boolean;
  options: Record<string, unknown> | null;
}

export interface ReviewResponse {
  allowed: boolean;
  status?: Partial<Status>;
  /** Operations of RFC 6902. */
  patch?: unknown[];
  warnings: string[];
}

/** @param uid of this call; each call has its own */
export function reviewRequest(request: AdmissionRequest, uid: string): ReviewRequest {
  const { group, version, plural, kind } = request.resource;
  // A subresource such as `scale` has a kind of its own.
  const sent = request.object ?? request.oldObject;
  const gvk = sent?.kind && sent.apiVersion ? kindOf(sent.apiVersion, sent.kind) : { group, version, kind };
  const gvr = { group, version, resource: plural };
  return {
    uid,
    kind: gvk,
    resource: gvr,
    ...(request.subresource ? { subResource: request.subresource, requestSubResource: request.subresource } : {}),
    requestKind: gvk,
    requestResource: gvr,
    name: request.name,
    ...(request.namespace ? { namespace: request.namespace } : {}),
    operation: request.operation,
    userInfo: request.userInfo,
    object: typed(request, request.object),
    oldObject: typed(request, request.oldObject),
    dryRun: request.dryRun,
    options: Object.keys(request.options).length > 0 ? request.options : null,
  };
}

function typed(request: AdmissionRequest, object: KubeObject | undefined): KubeObject | null {
  if (!object) return null;
  return object.kind ? object : { apiVersion: apiVersionOf(request.resource), kind: request.resource.kind, ...object };
}

function kindOf(apiVersion: string, kind: string): { group: string; version: string; kind: string } {
  const [head = '', tail] = apiVersion.split('/');
  return tail === undefined ? { group: '', version: head, kind } : { group: head, version: tail, kind };
}

/** @returns the response, or why the answer is none */
export function decodeReview(body: unknown, uid: string): ReviewResponse | { error: string } {
  const response = field(body, 'response');
  if (typeof response !== 'object' || response === null) return { error: 'the webhook response is not an AdmissionReview: it has no "response"' };
  const answered = field(response, 'uid');
  if (answered !== uid) return { error: `expected response.uid="${uid}", got "${typeof answered === 'string' ? answered : ''}"` };
  const patch = decodePatch(field(response, 'patch'), field(response, 'patchType'));
  if ('error' in patch) return patch;
  const warnings = field(response, 'warnings');
  const status = field(response, 'status');
  return {
    allowed: field(response, 'allowed') === true,
    ...(typeof status === 'object' && status !== null ? { status } : {}),
    ...(patch.ops ? { patch: patch.ops } : {}),
    warnings: Array.isArray(warnings) ? warnings.filter((each) => typeof each === 'string') : [],
  };
}

function decodePatch(patch: unknown, type: unknown): { ops?: unknown[] } | { error: string } {
  if (patch === undefined || patch === null || patch === '') return {};
  if (type !== 'JSONPatch') return { error: `unsupported patch type "${String(type ?? '')}": want "JSONPatch"` };
  try {
    const ops: unknown = JSON.parse(Buffer.from(String(patch), 'base64').toString('utf8'));
    return Array.isArray(ops) ? { ops } : { error: 'response.patch is not a list of JSON Patch operations' };
  } catch (error) {
    return { error: `response.patch is not base64 of JSON: ${error instanceof Error ? error.message : String(error)}` };
  }
}

function field(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>)[name] : undefined;
}
