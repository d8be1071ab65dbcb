/** httpbin: shows a client what its request looked like, and misbehaves on demand. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import { readBody, send, sendJson, serve } from '../http-app.ts';

const BODY_LIMIT = 16 << 20;
const MAX_DELAY_S = 30;

serve(Number(process.env['PORT'] ?? process.argv[2] ?? 8080), async (request, response, url) => {
  const [, name = '', ...rest] = url.pathname.split('/');
  const route = routes[name];
  if (!route) return sendJson(response, 404, { error: `no such path; there are: ${Object.keys(routes).map((path) => `/${path}`).join(' ')}` });
  await route({ request, response, url, rest });
});

interface Call {
  request: IncomingMessage;
  response: ServerResponse;
  url: URL;
  rest: string[];
}

const describe = async ({ request, url }: Call) => {
  const body = (await readBody(request, BODY_LIMIT)).toString();
  return {
    args: lists(url.searchParams), headers: headersOf(request), method: request.method, origin: originOf(request),
    url: `${request.headers['x-forwarded-proto'] ?? 'http'}://${request.headers.host ?? ''}${request.url}`,
    ...(body === '' ? {} : { data: body, json: parse(body) }),
  };
};

const echo = async (call: Call) => sendJson(call.response, 200, await describe(call));

const only = (method: string) => async (call: Call) => {
  if (call.request.method !== method) return sendJson(call.response, 405, { error: `use ${method}` });
  await echo(call);
};

const routes: Record<string, (call: Call) => void | Promise<void>> = {
  '': ({ response }) => send(response, 200, { type: 'text/html', body: '<!DOCTYPE html><title>httpbin</title><h1>httpbin</h1>' }),
  anything: echo,
  get: only('GET'),
  post: only('POST'),
  put: only('PUT'),
  patch: only('PATCH'),
  delete: only('DELETE'),
  headers: ({ request, response }) => sendJson(response, 200, { headers: headersOf(request) }),
  ip: ({ request, response }) => sendJson(response, 200, { origin: originOf(request) }),
  'user-agent': ({ request, response }) => sendJson(response, 200, { 'user-agent': request.headers['user-agent'] ?? '' }),
  hostname: ({ response }) => sendJson(response, 200, { hostname: process.env['HOSTNAME'] ?? '' }),
  status: async ({ request, response, rest }) => {
    await readBody(request, BODY_LIMIT);
    const choices = (rest[0] ?? '').split(',').map(Number).filter((code) => code >= 200 && code <= 599);
    const code = choices[Math.floor(Math.random() * choices.length)];
    if (code === undefined) return sendJson(response, 400, { error: 'give a status from 200 to 599: /status/503' });
    send(response, code, { type: 'text/plain', body: '' });
  },
  delay: async (call) => {
    const seconds = Math.min(MAX_DELAY_S, Number(call.rest[0]));
    if (!(seconds >= 0)) return sendJson(call.response, 400, { error: 'give seconds: /delay/2' });
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000));
    await echo(call);
  },
  'response-headers': ({ response, url }) => {
    const headers = Object.fromEntries(url.searchParams);
    send(response, 200, { type: 'application/json', body: JSON.stringify(headers), headers });
  },
  bytes: ({ response, rest }) => {
    const size = Math.min(BODY_LIMIT, Number(rest[0] ?? 1024));
    send(response, 200, { type: 'application/octet-stream', body: Buffer.alloc(size >= 0 ? size : 0, 'x') });
  },
  stream: async ({ request, response, rest }) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (let id = 0; id < Math.min(100, Number(rest[0] ?? 1)); id++) response.write(`${JSON.stringify({ id, headers: headersOf(request) })}\n`);
    response.end();
  },
  'basic-auth': ({ request, response, rest }) => {
    const expected = `Basic ${Buffer.from(`${rest[0] ?? ''}:${rest[1] ?? ''}`).toString('base64')}`;
    const authorized = request.headers.authorization === expected;
    send(response, authorized ? 200 : 401, { type: 'application/json', body: JSON.stringify({ authorized }), ...(authorized ? {} : { headers: { 'www-authenticate': 'Basic realm="httpbin"' } }) });
  },
};

/** Repeated headers stay apart, under their canonical names, as a test of header handling needs them. */
function headersOf(request: IncomingMessage): Record<string, string[]> {
  const headers: Record<string, string[]> = {};
  for (let i = 0; i + 1 < request.rawHeaders.length; i += 2) {
    const name = (request.rawHeaders[i] ?? '').toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase());
    (headers[name] ??= []).push(request.rawHeaders[i + 1] ?? '');
  }
  return headers;
}

const originOf = (request: IncomingMessage) => (request.headers['x-forwarded-for'] as string | undefined) ?? request.socket.remoteAddress ?? '';

function lists(params: URLSearchParams): Record<string, string[]> {
  const args: Record<string, string[]> = {};
  for (const [name, value] of params) (args[name] ??= []).push(value);
  return args;
}

function parse(body: string): unknown {
  try {
    return JSON.parse(body) as unknown;
  } catch {
    return null;
  }
}
