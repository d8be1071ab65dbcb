/** `demo`: from nothing to a mesh with an application, a canary and traffic. Every step is one that a user could take. */
import { readFileSync } from 'node:fs';
import { get as httpGet } from 'node:http';
import { Command } from 'commander';
import { systemClock } from '../base/clock.ts';
import { DEFAULT_NAME, down, status, up } from '../cluster/host/up.ts';
import { PROJECT_ROOT } from '../cluster/host/layout.ts';
import type { ClusterInfo } from '../cluster/host/cluster-info.ts';
import { install } from '../install/install.ts';
import { waitForDeployments } from '../install/readiness.ts';
import { PatchType } from '../kube/client.ts';
import { createHttpClient, type HttpClient } from '../kube/http-client.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { Namespaces } from '../kube/resource.ts';
import { globalsOf } from './cluster-access.ts';
import { CliError } from './errors.ts';
import { ManifestApplier } from './manifest.ts';
import { createProgress } from './progress.ts';
import { VERSION } from './version.ts';

const NAMESPACE = 'default';
const PAGE_TIMEOUT_MS = 120_000;
const TRAFFIC_PER_SECOND = 5;

interface Options {
  name: string;
  detach?: boolean;
  traffic: boolean;
}

export function demoCommand(): Command {
  return new Command('demo').description('cluster, mesh, Bookinfo and a 90/10 canary, with a trickle of traffic; Ctrl-C ends it')
    .option('--name <name>', 'name of the cluster', DEFAULT_NAME)
    .option('-d, --detach', 'leave it running and return; `lateen down` ends it')
    .option('--no-traffic', 'send no requests')
    .action(async (options: Options, self: Command) => {
      const page = await start(options, globalsOf(self).kubeconfig);
      if (options.detach) return;
      await runUntilInterrupted(page, options);
    });
}

async function start(options: Options, kubeconfig: string | undefined): Promise<string> {
  const progress = createProgress();
  const started = performance.now();
  const info = await progress.step('Start the cluster', () => up({ name: options.name, kubeconfig }));
  const client = createHttpClient(loadKubeconfig({ path: info.kubeconfig, context: info.context }));
  const manifests = new ManifestApplier(client);
  const sample = (file: string) => manifests.apply(readFileSync(`${PROJECT_ROOT}/samples/bookinfo/${file}`, 'utf8'), NAMESPACE);

  const installation = await progress.step('Install the mesh (profile demo)', (note) => installMesh(client, note));
  await progress.step('Label namespace default for injection', async () => {
    await client.patch(Namespaces, { name: NAMESPACE }, { type: PatchType.Merge, body: { metadata: { labels: { 'istio-injection': 'enabled' } } } });
  });
  const [bookinfo] = await progress.step('Apply Bookinfo and its gateway', () => Promise.all([sample('bookinfo.yaml'), sample('gateway.yaml')]));
  await progress.step('Route: a 90/10 canary of reviews', () => Promise.all([sample('destination-rules.yaml'), sample('reviews-90-10.yaml')]));
  // Whoever asks before is answered 503, and the console would show it.
  await progress.step('Bookinfo: every deployment is available', () => waitForDeployments(bookinfo.filter(({ kind }) => kind === 'Deployment'), { client, clock: systemClock, timeoutMs: PAGE_TIMEOUT_MS }));
  await progress.step('Gateways, console and stores', () => installation.complete);
  const page = await progress.step('First product page through the ingress', (note) => waitForPage(options.name, note));
  client.close();
  printWelcome(options, info, page, (performance.now() - started) / 1000);
  return page;
}

/** Returns when the control plane takes pods; gateways and console go on starting beside the application until `complete`. */
function installMesh(client: HttpClient, note: (text: string) => void): Promise<{ complete: Promise<unknown> }> {
  return new Promise((resolve, reject) => {
    const complete = install({
      client, options: { profile: 'demo', version: VERSION },
      onProgress: (step) => {
        note(step.title);
        if (step.title === 'Istiod' && step.state === 'done') resolve({ complete });
      },
    });
    complete.then(() => resolve({ complete }), reject);
  });
}

async function waitForPage(name: string, note: (text: string) => void): Promise<string> {
  const end = performance.now() + PAGE_TIMEOUT_MS;
  let last = 'the ingress gateway is not published yet';
  while (performance.now() < end) {
    const published = status(name)?.published.find((port) => port.name === 'istio-ingressgateway' && port.port === 80);
    if (published) {
      const url = `http://127.0.0.1:${published.hostPort}/productpage`;
      const code = await statusOf(url);
      if (code === 200) return url;
      last = `${url} answers ${code === 0 ? 'nothing' : code}`;
    }
    note(last);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
  throw new CliError(`no product page within ${PAGE_TIMEOUT_MS / 1000} s: ${last}. See: kubectl get pods -A`);
}

/** 0 when there was no answer. */
function statusOf(url: string): Promise<number> {
  return new Promise((resolve) => {
    const call = httpGet(url, { timeout: 10_000 }, (response) => {
      response.resume();
      response.on('end', () => resolve(response.statusCode ?? 0));
      response.on('error', () => resolve(0));
    });
    call.on('timeout', () => call.destroy());
    call.on('error', () => resolve(0));
  });
}

function printWelcome(options: Options, info: ClusterInfo, page: string, seconds: number): void {
  const address = (service: string, port: number) => {
    const found = status(options.name)?.published.find((entry) => entry.name === service && entry.port === port);
    return found ? `http://127.0.0.1:${found.hostPort}` : `lateen dashboard ${service}`;
  };
  const lines = [
    '', `Ready in ${seconds.toFixed(1)} s.`, '',
    `  Product page     ${page}`,
    `  Console          ${address('kiali', 20001)}`,
    `  Prometheus API   ${address('prometheus', 9090)}`,
    `  Jaeger API       ${address('tracing', 16686)}`,
    `  Kubeconfig       ${info.kubeconfig} (context ${info.context})`, '',
    'Worth trying next:',
    '  kubectl get pods                                    # 2/2: every pod has its sidecar',
    '  kubectl apply -f samples/bookinfo/reviews-v3.yaml   # everybody on red stars, within a second',
    '  bin/lateen proxy-config route deploy/productpage-v1 --name 9080',
    '  bin/lateen proxy-status',
    '  kubectl apply -f samples/bookinfo/ratings-fault.yaml   # rehearse an outage, watch the console', '',
    options.detach ? `It goes on in the background; end it by: bin/lateen down${options.name === DEFAULT_NAME ? '' : ` --name ${options.name}`}` : 'Ctrl-C ends it.', '',
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}

async function runUntilInterrupted(page: string, options: Options): Promise<void> {
  const timer = options.traffic ? setInterval(() => void statusOf(page), 1000 / TRAFFIC_PER_SECOND) : setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => resolve());
  });
  clearInterval(timer);
  process.stdout.write('\nStopping …\n');
  await down(options.name);
}
