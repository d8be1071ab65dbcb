/** The console's server: the web application, and one door to each of its sources. It has no state and no log-in of its own, so it is
 * published on loopback only (port-forward, `dashboard kiali`); whoever can reach it sees what its service account may read. */
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { HttpClientConfig } from '../kube/http-client.ts';
import type { ConsoleConfig } from './config.ts';
import { isAllowedHost, kubeRefusal } from './guard.ts';
import { StaticFiles } from './static-files.ts';
import { Upstream } from './upstream.ts';

export interface ConsoleDeps {
  /** The Kubernetes API and how to show oneself to it; undefined: the console runs without one and says so. */
  readonly kube: HttpClientConfig | undefined;
  readonly version: string;
}

export class ConsoleApp {
  readonly #config: ConsoleConfig;
  readonly #deps: ConsoleDeps;
  readonly #files: StaticFiles;
  readonly #upstreams: ReadonlyMap<string, Upstream>;
  readonly #server: Server;

  constructor(config: ConsoleConfig, deps: ConsoleDeps) {
    this.#config = config;
    this.#deps = deps;
    this.#files = new StaticFiles(config.root);
    this.#upstreams = new Map([
      ['prometheus', new Upstream({ name: 'Prometheus', url: config.prometheusUrl })],
      ['jaeger', new Upstream({ name: 'Jaeger', url: config.jaegerUrl })],
      ['istiod', new Upstream({ name: 'the control plane', url: config.istiodUrl })],
      ...(deps.kube ? [['kube', new Upstream({ name: 'the Kubernetes API', url: deps.kube.server, credentials: deps.kube })] as const] : []),
    ]);
    this.#server = createServer((request, response) => this.#serve(request, response));
  }

  /** Resolves to the port. */
  async start(): Promise<number> {
    await new Promise<void>((resolve, reject) => {
      this.#server.once('error', reject);
      this.#server.listen(this.#config.port, this.#config.host, () => resolve());
    });
    // A TCP listener's address is always this shape.
    return (this.#server.address() as AddressInfo).port;
  }

  async close(): Promise<void> {
    for (const upstream of this.#upstreams.values()) upstream.close();
    if (!this.#server.listening) return;
    const closed = new Promise<void>((resolve) => this.#server.close(() => resolve()));
    this.#server.closeAllConnections();
    await closed;
  }

  #serve(request: IncomingMessage, response: ServerResponse): void {
    // Not through URL: it would resolve dot segments that the guard must see.
    const [path = '/', query] = (request.url ?? '/').split('?', 2);
    if (path === '/healthz' || path === '/kiali/healthz') return answer(response, 200, { status: 'ok' });
    if (!isAllowedHost(request.headers.host, this.#config.allowedHosts)) {
      return answer(response, 421, { error: 'host', message: `the console is not known as ${request.headers.host}; add the name to LATEEN_ALLOWED_HOSTS if it should be` });
    }
    if (path === '/api/status') return answer(response, 200, { name: 'Lateen console', version: this.#deps.version, sources: [...this.#upstreams.keys()] });
    const source = /^\/api\/([a-z]+)(\/.*)$/.exec(path);
    if (source) return this.#pass({ name: source[1] ?? '', path: source[2] ?? '/', query }, request, response);
    if (request.method !== 'GET' && request.method !== 'HEAD') return answer(response, 405, { error: 'method', message: `${request.method} is not for pages` });
    this.#files.serve(request, response, decode(path));
  }

  #pass(target: { name: string; path: string; query: string | undefined }, request: IncomingMessage, response: ServerResponse): void {
    const upstream = this.#upstreams.get(target.name);
    if (!upstream) return answer(response, 404, { error: 'source', message: `there is no source "${target.name}"` });
    const refusal = refusalOf(target.name, request.method ?? 'GET', target.path);
    if (refusal !== undefined) return answer(response, 403, { error: 'refused', message: refusal });
    upstream.pass(request, response, target.query === undefined ? target.path : `${target.path}?${target.query}`);
  }
}

/** Every source is read only. Prometheus takes long queries by POST. */
function refusalOf(name: string, method: string, path: string): string | undefined {
  if (name === 'kube') return kubeRefusal(method, path);
  if (method === 'GET' || method === 'HEAD') return undefined;
  return name === 'prometheus' && method === 'POST' && /^\/api\/v1\/query(_range)?$/.test(path) ? undefined : `the console only reads; ${method} ${path} is refused`;
}

function answer(response: ServerResponse, status: number, body: unknown): void {
  response.writeHead(status, { 'content-type': 'application/json', 'cache-control': 'no-store' }).end(`${JSON.stringify(body)}\n`);
}

function decode(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    // Not valid percent-encoding: no file has such a name either.
    return path;
  }
}
