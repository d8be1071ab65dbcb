/** The pages of ports 15020 (what Istio's agent serves, and `/quiet`, which the preStop hooks of applications ask), 15021 (readiness) and 15090 (metrics of the data path). */
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { PROMETHEUS_TYPE, expose } from '../telemetry/exposition.ts';
import { Registry } from '../telemetry/registry.ts';
import { fetchAppMetrics } from './app-metrics.ts';
import { PASSTHROUGH_ADDRESS, runProbe } from './app-probe.ts';
import { text } from './http-service.ts';
import type { Page, PageRequest, Route } from './http-service.ts';
import type { StatusView } from './proxy-view.ts';

export const readinessRoutes = (view: StatusView): Route[] => [{ path: '/healthz/ready', handle: () => readiness(view) }];

export const prometheusRoutes = (view: StatusView): Route[] => [{ path: '/stats/prometheus', handle: async () => ({ type: PROMETHEUS_TYPE, body: await view.metrics() }) }];

export function statusRoutes(view: StatusView, log: Log): Route[] {
  const { appProbes, appMetrics, instanceIp } = view.settings;
  const agent = new Registry();
  const failures = agent.counter('istio_agent_scrape_failures_total', 'Failed fetches of metrics to merge.', ['type']);
  const requests = agent.counter('istio_agent_scrapes_total', 'Requests for merged metrics.').resolve();
  const isLoopback = instanceIp.startsWith('127.') || instanceIp === '::1';
  const target = { address: instanceIp, localAddress: isLoopback || instanceIp.includes(':') ? undefined : PASSTHROUGH_ADDRESS };

  const dns = (): string => {
    const counters = view.dns()?.counters;
    if (!counters) return '';
    const registry = new Registry();
    const set = (name: string, help: string, value: number) => void (registry.counter(`istio_agent_dns_${name}`, help).resolve().value = value);
    set('requests_total', 'DNS queries of the workload.', counters.requests);
    set('upstream_requests_total', 'DNS queries that were passed on.', counters.upstreamRequests);
    set('failures_total', 'DNS queries that nobody could answer.', counters.failures);
    return expose(registry.families());
  };
  const merged = async (request: PageRequest): Promise<Page> => {
    requests.value += 1;
    const timeout = request.headers['x-prometheus-scrape-timeout-seconds'];
    const app = appMetrics
      ? await fetchAppMetrics(appMetrics, typeof timeout === 'string' ? timeout : undefined).catch((error: unknown) => {
          failures.resolve('application').value += 1;
          log.warn('the application’s metrics cannot be fetched', { port: appMetrics.port, path: appMetrics.path, error: errorText(error) });
          return '';
        })
      : '';
    return { type: PROMETHEUS_TYPE, body: (await view.metrics()) + expose(agent.families()) + dns() + app };
  };
  const probe = (request: PageRequest): Page | Promise<Page> => {
    const found = appProbes.get(request.path);
    return found ? runProbe(found, target, request) : text(`no probe is known as ${request.path}\n`, 404);
  };
  const local = (handle: () => Page): Route['handle'] => (request) => (request.isLocal ? handle() : text('only from this host\n', 403));
  return [
    { path: '/stats/prometheus', handle: merged },
    { path: '/metrics', handle: merged },
    { path: '/healthz/ready', handle: () => readiness(view) },
    { path: '/debug/ndsz', handle: local(() => ({ type: 'application/json', body: JSON.stringify(view.dns()?.list() ?? []) })) },
    { path: '/app-health/', isPrefix: true, handle: probe },
    { path: '/app-lifecycle/', isPrefix: true, handle: probe },
    { path: '/quiet', handle: async ({ query }) => { await view.quiet(atMost(query)); return text('OK\n'); } },
    { path: '/quitquitquit', isMutation: true, handle: local(() => { setImmediate(() => view.quit()); return text('OK\n'); }) },
    { path: '/drain', isMutation: true, handle: local(() => { view.announceEnd(); return text('OK\n'); }) },
  ];
}

/** Of `?seconds=N`; whoever asks for more waits for no more than this. */
const MOST_QUIET_MS = 5000;

function atMost(query: URLSearchParams): number {
  const seconds = Number(query.get('seconds') ?? '');
  return seconds > 0 ? Math.min(seconds * 1000, MOST_QUIET_MS) : MOST_QUIET_MS;
}

async function readiness(view: StatusView): Promise<Page> {
  const reason = await view.notReady();
  return reason === undefined ? text('') : text(`${reason}\n`, 503);
}
