import type { ServerResponse } from 'node:http';
import { stringify } from 'yaml';
import { KubeApiError } from '../../../kube/client.ts';
import { failure } from '../../../kube/errors.ts';
import { errorText } from '../../../base/errors.ts';
import type { Status } from '../../../kube/object.ts';

export function sendJson(response: ServerResponse, code: number, body: unknown, headers: Record<string, string> = {}): void {
  sendText(response, code, typeof body === 'string' ? body : JSON.stringify(body), { 'content-type': 'application/json', ...headers });
}

export function sendYaml(response: ServerResponse, code: number, body: unknown): void {
  sendText(response, code, stringify(body), { 'content-type': 'application/yaml' });
}

export function sendText(response: ServerResponse, code: number, text: string, headers: Record<string, string>): void {
  if (response.headersSent || response.destroyed) return;
  const bytes = Buffer.from(text);
  response.writeHead(code, { 'cache-control': 'no-cache, private', 'content-length': bytes.length, ...headers });
  response.end(bytes);
}

/** Texts for people, one header each. Kubernetes: `Warning: 299 - "text"`. */
export function setWarnings(response: ServerResponse, warnings: readonly string[]): void {
  if (warnings.length === 0 || response.headersSent) return;
  // Headers are Latin-1 and one line: what does not fit is left out, the text goes on.
  const texts = [...new Set(warnings)].map((text) => `299 - "${text.replaceAll(/[^\x20-\x7e]/g, ' ').replaceAll(/["\\]/g, '\\$&')}"`);
  response.setHeader('Warning', texts);
}

/** The Status that any thrown thing is for the client. */
export function statusFor(error: unknown): Status {
  return error instanceof KubeApiError ? error.status : failure(500, 'InternalError', `Internal error occurred: ${errorText(error)}`);
}

export function sendError(response: ServerResponse, error: unknown): Status {
  const status = statusFor(error);
  const headers: Record<string, string> = status.details?.retryAfterSeconds ? { 'retry-after': String(status.details.retryAfterSeconds) } : {};
  sendJson(response, status.code ?? 500, status, headers);
  return status;
}
