/** The composition root of sidecar and gateway: bootstrap → identity → configuration → data path → admin pages. */
import { availableParallelism } from 'node:os';
import { sleep, systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import { LogLevels, createLog } from '../base/log.ts';
import type { Log, LogLevel } from '../base/log.ts';
import { adminRoutes, dataPathMetrics } from './admin/admin-pages.ts';
import { createHttpService } from './admin/http-service.ts';
import type { HttpService } from './admin/http-service.ts';
import type { ProxyView, ServerState } from './admin/proxy-view.ts';
import { prometheusRoutes, readinessRoutes, statusRoutes } from './admin/status-pages.ts';
import { requestOwnCertificate } from './bootstrap/control-plane.ts';
import type { ProxySettings } from './bootstrap/settings.ts';
import { OWN_ANNOUNCEMENT } from './bootstrap/xds-node.ts';
import type { Announcement } from './bootstrap/xds-node.ts';
import { Discovery } from './discovery.ts';
import type { DnsProxy } from './dns/dns-proxy.ts';
import type { HealthChecker } from './health/health-checker.ts';
import { openWorkloadDns } from './dns/workload-dns.ts';
import type { BindOptions, ProxyRuntime, StateWanted } from './runtime-contract.ts';
import type { SignedWorkload } from './secrets/signing-client.ts';
import { createWorkloadSecrets } from './secrets/workload-secrets.ts';
import type { WorkloadSecrets } from './secrets/workload-secrets.ts';
import { ThreadedTraffic } from './threads/threaded-traffic.ts';
import { LocalTraffic, type Traffic, type TrafficDeps } from './traffic.ts';

export interface ProxyAppOptions {
  readonly settings: ProxySettings;
  readonly clock?: Clock;
  /** Default: standard error, with the levels of the settings. */
  readonly log?: Log;
  readonly levels?: LogLevels;
  /** Tests bind elsewhere. */
  readonly bind?: BindOptions;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Default: what this proxy is. Comparisons with stock Envoy introduce it as that, to be sent the same. */
  readonly announcement?: Announcement;
  /** Where the workload's certificate comes from; default: signed by the authority of the settings. */
  readonly certificate?: () => Promise<SignedWorkload>;
  /** Longest wait of an access-log line; default 50 ms. */
  readonly logFlushMs?: number;
  /** The program that threads are started with, when settings ask for more than one; default: that of this process. */
  readonly threadEntry?: string;
  /** Called when the proxy cannot go on; default: it is thrown. */
  readonly onFailed?: (error: Error) => void;
  /** Called when an admin page asks the process to end. */
  readonly onQuit?: () => void;
}

export interface ProxyApp {
  /** Pages and control-plane connections are up; readiness comes with the configuration. */
  start(): Promise<void>;
  /** Clients are told to go; everything goes on. */
  announceEnd(): void;
  /** Ends gracefully: waits for requests in flight, then for telemetry. The caller's patience is the only deadline. */
  drain(): Promise<void>;
  /** Ends now. */
  close(): Promise<void>;
  readonly runtime: ProxyRuntime;
  readonly secrets: WorkloadSecrets;
  /** Ports of the pages, as they were bound. */
  readonly ports: ReadonlyMap<PortName, number>;
}

type PageName = 'admin' | 'status' | 'readiness' | 'prometheus';
type PortName = PageName | 'dns';

export function createProxyApp(options: ProxyAppOptions): ProxyApp {
  return new App(options);
}

class App implements ProxyApp, ProxyView {
  readonly settings: ProxySettings;
  readonly secrets: WorkloadSecrets;
  readonly levels: LogLevels;
  readonly #traffic: Traffic;
  readonly startedMs: number;
  readonly ports = new Map<PortName, number>();
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #discovery: Discovery;
  readonly #pages: readonly (readonly [PageName, HttpService])[];
  readonly #onQuit: () => void;
  #dns: DnsProxy | undefined;
  #health: HealthChecker | undefined;
  #healthFailed = false;
  #ending = false;
  readonly #endAnnounced = Promise.withResolvers<void>();
  #draining: Promise<void> | undefined;
  #hasBeenReady = false;

  constructor(options: ProxyAppOptions) {
    const { settings, clock = systemClock } = options;
    this.settings = settings;
    this.#clock = clock;
    this.startedMs = clock.now();
    this.levels = options.levels ?? new LogLevels();
    for (const [scope, level] of settings.logLevels) this.levels.set(scope, level);
    this.#log = options.log ?? createLog(this.levels);
    this.#onQuit = options.onQuit ?? (() => {});
    this.secrets = createWorkloadSecrets({ request: options.certificate ?? ((held) => requestOwnCertificate(settings, () => held)), policy: settings.identity, log: this.#log.scope('identity'), clock });
    this.#traffic = this.#createTraffic({ settings, secrets: this.secrets, clock, log: this.#log, levels: this.levels, env: options.env ?? {}, bind: options.bind, logFlushMs: options.logFlushMs }, options);
    this.#discovery = new Discovery({
      settings, clock, log: this.#log.scope('xds'), runtime: this.runtime, announcement: options.announcement ?? OWN_ANNOUNCEMENT, held: () => this.secrets.held, names: () => this.#dns,
    });
    this.#pages = this.#createPages();
  }

  get runtime(): ProxyRuntime {
    return this.#traffic.runtime;
  }

  get threads(): number {
    return this.#traffic.threads;
  }

  async start(): Promise<void> {
    this.#traffic.start();
    await this.#startDns();
    // What was in force serves again before there is anything to look at, and before a key is made.
    await this.#discovery.start();
    await Promise.all(this.#pages.map(async ([name, service]) => void this.ports.set(name, await service.start())));
    this.secrets.start();
    await this.#startHealth();
    this.#log.info('proxy started', { node: this.settings.nodeId, discovery: `${this.settings.discovery.host}:${this.settings.discovery.port}`, startMs: Math.round(process.uptime() * 1000) });
  }

  announceEnd(): void {
    if (this.#ending) return;
    this.#ending = true;
    this.#endAnnounced.resolve();
    this.#health?.end('the proxy is draining');
    this.#log.info('the end is announced to clients');
    this.runtime.announceEnd();
  }

  async quiet(limitMs: number): Promise<void> {
    const end = this.#clock.monotonic() + limitMs;
    await Promise.race([this.#endAnnounced.promise, sleep(this.#clock, limitMs)]);
    await this.runtime.silence(end - this.#clock.monotonic());
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  async close(): Promise<void> {
    this.secrets.close();
    this.#health?.close();
    await Promise.all([this.#discovery.close(), this.#dns?.close(), this.#traffic.close(), ...this.#pages.map(([, service]) => service.close())]);
  }

  now(): number {
    return this.#clock.now();
  }

  look(wanted: StateWanted) {
    return this.#traffic.look(wanted);
  }

  resetCounters(): void {
    this.#traffic.resetCounters();
  }

  setLogLevel(scope: string, level: LogLevel): void {
    this.#traffic.setLogLevel(scope, level);
  }

  ads() {
    return this.#discovery.status();
  }

  state(): ServerState {
    if (this.#ending) return 'DRAINING';
    return this.notReady() === undefined ? 'LIVE' : 'INITIALIZING';
  }

  notReady(): string | undefined {
    if (this.#ending) return 'the proxy is draining';
    if (this.#healthFailed) return 'health was set to fail by /healthcheck/fail';
    // Once ready, a configuration under way makes nobody unready: what was in force still is.
    if (this.#hasBeenReady) return undefined;
    if (!this.runtime.ready()) return this.#discovery.whatIsMissing();
    if (!this.secrets.current()) return 'no workload certificate yet';
    if (this.#dns?.isReady === false) return 'the names of the mesh have not come yet';
    this.#hasBeenReady = true;
    return undefined;
  }

  dns(): DnsProxy | undefined {
    return this.#dns;
  }

  metrics(): Promise<string> {
    return dataPathMetrics(this);
  }

  failHealth(fail: boolean): void {
    this.#healthFailed = fail;
  }

  quit(): void {
    this.#onQuit();
  }

  /** The application can ask as soon as it runs: before that, and until it has ended, there is somebody to answer. */
  async #startDns(): Promise<void> {
    const opened = await openWorkloadDns(this.settings, { clock: this.#clock, log: this.#log.scope('dns') });
    if (!opened) return;
    this.#dns = opened.proxy;
    this.ports.set('dns', opened.port);
  }

  async #startHealth(): Promise<void> {
    const { readinessProbe: probe, instanceIp } = this.settings;
    if (!probe) return;
    const { createHealthChecker } = await import('./health/health-checker.ts');
    this.#health = createHealthChecker({ probe, instanceIp, notReady: () => this.notReady(), report: (report) => this.#discovery.reportHealth(report), clock: this.#clock, log: this.#log.scope('health') });
    this.#health.start();
  }

  async #drain(): Promise<void> {
    this.announceEnd();
    await this.runtime.drain(this.settings.role === 'router' ? this.settings.drainMs : 0);
    await this.#traffic.endTelemetry();
    this.#log.info('drained');
  }

  #createTraffic(deps: TrafficDeps, { threadEntry = process.argv[1] ?? '', onFailed = raise }: ProxyAppOptions): Traffic {
    const threads = deps.settings.concurrency || availableParallelism();
    if (threads === 1) return new LocalTraffic(deps);
    return new ThreadedTraffic(deps, {
      threads,
      entry: threadEntry,
      onFailed: (error) => {
        this.#log.error('a thread of the proxy has failed; the proxy ends', { error });
        onFailed(error);
      },
    });
  }

  #createPages() {
    const { ports } = this.settings;
    const log = this.#log.scope('admin');
    const page = (name: PageName, host: string, routes: Parameters<typeof createHttpService>[0]['routes']) =>
      [name, createHttpService({ name, host, port: ports[name], routes, log })] as const;
    return [
      page('admin', '127.0.0.1', adminRoutes(this)),
      page('status', '0.0.0.0', statusRoutes(this, log)),
      page('readiness', '0.0.0.0', readinessRoutes(this)),
      page('prometheus', '0.0.0.0', prometheusRoutes(this)),
    ];
  }
}

function raise(error: Error): never {
  throw error;
}
