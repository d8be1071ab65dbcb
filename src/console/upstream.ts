/** Passes a request on to one of the console's sources and streams the answer back. */
import { readFileSync, statSync } from 'node:fs';
import { Agent as HttpAgent, request as httpRequest, type ClientRequest, type IncomingMessage, type ServerResponse } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { pipeline } from 'node:stream';
import type { HttpClientConfig } from '../kube/http-client.ts';

/** Deadline of one passed-on request until its headers come, milliseconds. */
const TIMEOUT_MS = 30_000;
const PASSED_HEADERS = ['accept', 'content-type', 'content-length'] as const;
const RETURNED_HEADERS = ['content-type', 'content-length', 'content-encoding'] as const;

export interface UpstreamOptions {
  /** `http://prometheus.istio-system:9090`. */
  readonly url: string;
  /** Name for people, in errors: `Prometheus`. */
  readonly name: string;
  /** How to show oneself to the Kubernetes API. */
  readonly credentials?: Omit<HttpClientConfig, 'server'>;
}

export class Upstream {
  readonly #options: UpstreamOptions;
  readonly #agent: HttpAgent | HttpsAgent;

  constructor(options: UpstreamOptions) {
    this.#options = options;
    const { credentials } = options;
    const tls = { ca: credentials?.caPem, cert: credentials?.clientCertPem, key: credentials?.clientKeyPem, servername: credentials?.serverName, rejectUnauthorized: !credentials?.insecure };
    this.#agent = options.url.startsWith('https:') ? new HttpsAgent({ keepAlive: true, ...tls }) : new HttpAgent({ keepAlive: true });
  }

  /** @param path with its query */
  pass(incoming: IncomingMessage, response: ServerResponse, path: string): void {
    const outgoing = this.#send(incoming, response, path);
    incoming.pipe(outgoing);
  }

  #send(incoming: IncomingMessage, response: ServerResponse, path: string): ClientRequest {
    const start = this.#options.url.startsWith('https:') ? httpsRequest : httpRequest;
    const outgoing = start(new URL(path, this.#options.url), { method: incoming.method, agent: this.#agent, timeout: TIMEOUT_MS, headers: this.#headers(incoming) }, (answer) => {
      const headers = Object.fromEntries(RETURNED_HEADERS.flatMap((name) => (answer.headers[name] === undefined ? [] : [[name, answer.headers[name]]])));
      response.writeHead(answer.statusCode ?? 502, { ...headers, 'cache-control': 'no-store', 'x-content-type-options': 'nosniff' });
      // A broken pipe ends both sides; there is nobody left to tell.
      pipeline(answer, response, () => {});
    });
    outgoing.on('timeout', () => outgoing.destroy(new Error(`no answer within ${TIMEOUT_MS} ms`)));
    outgoing.on('error', (error) => {
      // The server may close a kept connection just as it is used again; a question can be asked once more.
      const isStale = outgoing.reusedSocket && incoming.method === 'GET' && !response.headersSent && !response.destroyed;
      if (isStale) this.#send(incoming, response, path).end();
      else this.#fail(response, error);
    });
    response.on('close', () => outgoing.destroy());
    return outgoing;
  }

  close(): void {
    this.#agent.destroy();
  }

  #headers(incoming: IncomingMessage): Record<string, string> {
    const headers: Record<string, string> = { 'user-agent': 'lateen-console' };
    for (const name of PASSED_HEADERS) if (incoming.headers[name] !== undefined) headers[name] = incoming.headers[name];
    const token = this.#token();
    if (token !== undefined) headers['authorization'] = `Bearer ${token}`;
    return headers;
  }

  /** Read at every call: kubelets rotate the file, and the page cache makes it cheap. */
  #token(): string | undefined {
    const { tokenFile, token } = this.#options.credentials ?? {};
    if (tokenFile === undefined || !statSync(tokenFile, { throwIfNoEntry: false })) return token;
    return readFileSync(tokenFile, 'utf8').trim();
  }

  #fail(response: ServerResponse, error: Error): void {
    if (response.headersSent || response.destroyed) {
      response.destroy();
      return;
    }
    const { name, url } = this.#options;
    response.writeHead(502, { 'content-type': 'application/json' });
    response.end(JSON.stringify({ error: 'unreachable', source: name, message: `${name} at ${url} did not answer: ${error.message}` }));
  }
}
