/** The HTTPS call to one webhook. Connections are kept and shared between calls to the same endpoint. */
import { randomUUID } from 'node:crypto';
import { Agent, request as httpsRequest } from 'node:https';
import type { Clock } from '../../../base/clock.ts';
import { errorText } from '../../../base/errors.ts';
import type { AdmissionRequest } from '../../apiserver/admission.ts';
import type { Hook } from './hook.ts';
import { decodeReview, reviewRequest } from './review.ts';
import type { ReviewResponse } from './review.ts';
import type { ServiceResolver } from './service-resolver.ts';

/** Largest answer that is read. */
const ANSWER_LIMIT = 16 << 20;

export type CallResult = { t: 'answered'; response: ReviewResponse } | { t: 'failed'; reason: string };

export interface WebhookCaller {
  /** Never throws: a call that fails is an answer too. */
  call(hook: Hook, request: AdmissionRequest): Promise<CallResult>;
  close(): void;
}

interface Target {
  /** As error texts show it, `https://istiod.istio-system.svc:443/inject?timeout=10s`. */
  url: URL;
  connect: { host: string; port: number };
  ca: Buffer | undefined;
}

export function createWebhookCaller(deps: { services: ServiceResolver; clock: Clock }): WebhookCaller {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 });
  return {
    async call(hook, request) {
      const target = targetOf(hook, deps.services);
      if ('reason' in target) return { t: 'failed', reason: target.reason };
      const uid = randomUUID();
      const versions = hook.spec.admissionReviewVersions ?? [];
      const apiVersion = versions.includes('v1') ? 'admission.k8s.io/v1' : 'admission.k8s.io/v1beta1';
      const body = JSON.stringify({ kind: 'AdmissionReview', apiVersion, request: reviewRequest(request, uid) });
      const answer = await post(agent, target, body, { clock: deps.clock, timeoutMs: hook.timeoutMs });
      if ('reason' in answer) return { t: 'failed', reason: `failed to call webhook: ${answer.reason}` };
      const decoded = decodeReview(answer.json, uid);
      return 'error' in decoded ? { t: 'failed', reason: decoded.error } : { t: 'answered', response: decoded };
    },
    close: () => agent.destroy(),
  };
}

function targetOf(hook: Hook, services: ServiceResolver): Target | { reason: string } {
  const { clientConfig } = hook.spec;
  const ca = clientConfig.caBundle ? Buffer.from(clientConfig.caBundle, 'base64') : undefined;
  const timeout = `timeout=${hook.timeoutMs / 1000}s`;
  if (clientConfig.url) {
    const url = new URL(clientConfig.url);
    url.search = url.search ? `${url.search}&${timeout}` : timeout;
    return { url, connect: { host: url.hostname, port: Number(url.port || 443) }, ca };
  }
  const { service } = clientConfig;
  if (!service) return { reason: 'failed to call webhook: clientConfig has neither url nor service' };
  const port = service.port ?? 443;
  // The scheme's own port would vanish from a URL object; Kubernetes shows it.
  const shown = `https://${service.name}.${service.namespace}.svc:${port}${service.path ?? '/'}?${timeout}`;
  const addresses = services.resolve(service.namespace, service.name, port);
  if (!addresses) return { reason: `failed to call webhook: Post "${shown}": service "${service.name}" not found` };
  const chosen = addresses[Math.floor(Math.random() * addresses.length)];
  if (!chosen) return { reason: `failed to call webhook: Post "${shown}": no endpoints available for service "${service.name}"` };
  return { url: new URL(shown), connect: { host: chosen.address, port: chosen.port }, ca };
}

const shownUrl = (url: URL): string => `https://${url.hostname}:${url.port || 443}${url.pathname}${url.search}`;

type Answer = { json: unknown } | { reason: string };

async function post(agent: Agent, target: Target, body: string, limits: { clock: Clock; timeoutMs: number }): Promise<Answer> {
  const deadline = new AbortController();
  const timer = limits.clock.after(limits.timeoutMs, () => deadline.abort());
  try {
    return await attempt(agent, target, body, deadline.signal);
  } catch (error) {
    const cause = deadline.signal.aborted ? 'context deadline exceeded' : errorText(error);
    return { reason: `Post "${shownUrl(target.url)}": ${cause}` };
  } finally {
    timer.cancel();
  }
}

async function attempt(agent: Agent, target: Target, body: string, signal: AbortSignal): Promise<Answer> {
  try {
    return await send(agent, target, body, signal);
  } catch (error) {
    // The other side may have closed a kept connection while this call was on its way: one new connection is fair.
    if (!(error instanceof StaleConnection)) throw error;
    return send(agent, target, body, signal);
  }
}

class StaleConnection extends Error {}

function send(agent: Agent, target: Target, body: string, signal: AbortSignal): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const { url, connect, ca } = target;
    const outgoing = httpsRequest({
      agent,
      method: 'POST',
      host: connect.host,
      port: connect.port,
      path: url.pathname + url.search,
      servername: url.hostname,
      ca,
      signal,
      headers: { host: url.host, 'content-type': 'application/json', accept: 'application/json', 'content-length': Buffer.byteLength(body) },
    });
    outgoing.on('error', (error) => reject(outgoing.reusedSocket && !signal.aborted ? new StaleConnection(error.message, { cause: error }) : error));
    outgoing.on('response', (incoming) => {
      const chunks: Buffer[] = [];
      let length = 0;
      incoming.on('data', (chunk: Buffer) => {
        length += chunk.length;
        if (length > ANSWER_LIMIT) outgoing.destroy(new Error(`the answer is larger than ${ANSWER_LIMIT} bytes`));
        else chunks.push(chunk);
      });
      incoming.on('error', reject);
      incoming.on('end', () => resolve(readAnswer(incoming.statusCode ?? 0, Buffer.concat(chunks).toString('utf8'))));
    });
    outgoing.end(body);
  });
}

function readAnswer(code: number, text: string): Answer {
  if (code < 200 || code > 299) return { reason: `the server answered ${code}: ${text.slice(0, 256).trim()}` };
  try {
    return { json: JSON.parse(text) as unknown };
  } catch (error) {
    return { reason: `the answer is not JSON: ${errorText(error)}` };
  }
}
