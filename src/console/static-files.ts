/** The built application, read once into memory: it is small and never changes while the process lives. */
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { extname, join, relative, sep } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { IncomingMessage, ServerResponse } from 'node:http';

const TYPES: Readonly<Record<string, string>> = {
  '.html': 'text/html; charset=utf-8',
  '.js': 'text/javascript; charset=utf-8',
  '.css': 'text/css; charset=utf-8',
  '.svg': 'image/svg+xml',
  '.json': 'application/json',
  '.png': 'image/png',
  '.woff2': 'font/woff2',
};

interface StaticFile {
  readonly type: string;
  readonly body: Buffer;
  readonly gzip: Buffer | undefined;
  readonly etag: string;
  /** Vite puts a hash into the names under assets/: those never change. */
  readonly immutable: boolean;
}

/** Only what the application itself needs: no foreign script, no framing, connections to its own origin. */
const SECURITY_HEADERS = {
  'content-security-policy': "default-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; worker-src 'self' blob:; frame-ancestors 'none'; base-uri 'none'",
  'x-content-type-options': 'nosniff',
  'referrer-policy': 'no-referrer',
} as const;

export class StaticFiles {
  readonly #files = new Map<string, StaticFile>();

  /** An empty or missing folder is allowed: the server then says that the application was not built. */
  constructor(root: string) {
    if (!existsSync(root)) return;
    for (const entry of readdirSync(root, { recursive: true, withFileTypes: true })) {
      if (!entry.isFile()) continue;
      const path = join(entry.parentPath, entry.name);
      this.#files.set(`/${relative(root, path).split(sep).join('/')}`, readFile(path));
    }
  }

  serve(request: IncomingMessage, response: ServerResponse, path: string): void {
    const file = this.#files.get(path) ?? (isPage(request, path) ? this.#files.get('/index.html') : undefined);
    if (!file) {
      const missing = this.#files.size === 0 ? 'the console application is not built: run `npm run build`\n' : 'not found\n';
      response.writeHead(404, { 'content-type': 'text/plain' }).end(missing);
      return;
    }
    const cache = file.immutable ? 'public, max-age=31536000, immutable' : 'no-cache';
    const headers = { ...SECURITY_HEADERS, etag: file.etag, 'cache-control': cache, vary: 'accept-encoding' };
    if (request.headers['if-none-match'] === file.etag) {
      response.writeHead(304, headers).end();
      return;
    }
    const zipped = file.gzip && /\bgzip\b/.test(String(request.headers['accept-encoding'])) ? file.gzip : undefined;
    const body = zipped ?? file.body;
    response.writeHead(200, { ...headers, 'content-type': file.type, 'content-length': body.length, ...(zipped ? { 'content-encoding': 'gzip' } : {}) });
    response.end(request.method === 'HEAD' ? undefined : body);
  }
}

/** Names of objects may hold dots, so what looks like a file may be a page of the application: a browser that opens one asks for HTML. */
function isPage(request: IncomingMessage, path: string): boolean {
  return !path.startsWith('/assets/') && (extname(path) === '' || (request.headers.accept ?? '').includes('text/html'));
}

function readFile(path: string): StaticFile {
  const body = readFileSync(path);
  const packed = body.length > 1024 ? gzipSync(body) : undefined;
  return {
    type: TYPES[extname(path)] ?? 'application/octet-stream',
    body,
    gzip: packed && packed.length < body.length ? packed : undefined,
    etag: `"${createHash('sha256').update(body).digest('base64url').slice(0, 22)}"`,
    immutable: /[/\\]assets[/\\]/.test(path),
  };
}
