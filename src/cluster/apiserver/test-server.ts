/** An API server for tests, in memory; and the same behind HTTP on a free port of loopback. Only tests import this. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { TestContext } from 'node:test';
import { createHttpClient, type HttpClient } from '../../kube/http-client.ts';
import { Namespaces } from '../../kube/resource.ts';
import type { ApiServer, ApiServerOptions } from './options.ts';
import { createApiServer } from './server.ts';

/** With the namespace `default`; closed after the test. */
export async function startApi(t: TestContext, options: ApiServerOptions = {}): Promise<ApiServer> {
  const api = createApiServer(options);
  t.after(() => api.close());
  await api.client.create(Namespaces, { metadata: { name: 'default' } });
  return api;
}

export async function startHttp(t: TestContext, api: ApiServer): Promise<{ url: string; clientFor(token?: string): HttpClient }> {
  const server = createServer((request, response) => api.handle(request, response));
  server.on('upgrade', (request, socket, head) => api.upgrade(request, socket, head));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  t.after(() => {
    server.closeAllConnections();
    server.close();
  });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  return {
    url,
    clientFor(token) {
      const client = createHttpClient({ server: url, token });
      t.after(() => client.close());
      return client;
    },
  };
}
