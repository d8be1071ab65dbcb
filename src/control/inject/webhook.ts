/** The HTTP side of both webhooks: `/inject` and `/validate`, reached through the API server. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import type { ValidationContext } from '../../api/validation/context.ts';
import { decodeReview, encodeReview, type ReviewRequest, type ReviewResponse } from './admission-review.ts';
import type { InjectConfig } from '../../api/proxy-pod/config.ts';
import { reviewConfig } from './review-config.ts';
import { reviewPod, type InjectionOutcome } from './review-pod.ts';

/** API servers send at most 3 MiB. */
const MAX_BODY_BYTES = 3 * 1024 * 1024;

export interface WebhookDeps {
  /** The configuration in force now. */
  injectConfig(): InjectConfig;
  /** What the mesh looks like now, for checks across objects. */
  validationContext(): ValidationContext;
  /** The same as the API server has it at this moment: nothing is refused for want of an object that was written just before. */
  freshContext?(): Promise<ValidationContext>;
  readonly log: Log;
  /** For metrics; called once for each review. */
  onInjection?(outcome: InjectionOutcome): void;
  onValidation?(allowed: boolean): void;
}

/** Handles requests for `/inject…` and `/validate…`; anything else gets 404. The caller owns the TLS server. */
export function createWebhookHandler(deps: WebhookDeps): (request: IncomingMessage, response: ServerResponse) => void {
  return (request, response) => {
    answer(deps, request, response).catch((error: unknown) => {
      deps.log.warn('webhook request failed', { url: request.url, error: errorText(error) });
      if (!response.headersSent) end(response, 500, 'internal error');
    });
  };
}

async function answer(deps: WebhookDeps, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = (request.url ?? '').split('?')[0] ?? '';
  const review = isUnder(path, '/inject') ? inject : isUnder(path, '/validate') ? validate : undefined;
  if (!review) return end(response, 404, 'not found: the paths are /inject and /validate');
  if (request.method !== 'POST') return end(response, 405, 'send an AdmissionReview with POST');
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? '')) return end(response, 415, 'the content type must be application/json');
  const body = await readBody(request);
  if (body === undefined) return end(response, 413, `the body is larger than ${MAX_BODY_BYTES} bytes`);
  const decoded = decodeReview(body);
  if ('problem' in decoded) return end(response, 400, decoded.problem);
  const text = encodeReview(decoded.apiVersion, decoded.request.uid, await review(deps, decoded.request));
  response.writeHead(200, { 'content-type': 'application/json' }).end(text);
}

function inject(deps: WebhookDeps, request: ReviewRequest): ReviewResponse {
  const { response, outcome, reason } = reviewPod(request, deps.injectConfig());
  deps.onInjection?.(outcome);
  const { name, generateName } = request.object?.metadata ?? {};
  deps.log[outcome === 'failure' ? 'warn' : 'info']('sidecar injection', { outcome, namespace: request.namespace, pod: name ?? generateName, reason, ...(response.warnings?.length ? { warnings: response.warnings } : {}) });
  return response;
}

async function validate(deps: WebhookDeps, request: ReviewRequest): Promise<ReviewResponse> {
  let response = reviewConfig(request, deps.validationContext());
  if (!response.allowed && deps.freshContext) response = reviewConfig(request, await deps.freshContext());
  deps.onValidation?.(response.allowed);
  if (!response.allowed) deps.log.info('configuration refused', { kind: request.object?.kind, namespace: request.namespace, name: request.name, message: response.message });
  return response;
}

const isUnder = (path: string, root: string) => path === root || path.startsWith(`${root}/`);

/** The whole body as text; undefined when it is too large, and then the rest is not read. */
async function readBody(request: IncomingMessage): Promise<string | undefined> {
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return undefined;
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > MAX_BODY_BYTES) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}

function end(response: ServerResponse, status: number, text: string): void {
  // A body that was not read to its end leaves the connection unusable for a next request.
  response.writeHead(status, { 'content-type': 'text/plain; charset=utf-8', ...(status === 413 ? { connection: 'close' } : {}) }).end(`${text}\n`);
}
