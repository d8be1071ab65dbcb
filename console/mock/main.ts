/** The console with a made-up mesh behind it, for working on pages without a cluster: `node console/mock/main.ts [port]`.
 * The numbers go through the real store, the real PromQL and the real APIs. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { systemClock } from '../../src/base/clock.ts';
import { silentLog } from '../../src/base/log.ts';
import { ConsoleApp } from '../../src/console/app.ts';
import { ObserveApp } from '../../src/observe/app.ts';
import { loadConfig } from '../../src/observe/config.ts';
import { kubeAnswer, syncz } from './cluster.ts';
import { TrafficWriter } from './metrics.ts';
import { bookinfoTrace } from './traces.ts';

const HISTORY_SECONDS = 900;
const STEP_SECONDS = 5;
const host = '127.0.0.1';

const observe = new ObserveApp(loadConfig(['--prometheus-port=0', '--otlp-port=0', '--zipkin-port=0', '--jaeger-port=0', `--host=${host}`, '--no-discovery'], {}), { clock: systemClock, log: silentLog, pods: undefined, version: 'mock' });
const ports = await observe.start();

const writer = new TrafficWriter(observe.metrics);
const now = Date.now();
for (let ago = HISTORY_SECONDS; ago >= 0; ago -= STEP_SECONDS) {
  writer.step(now - ago * 1000, STEP_SECONDS);
  if (ago % 15 === 0) observe.traces.add(bookinfoTrace(now - ago * 1000, Math.random));
}
const timer = setInterval(() => {
  writer.step(Date.now(), STEP_SECONDS);
  observe.traces.add(bookinfoTrace(Date.now(), Math.random));
}, STEP_SECONDS * 1000);

const api = createServer((request, response) => {
  const path = new URL(request.url ?? '/', 'http://mock').pathname;
  const body = path === '/debug/syncz' ? syncz : kubeAnswer(path);
  response.writeHead(body === undefined ? 404 : 200, { 'content-type': 'application/json' }).end(JSON.stringify(body ?? { message: `${path} is not in the mock` }));
});
await new Promise<void>((resolve) => api.listen(0, host, resolve));
// A TCP listener's address is always this shape.
const apiUrl = `http://${host}:${(api.address() as AddressInfo).port}`;

const config = { port: Number(process.argv[2] ?? 20001), host, root: join(import.meta.dirname, '../dist'), prometheusUrl: `http://${host}:${ports.prometheus}`, jaegerUrl: `http://${host}:${ports.jaeger}`, istiodUrl: apiUrl, allowedHosts: [] };
const app = new ConsoleApp(config, { kube: { server: apiUrl }, version: 'mock' });
console.log(`the console with a made-up mesh: http://${host}:${await app.start()}`);

process.once('SIGINT', () => {
  clearInterval(timer);
  void Promise.all([app.close(), observe.close(), new Promise((resolve) => api.close(resolve))]).then(() => process.exit(0));
});
