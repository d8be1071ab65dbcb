/** The plain HTTP side: readiness, metrics, version, debugging. */
import { createServer, type Server, type ServerResponse } from 'node:http';
import { errorText } from '../../base/errors.ts';
import { answerDebug, type DebugDeps } from './debug.ts';

export interface MonitoringDeps extends DebugDeps {
  isReady(): boolean;
  renderMetrics(): string;
  readonly version: string;
}

export function createMonitoringServer(deps: MonitoringDeps): Server {
  return createServer((request, response) => {
    try {
      if (request.method !== 'GET' && request.method !== 'HEAD') return end(response, 405, 'only GET\n');
      answer(new URL(request.url ?? '/', 'http://localhost'), deps, response);
    } catch (error) {
      end(response, 500, `${errorText(error)}\n`);
    }
  });
}

function answer(url: URL, deps: MonitoringDeps, response: ServerResponse): void {
  switch (url.pathname) {
    case '/ready':
    case '/healthz/ready':
      return deps.isReady() ? end(response, 200, '') : end(response, 503, 'the mesh has not been read yet\n');
    case '/metrics':
      return end(response, 200, deps.renderMetrics(), 'text/plain; version=0.0.4; charset=utf-8');
    case '/version':
      return end(response, 200, `${deps.version}\n`);
    default: {
      const debug = answerDebug(url, deps);
      if (!debug) return end(response, 404, 'not found; see /metrics, /ready, /version and /debug\n');
      return end(response, debug.status, `${JSON.stringify(debug.body, plain, 2)}\n`, 'application/json');
    }
  }
}

// oxlint-disable-next-line max-params -- an HTTP response has these parts
function end(response: ServerResponse, status: number, body: string, type = 'text/plain; charset=utf-8'): void {
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body) }).end(body);
}

const plain = (_key: string, value: unknown): unknown => (value instanceof Map ? Object.fromEntries(value) : value instanceof Set ? [...value] : typeof value === 'bigint' ? value.toString() : value);
