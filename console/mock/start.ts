/** The console with a made-up mesh behind it. The numbers go through the real store, the real PromQL and the real APIs. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { ConsoleApp } from '../../src/console/app.ts';
import { ObserveApp } from '../../src/observe/app.ts';
import { loadConfig } from '../../src/observe/config.ts';
import { kubeAnswer, mockLog, syncz } from './cluster.ts';
import { TrafficWriter } from './metrics.ts';
import { bookinfoTrace } from './traces.ts';

const HISTORY_SECONDS = 900;
const STEP_SECONDS = 5;
const HOST = '127.0.0.1';
const FLAGS = ['--prometheus-port=0', '--otlp-port=0', '--zipkin-port=0', '--jaeger-port=0', `--host=${HOST}`, '--no-discovery'];

export interface Mock {
  readonly url: string;
  close(): Promise<void>;
}

/** @param options.root the built application; `options.port` 0 picks a free one */
export async function startMock(options: { root: string; port: number }): Promise<Mock> {
  const observe = new ObserveApp(loadConfig(FLAGS, {}), { clock: systemClock, log: silentLog, pods: undefined, version: 'mock' });
  const ports = await observe.start();
  const timer = fill(observe);
  const api = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://mock').pathname;
    if (path.endsWith('/log')) {
      response.writeHead(200, { 'content-type': 'text/plain' }).end(mockLog());
      return;
    }
    const body = path === '/debug/syncz' ? syncz : kubeAnswer(path);
    response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? { message: `${path} is not in the mock` }));
  });
  await new Promise<void>((resolve) => api.listen(0, HOST, resolve));
  // A TCP listener's address is always this shape.
  const apiUrl = `http://${HOST}:${(api.address() as AddressInfo).port}`;
  const config = { port: options.port, host: HOST, root: options.root, prometheusUrl: `http://${HOST}:${ports.prometheus}`, jaegerUrl: `http://${HOST}:${ports.jaeger}`, istiodUrl: apiUrl, allowedHosts: [] };
  const app = new ConsoleApp(config, { kube: { server: apiUrl }, version: 'mock' });
  const port = await app.start();
  return {
    url: `http://${HOST}:${port}`,
    async close() {
      clearInterval(timer);
      api.closeAllConnections();
      await Promise.all([app.close(), observe.close(), new Promise((resolve) => api.close(resolve))]);
    },
  };
}

/** A quarter of an hour of history, then a step every five seconds. */
function fill(observe: ObserveApp): NodeJS.Timeout {
  const writer = new TrafficWriter(observe.metrics);
  const now = Date.now();
  for (let ago = HISTORY_SECONDS; ago >= 0; ago -= STEP_SECONDS) {
    writer.step(now - ago * 1000, STEP_SECONDS);
    if (ago % 15 === 0) observe.traces.add(bookinfoTrace(now - ago * 1000, Math.random));
  }
  return setInterval(() => {
    writer.step(Date.now(), STEP_SECONDS);
    observe.traces.add(bookinfoTrace(Date.now(), Math.random));
  }, STEP_SECONDS * 1000);
}
