/** The Kubernetes API over HTTPS (or HTTP), with keep-alive and streaming watches. */
import { readFileSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type IncomingMessage, type RequestOptions } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { KubeApiError, PatchType } from './client.ts';
import type { DeleteOptions, KubeClient, ListOptions, WatchEvent, WriteOptions } from './client.ts';
import { failure, KubeConnectError } from './errors.ts';
import type { Status } from './object.ts';
import { apiVersionOf, resourcePath } from './resource.ts';

export interface HttpClientConfig {
  /** `https://host:port`, without a trailing path. */
  server: string;
  caPem?: string;
  /** Bearer token; `tokenFile` is read again when it is older than ten seconds, because kubelets rotate it. */
  token?: string;
  tokenFile?: string;
  clientCertPem?: string;
  clientKeyPem?: string;
  /** Name to check the server's certificate against; default: the host of `server`. */
  serverName?: string;
  /** Skips the check of the server's certificate. */
  insecure?: boolean;
  /** Default `lateen`; its part before the first `/` becomes the field manager of writes. */
  userAgent?: string;
  /** Deadline of a call that is not a watch, in milliseconds; default 30,000. */
  timeoutMs?: number;
}

export interface HttpClient extends KubeClient {
  readonly config: HttpClientConfig;
  /** Closes idle connections and breaks running watches. */
  close(): void;
}

interface Call {
  method: string;
  path: string;
  query?: Record<string, string | number | boolean | undefined>;
  body?: unknown;
  contentType?: string;
  signal?: AbortSignal;
  streaming?: boolean;
}

const TOKEN_MAX_AGE_MS = 10_000;

export function createHttpClient(config: HttpClientConfig): HttpClient {
  const transport = createTransport(config);
  const json = async <R>(call: Call): Promise<R> => JSON.parse(await readAll(await transport.send(call), config.server)) as R;
  return {
    config,
    close: () => transport.close(),
    get: (r, at, options = {}) => json({ method: 'GET', path: resourcePath(r, at), signal: options.signal }),
    list: (r, options = {}) => json({ method: 'GET', path: resourcePath(r, options), query: listQuery(options), signal: options.signal }),
    create(r, object, options = {}) {
      const namespace = options.namespace ?? object.metadata?.namespace;
      const name = options.subresource ? (options.name ?? object.metadata?.name) : undefined;
      const path = resourcePath(r, { namespace, name, subresource: options.subresource });
      return json({ method: 'POST', path, query: writeQuery(options), body: typed(r, object), signal: options.signal });
    },
    update(r, object, options = {}) {
      const { namespace, name } = object.metadata ?? {};
      const path = resourcePath(r, { namespace, name, subresource: options.subresource });
      return json({ method: 'PUT', path, query: writeQuery(options), body: typed(r, object), signal: options.signal });
    },
    patch: (r, at, patch, options = {}) => json({
      method: 'PATCH', path: resourcePath(r, { ...at, subresource: options.subresource }), query: writeQuery(options, patch.type),
      body: patch.body, contentType: patch.type, signal: options.signal,
    }),
    async delete(r, at, options = {}) {
      await json({ method: 'DELETE', path: resourcePath(r, at), body: deleteBody(options), signal: options.signal });
    },
    async deleteCollection(r, options) {
      await json({ method: 'DELETE', path: resourcePath(r, options), query: listQuery(options), body: deleteBody(options), signal: options.signal });
    },
    async *watch<T extends object>(r: Parameters<KubeClient['watch']>[0], options: Parameters<KubeClient['watch']>[1] = {}) {
      const { signal, namespace, ...query } = options;
      const path = resourcePath(r, { namespace });
      try {
        const answer = await transport.send({ method: 'GET', path, query: { ...query, watch: true }, signal, streaming: true });
        for await (const line of lines(answer)) yield JSON.parse(line) as WatchEvent<T>;
      } catch (error) {
        if (signal?.aborted) return;
        throw error instanceof KubeApiError || error instanceof KubeConnectError ? error : new KubeConnectError(config.server, { cause: error });
      }
    },
    async raw<R>(method: string, path: string, body?: unknown) {
      const text = await readAll(await transport.send({ method, path, body }), config.server);
      try {
        return JSON.parse(text) as R;
      } catch {
        return text as R; // `/healthz` and its like answer plain text
      }
    },
  };
}

function typed<T extends object>(r: Parameters<typeof apiVersionOf>[0], object: T): T {
  return { apiVersion: apiVersionOf(r), kind: r.kind, ...object };
}

function listQuery(options: ListOptions): Call['query'] {
  return {
    labelSelector: options.labelSelector, fieldSelector: options.fieldSelector, limit: options.limit,
    continue: options.continue, resourceVersion: options.resourceVersion,
  };
}

function writeQuery(options: WriteOptions, patch?: PatchType): Call['query'] {
  const fieldManager = options.fieldManager ?? (patch === PatchType.Apply ? 'lateen' : undefined);
  return {
    fieldManager, fieldValidation: options.fieldValidation, dryRun: options.dryRun ? 'All' : undefined,
    force: patch === PatchType.Apply && options.force ? true : undefined,
  };
}

function deleteBody(options: DeleteOptions): unknown {
  const { gracePeriodSeconds, propagationPolicy, preconditions } = options;
  return { apiVersion: 'v1', kind: 'DeleteOptions', gracePeriodSeconds, propagationPolicy, preconditions };
}

function createTransport(config: HttpClientConfig) {
  const base = new URL(config.server);
  const secure = base.protocol === 'https:';
  const agent = secure
    ? new HttpsAgent({ keepAlive: true, ca: config.caPem, cert: config.clientCertPem, key: config.clientKeyPem, rejectUnauthorized: !config.insecure, servername: config.serverName })
    : new HttpAgent({ keepAlive: true });
  const bearer = tokenSource(config);
  const prefix = base.pathname.replace(/\/$/, '');

  return {
    close: () => agent.destroy(),
    send(call: Call): Promise<IncomingMessage> {
      const payload = call.body === undefined ? undefined : Buffer.from(typeof call.body === 'string' ? call.body : JSON.stringify(call.body));
      const token = bearer();
      const options: RequestOptions = {
        agent, method: call.method, host: base.hostname.replace(/^\[|\]$/g, ''), port: base.port || (secure ? 443 : 80), path: prefix + withQuery(call.path, call.query),
        headers: {
          accept: 'application/json', 'user-agent': config.userAgent ?? 'lateen',
          ...(token ? { authorization: `Bearer ${token}` } : {}),
          ...(payload ? { 'content-type': call.contentType ?? 'application/json', 'content-length': payload.length } : {}),
        },
        signal: call.signal,
        timeout: call.streaming ? undefined : (config.timeoutMs ?? 30_000),
      };
      return exchange(secure ? httpsRequest : httpRequest, options, payload, config.server);
    },
  };
}

function exchange(open: typeof httpRequest, options: RequestOptions, payload: Buffer | undefined, server: string): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const req = open(options);
    req.on('timeout', () => req.destroy(new Error(`no answer within ${options.timeout} ms`)));
    req.on('error', (cause) => reject(options.signal?.aborted ? (options.signal.reason as Error) : new KubeConnectError(server, { cause })));
    req.on('response', (answer) => {
      const code = answer.statusCode ?? 500;
      if (code < 400) return resolve(answer);
      readAll(answer, server).then((text) => reject(new KubeApiError(statusOf(code, text))), reject);
    });
    req.end(payload);
  });
}

function statusOf(code: number, text: string): Status {
  try {
    const status: unknown = JSON.parse(text);
    if (typeof status === 'object' && status !== null && 'kind' in status && status.kind === 'Status') return status as Status;
  } catch { /* not every server, and no proxy in between, answers in JSON: the text itself is the message */ }
  return failure(code, code === 404 ? 'NotFound' : code === 401 ? 'Unauthorized' : code === 403 ? 'Forbidden' : 'InternalError', text.trim() || `HTTP ${code}`);
}

function tokenSource(config: HttpClientConfig): () => string | undefined {
  const { token, tokenFile } = config;
  if (tokenFile === undefined) return () => token;
  let read = { text: token, at: -Infinity };
  return () => {
    const now = performance.now();
    if (now - read.at > TOKEN_MAX_AGE_MS) read = { text: readFileSync(tokenFile, 'utf8').trim(), at: now };
    return read.text;
  };
}

function withQuery(path: string, query: Call['query']): string {
  const params = new URLSearchParams();
  for (const [key, value] of Object.entries(query ?? {})) if (value !== undefined && value !== '' && value !== false) params.set(key, String(value));
  const text = params.toString();
  return text === '' ? path : `${path}${path.includes('?') ? '&' : '?'}${text}`;
}

async function readAll(answer: IncomingMessage, server: string): Promise<string> {
  try {
    const chunks: Buffer[] = [];
    for await (const chunk of answer) chunks.push(chunk as Buffer);
    return Buffer.concat(chunks).toString('utf8');
  } catch (cause) {
    throw new KubeConnectError(server, { cause });
  }
}

async function* lines(answer: IncomingMessage): AsyncGenerator<string> {
  answer.setEncoding('utf8');
  let rest = '';
  for await (const chunk of answer) {
    rest += chunk as string;
    let end: number;
    let start = 0;
    while ((end = rest.indexOf('\n', start)) >= 0) {
      if (end > start) yield rest.slice(start, end);
      start = end + 1;
    }
    rest = rest.slice(start);
  }
}
