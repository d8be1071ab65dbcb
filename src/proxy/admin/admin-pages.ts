/** The pages of port 15000. Source: Envoy "Administration interface". */
import type { JsonObject } from '@bufbuild/protobuf';
import { LOG_LEVELS } from '../../base/log.ts';
import { readCertificate } from '../../pki/certificate.ts';
import type { CertificateFacts } from '../../pki/certificate.ts';
import { splitChain } from '../../pki/pem.ts';
import { parseLogLevel } from '../bootstrap/decode-settings.ts';
import { ISTIO_API_VERSION } from '../bootstrap/node-metadata.ts';
import { expose, PROMETHEUS_TYPE } from '../telemetry/exposition.ts';
import { clustersJson, clustersText, listenersJson, listenersText } from './clusters-page.ts';
import { collectEnvoyStats, exposeEnvoyStats, statsJson, statsText } from './envoy-stats.ts';
import { json, text } from './http-service.ts';
import type { Page, PageRequest, Route } from './http-service.ts';
import type { ProxyView } from './proxy-view.ts';

const DAY_MS = 86_400_000;
const isJson = (request: PageRequest) => request.query.get('format') === 'json';

/** All metrics of the data path as Prometheus text. */
export async function dataPathMetrics(view: ProxyView): Promise<string> {
  const look = await view.look({ clusters: 'called', resources: false });
  return expose(look.counts.families) + exposeEnvoyStats(collectEnvoyStats(view, look, 'called'));
}

export const metricsPage = async (view: ProxyView): Promise<Page> => ({ type: PROMETHEUS_TYPE, body: await dataPathMetrics(view) });

export function adminRoutes(view: ProxyView): Route[] {
  const routes: Route[] = [
    { path: '/certs', handle: () => json(certificates(view)) },
    { path: '/clusters', handle: (r) => clusters(view, r) },
    { path: '/config_dump', handle: (r) => configDump(view, r) },
    { path: '/drain_listeners', isMutation: true, handle: () => startDrain(view) },
    { path: '/healthcheck/fail', isMutation: true, handle: () => setHealth(view, true) },
    { path: '/healthcheck/ok', isMutation: true, handle: () => setHealth(view, false) },
    { path: '/hot_restart_version', handle: () => text('disabled\n') },
    { path: '/init_dump', handle: () => json({ unready_targets_dumps: [] }) },
    { path: '/listeners', handle: (r) => listeners(view, r) },
    { path: '/logging', handle: (r) => logging(view, r) },
    { path: '/memory', handle: async () => json(await memory(view)) },
    { path: '/quitquitquit', isMutation: true, handle: () => quit(view) },
    { path: '/ready', handle: () => ready(view) },
    { path: '/reset_counters', isMutation: true, handle: () => resetCounters(view) },
    { path: '/runtime', handle: () => json({ layers: [], entries: {} }) },
    { path: '/server_info', handle: async () => json(await serverInfo(view)) },
    { path: '/stats', handle: (r) => stats(view, r) },
    { path: '/stats/prometheus', handle: () => metricsPage(view) },
  ];
  const help = () => text(`admin commands are:\n${routes.map((r) => `  ${r.path}${r.isMutation ? ' (POST)' : ''}\n`).join('')}`);
  return [{ path: '/', handle: help }, { path: '/help', handle: help }, ...routes];
}

async function clusters(view: ProxyView, request: PageRequest): Promise<Page> {
  const { state } = await view.look({ clusters: 'all', resources: false });
  return isJson(request) ? json(clustersJson(state.clusters)) : text(clustersText(state.clusters));
}

async function listeners(view: ProxyView, request: PageRequest): Promise<Page> {
  const { state } = await view.look({ clusters: 'none', resources: false });
  return isJson(request) ? json(listenersJson(state.listeners)) : text(listenersText(state.listeners));
}

async function configDump(view: ProxyView, request: PageRequest): Promise<Page> {
  const pattern = request.query.get('name_regex');
  const name = pattern === null ? undefined : readRegex(pattern);
  if (name === 'bad') return text(`name_regex is not a regular expression: ${pattern}\n`, 400);
  // Tens of schemas that nothing else needs: loaded when somebody asks.
  const [{ buildConfigDump }, { configTypes }] = await Promise.all([import('./config-dump.ts'), import('./type-registry.ts')]);
  const { state } = await view.look({ clusters: 'none', resources: true });
  return json(buildConfigDump(view, configTypes(), { resources: state.resources, resource: request.query.get('resource') ?? undefined, nameRegex: name, includeEds: request.query.has('include_eds') }));
}

function readRegex(pattern: string): RegExp | 'bad' {
  try {
    return new RegExp(pattern);
  } catch {
    return 'bad';
  }
}

async function stats(view: ProxyView, request: PageRequest): Promise<Page> {
  const { query } = request;
  if (query.get('format') === 'prometheus') return metricsPage(view);
  const pattern = query.get('filter');
  const filter = pattern === null ? undefined : readRegex(pattern);
  if (filter === 'bad') return text(`filter is not a regular expression: ${pattern}\n`, 400);
  const select = { filter, usedOnly: query.has('usedonly') };
  const all = collectEnvoyStats(view, await view.look({ clusters: 'all', resources: false }), 'all');
  return isJson(request) ? json(statsJson(all, select)) : text(statsText(all, select));
}

function ready(view: ProxyView): Page {
  const state = view.state();
  return text(`${state}\n`, state === 'LIVE' ? 200 : 503);
}

async function serverInfo(view: ProxyView): Promise<JsonObject> {
  const { nodeJson } = await import('./config-dump.ts');
  const uptime = `${Math.floor((view.now() - view.startedMs) / 1000)}s`;
  const { settings } = view;
  return {
    version: `lateen/${ISTIO_API_VERSION}/Node ${process.versions.node}`,
    state: view.state(),
    hot_restart_version: 'disabled',
    command_line_options: { concurrency: view.threads, mode: 'Serve', log_level: view.levels.get(''), service_node: settings.nodeId, service_cluster: settings.nodeCluster, drain_time: `${settings.drainMs / 1000}s` },
    node: nodeJson(view),
    uptime_current_epoch: uptime,
    uptime_all_epochs: uptime,
  };
}

function certificates(view: ProxyView): JsonObject {
  const own = view.secrets.current();
  if (!own) return { certificates: [] };
  const details = (pem: string, path: string) => certificateDetails(readCertificate(pem), path, view.now());
  return { certificates: [{ ca_cert: splitChain(own.rootPem).map((pem) => details(pem, '<inline>')), cert_chain: splitChain(own.certificatePem).map((pem) => details(pem, '<inline>')) }] };
}

function certificateDetails(facts: CertificateFacts, path: string, nowMs: number): JsonObject {
  return {
    path,
    serial_number: facts.serialNumber.toLowerCase(),
    subject_alt_names: [...facts.uris.map((uri) => ({ uri })), ...facts.dns.map((dns) => ({ dns })), ...facts.ips.map((ip) => ({ ip_address: ip }))],
    days_until_expiration: String(Math.max(0, Math.floor((facts.notAfterMs - nowMs) / DAY_MS))),
    valid_from: new Date(facts.notBeforeMs).toISOString(),
    expiration_time: new Date(facts.notAfterMs).toISOString(),
  };
}

/** `?level=debug` for all, `?xds=debug` for one scope, `?paths=xds:debug,http:info`; without them, the present levels. */
function logging(view: ProxyView, request: PageRequest): Page {
  const changes = [...request.query].flatMap(([key, value]) => (key === 'paths' ? value.split(',').map((pair) => pair.split(':')) : [[key === 'level' ? '' : key, value]]));
  if (changes.length > 0 && request.method !== 'POST') return text('/logging changes something and must be a POST\n', 400);
  for (const [scope = '', name = ''] of changes) {
    const level = parseLogLevel(name);
    if (!level) return text(`"${name}" is not a level; use ${LOG_LEVELS.join(', ')}\n`, 400);
    view.setLogLevel(scope, level);
  }
  return text(`active loggers:\n${view.levels.entries().map(([scope, level]) => `  ${scope === '' ? 'default' : scope}: ${level}\n`).join('')}`);
}

async function memory(view: ProxyView): Promise<JsonObject> {
  const { heapUsed } = await view.look({ clusters: 'none', resources: false });
  const { rss, heapTotal } = process.memoryUsage();
  return { allocated: String(heapUsed), heap_size: String(heapTotal), total_physical_bytes: String(rss) };
}

function startDrain(view: ProxyView): Page {
  view.announceEnd();
  return text('OK\n');
}

function setHealth(view: ProxyView, fail: boolean): Page {
  view.failHealth(fail);
  return text('OK\n');
}

function quit(view: ProxyView): Page {
  setImmediate(() => view.quit());
  return text('OK\n');
}

function resetCounters(view: ProxyView): Page {
  view.resetCounters();
  return text('OK\n');
}
