/** helloworld: says which version and which pod answered. */
import { hostname } from 'node:os';
import { send, serve } from '../http-app.ts';

const version = process.env['SERVICE_VERSION'] ?? 'v1';

serve(Number(process.argv[2] ?? 5000), (_request, response, url) => {
  if (url.pathname === '/health') return send(response, 200, { type: 'text/plain', body: 'Helloworld is healthy\n' });
  if (url.pathname !== '/hello') return send(response, 404, { type: 'text/plain', body: 'try /hello\n' });
  send(response, 200, { type: 'text/plain', body: `Hello version: ${version}, instance: ${process.env['HOSTNAME'] ?? hostname()}\n` });
});
