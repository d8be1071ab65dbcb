/** The composition root of the agent: identity and configuration for an Envoy, which it starts and ends, and the pages that a
 * sidecar serves. */
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { sleep, systemClock, type Clock } from '../base/clock.ts';
import { errorText } from '../base/errors.ts';
import { LogLevels, createLog, type Log } from '../base/log.ts';
import { createGrpcServer, type GrpcServer } from '../grpc/server.ts';
import { createHttpService, type HttpService } from '../proxy/admin/http-service.ts';
import type { StatusView } from '../proxy/admin/proxy-view.ts';
import { prometheusRoutes, readinessRoutes, statusRoutes } from '../proxy/admin/status-pages.ts';
import { connectDiscovery, requestOwnCertificate } from '../proxy/bootstrap/control-plane.ts';
import type { ProxySettings } from '../proxy/bootstrap/settings.ts';
import type { DnsProxy } from '../proxy/dns/dns-proxy.ts';
import { openWorkloadDns } from '../proxy/dns/workload-dns.ts';
import { createHealthChecker, type HealthChecker } from '../proxy/health/health-checker.ts';
import { createWorkloadSecrets, type WorkloadSecrets } from '../proxy/secrets/workload-secrets.ts';
import { expose } from '../proxy/telemetry/exposition.ts';
import { createPeerCodec } from '../proxy/telemetry/peer-codec.ts';
import { Registry } from '../proxy/telemetry/registry.ts';
import { createStandardMetrics } from '../proxy/telemetry/standard-metrics.ts';
import { PeerEnv } from '../xds/agent-contract.ts';
import type { DeltaUpdate } from '../xds/client/delta-session.ts';
import { createLastGoodFile } from '../xds/client/last-good-file.ts';
import { TypeUrl } from '../xds/type-urls.ts';
import { awaitSilence } from '../proxy/ending.ts';
import { drainEnvoy } from './drain.ts';
import { createEnvoyAdmin, type EnvoyAdmin } from './envoy-admin.ts';
import { envoyBootstrap, mergedBootstrap } from './envoy-bootstrap.ts';
import type { EnvoyOptions } from './envoy-options.ts';
import { createEnvoyProcess, type EnvoyProcess } from './envoy-process.ts';
import { HeldConfiguration } from './held-configuration.ts';
import { OutcomeLines } from './outcome-lines.ts';
import { openOutcomePipe, type OutcomePipe } from './outcome-pipe.ts';
import { createSecretService, type SecretService } from './secret-service.ts';
import { createXdsRelay, type XdsRelay } from './xds-relay.ts';

export interface AgentOptions {
  readonly settings: ProxySettings;
  readonly envoy: EnvoyOptions;
  readonly clock?: Clock;
  /** Default: standard error, with the levels of the settings. */
  readonly log?: Log;
  /** A page asks the process to end. */
  readonly onQuit: () => void;
  /** Envoy does not stay up. */
  readonly onGivenUp: (code: number) => void;
}

export interface Agent {
  /** Envoy is started; readiness comes with its configuration. */
  start(): Promise<void>;
  /** Ends gracefully. The caller's patience is the only deadline. */
  drain(): Promise<void>;
  close(): Promise<void>;
  readonly ports: ReadonlyMap<PageName | 'dns', number>;
  readonly envoyPid: number | undefined;
}

type PageName = 'status' | 'readiness' | 'prometheus';

const QUIET_POLL_MS = 100;
/** WebSockets among them: Envoy does not tell them apart. */
const INBOUND_REQUESTS = String.raw`^http\.inbound_.*\.downstream_rq_active$`;

export const createAgent = (options: AgentOptions): Agent => new App(options);

class App implements Agent, StatusView {
  readonly settings: ProxySettings;
  readonly ports = new Map<PageName | 'dns', number>();
  readonly #options: AgentOptions;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #registry = new Registry();
  readonly #secrets: WorkloadSecrets;
  readonly #sds: SecretService;
  readonly #held: HeldConfiguration;
  readonly #relay: XdsRelay;
  readonly #server: GrpcServer;
  readonly #admin: EnvoyAdmin;
  readonly #envoy: EnvoyProcess;
  readonly #lines: OutcomeLines;
  readonly #paths: { readonly config: string; readonly socket: string; readonly outcomes: string };
  readonly #pages: readonly (readonly [PageName, HttpService])[];
  readonly #health: HealthChecker | undefined;
  #pipe: OutcomePipe | undefined;
  #dns: DnsProxy | undefined;
  #ending = false;
  readonly #endAnnounced = Promise.withResolvers<void>();
  #draining: Promise<void> | undefined;
  #hasBeenReady = false;

  constructor(options: AgentOptions) {
    const { settings, clock = systemClock } = options;
    const levels = new LogLevels();
    for (const [scope, level] of settings.logLevels) levels.set(scope, level);
    this.#options = options;
    this.settings = settings;
    this.#clock = clock;
    const log = (this.#log = options.log ?? createLog(levels));
    const file = (name: string) => join(settings.files.data, name);
    this.#paths = { config: file('envoy.json'), socket: file('agent.sock'), outcomes: file('outcomes') };
    this.#secrets = createWorkloadSecrets({ request: (held) => requestOwnCertificate(settings, () => held), policy: settings.identity, log: log.scope('identity'), clock });
    this.#sds = createSecretService({ secrets: this.#secrets, clock });
    this.#held = new HeldConfiguration(createLastGoodFile({ path: file('last-good.bin'), log: log.scope('xds') }));
    const own = { typeUrls: settings.dns.captures ? [TypeUrl.NameTable] : [], apply: (update: DeltaUpdate) => this.#dns?.apply(update) ?? [] };
    this.#relay = createXdsRelay({ connect: () => connectDiscovery(settings, () => this.#secrets.held), held: this.#held, own, clock, log: log.scope('xds') });
    this.#server = createGrpcServer({ services: [this.#relay.service, this.#sds.service], clock });
    this.#admin = createEnvoyAdmin(settings.ports.admin);
    const codec = createPeerCodec(settings.workload, settings.nodeId);
    this.#lines = new OutcomeLines(createStandardMetrics(this.#registry, settings, log.scope('telemetry')), codec);
    this.#envoy = createEnvoyProcess({
      options: options.envoy,
      configPath: this.#paths.config,
      drainSeconds: Math.max(1, Math.ceil(settings.listenerDrainMs / 1000)),
      env: { [PeerEnv.id]: codec.ownId, [PeerEnv.value]: codec.ownValue },
      clock,
      log: log.scope('envoy'),
      onGivenUp: options.onGivenUp,
    });
    const { readinessProbe: probe, instanceIp } = settings;
    if (probe) this.#health = createHealthChecker({ probe, instanceIp, notReady: () => this.notReady(), report: (report) => this.#relay.reportHealth(report), clock, log: log.scope('health') });
    this.#pages = this.#createPages();
  }

  get envoyPid(): number | undefined {
    return this.#envoy.pid;
  }

  async start(): Promise<void> {
    const { config, socket, outcomes } = this.#paths;
    await mkdir(this.settings.files.data, { recursive: true });
    this.#held.load();
    await Promise.all([rm(socket, { force: true }), writeFile(config, JSON.stringify(mergedBootstrap(envoyBootstrap(this.settings, { socket, outcomes }), this.#options.envoy.bootstrap), undefined, 1))]);
    await this.#startDns();
    this.#relay.start();
    this.#secrets.start();
    await this.#server.listen({ path: socket });
    this.#pipe = openOutcomePipe(outcomes, (line) => this.#lines.take(line));
    for (const [name, service] of this.#pages) this.ports.set(name, await service.start());
    this.#envoy.start();
    this.#health?.start();
    this.#log.info('agent started', { node: this.settings.nodeId, discovery: `${this.settings.discovery.host}:${this.settings.discovery.port}`, startMs: Math.round(performance.now()) });
  }

  announceEnd(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#endAnnounced.resolve();
    this.#health?.end('the proxy is draining');
    this.#admin.post('/drain_listeners?inboundonly&graceful&skip_exit').catch((error: unknown) => this.#log.warn('Envoy cannot be told of the end', { error: errorText(error) }));
  }

  async quiet(limitMs: number): Promise<void> {
    const clock = this.#clock;
    const end = clock.monotonic() + limitMs;
    await Promise.race([this.#endAnnounced.promise, sleep(clock, limitMs)]);
    const incoming = async () => ({ arrivals: this.#lines.incoming, unanswered: sum((await this.#admin.stats(INBOUND_REQUESTS)).values()) });
    await awaitSilence(incoming, { clock, limitMs: end - clock.monotonic(), pollMs: QUIET_POLL_MS }).catch((error: unknown) => this.#log.warn('Envoy does not say what it is asked', { error: errorText(error) }));
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async close(): Promise<void> {
    this.#secrets.close();
    this.#health?.close();
    this.#sds.close();
    await this.#envoy.close();
    this.#relay.close();
    await this.#server.close();
    this.#pipe?.close();
    await Promise.all([this.#held.close(), this.#dns?.close(), ...this.#pages.map(([, service]) => service.close())]);
  }

  async metrics(): Promise<string> {
    // What is known here is told also while Envoy restarts.
    const envoy = await this.#admin.get('/stats/prometheus?usedonly').catch(() => '');
    return expose(this.#registry.families()) + envoy;
  }

  async notReady(): Promise<string | undefined> {
    if (this.#ending) return 'the proxy is draining';
    try {
      // 503 while Envoy initializes, and when its health was set to fail.
      await this.#admin.get('/ready');
      if (!this.#hasBeenReady) {
        const missing = await this.#missingConfiguration();
        if (missing !== undefined) return missing;
        this.#hasBeenReady = true;
      }
      return undefined;
    } catch (error) {
      return `Envoy is not ready: ${errorText(error)}`;
    }
  }

  dns(): DnsProxy | undefined {
    return this.#dns;
  }

  quit(): void {
    this.#options.onQuit();
  }

  /** Istio: util.CheckEnvoyStats. Once ready, a configuration under way makes nobody unready: what was in force still is. */
  async #missingConfiguration(): Promise<string | undefined> {
    const { connects, lastError } = this.#relay.status();
    const why = lastError === undefined ? '' : ` (${lastError})`;
    if (!this.#secrets.current()) return 'no workload certificate yet';
    if (this.#dns?.isReady === false) return 'the names of the mesh have not come yet';
    const stats = await this.#admin.stats('^(cluster_manager.cds|listener_manager.lds).update_(success|rejected)$|^listener_manager.workers_started$');
    const has = (name: string) => (stats.get(name) ?? 0) > 0;
    if (!has('cluster_manager.cds.update_success') || !has('listener_manager.lds.update_success')) return connects === 0 && this.#held.isEmpty ? `not connected to the control plane yet${why}` : `configuration is not complete yet${why}`;
    return has('listener_manager.workers_started') ? undefined : 'Envoy has not started its workers yet';
  }

  async #startDns(): Promise<void> {
    const opened = await openWorkloadDns(this.settings, { clock: this.#clock, log: this.#log.scope('dns') });
    if (!opened) return;
    this.#dns = opened.proxy;
    this.ports.set('dns', opened.port);
  }

  async #drain(): Promise<void> {
    this.#log.info('draining');
    this.#health?.end('the proxy is draining');
    this.#ending = true;
    await drainEnvoy({ admin: this.#admin, acceptMs: this.settings.role === 'router' ? this.settings.drainMs : 0, clock: this.#clock, log: this.#log });
    this.#log.info('drained');
  }

  #createPages(): readonly (readonly [PageName, HttpService])[] {
    const log = this.#log.scope('admin');
    const { status, readiness, prometheus } = this.settings.ports;
    const page = (name: PageName, port: number, routes: Parameters<typeof createHttpService>[0]['routes']) => [name, createHttpService({ name, host: '0.0.0.0', port, routes, log })] as const;
    return [page('status', status, statusRoutes(this, log)), page('readiness', readiness, readinessRoutes(this)), page('prometheus', prometheus, prometheusRoutes(this))];
  }
}

const sum = (values: Iterable<number>): number => [...values].reduce((total, value) => total + value, 0);
