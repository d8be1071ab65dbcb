/** The control plane: the one place that puts its parts together. */
import { createServer as createHttpsServer, type Server as HttpsServer } from 'node:https';
import type { Server as HttpServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ConfigMap } from 'kubernetes-types/core/v1.d.ts';
import { DestinationRules, type DestinationRule } from '../api/destination-rule.ts';
import { contextOf, type ValidationContext } from '../api/validation/context.ts';
import { decodeInjectConfig, defaultInjectConfig, type InjectConfig } from '../api/proxy-pod/config.ts';
import { systemClock, type Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { createGrpcServer } from '../grpc/server.ts';
import type { KubeClient } from '../kube/client.ts';
import { createInformer, type Informer } from '../kube/informer.ts';
import type { Stored } from '../kube/object.ts';
import { ConfigMaps } from '../kube/resource.ts';
import { readCertificate } from '../pki/certificate.ts';
import { createTokenReviewer } from './ca/caller.ts';
import { createCaMetrics } from './ca/metrics.ts';
import { createRootDistributor, ROOT_CONFIG_MAP } from './ca/root-distributor.ts';
import { loadOrCreateRoot, type RootMaterial } from './ca/root-secret.ts';
import { createCaService } from './ca/service.ts';
import { createServingCertificate, type ServingCertificate } from './ca/serving-certificate.ts';
import { createTlsFront } from './ca/tls-front.ts';
import type { ControlConfig, ControlPorts } from './config.ts';
import { createWebhookRegistration } from './inject/registration.ts';
import { createWebhookHandler } from './inject/webhook.ts';
import { createMachines, type Machines } from './machines/machines.ts';
import { createAddressAllocator } from './registry/address-allocator.ts';
import { sameItems } from './registry/memo.ts';
import { SnapshotBuilder } from './registry/snapshot-builder.ts';
import { createSources, type Sources } from './registry/sources.ts';
import { createAuthenticator } from './serve/authenticator.ts';
import { createDiscovery } from './serve/discovery.ts';
import { bootstrapFor } from './patch/bootstrap.ts';
import { Generator } from './generate/generator.ts';
import { createPilotMetrics, type PilotMetrics } from './serve/metrics.ts';
import { createMonitoringServer } from './serve/monitoring.ts';
import { startPushLoop } from './serve/push-loop.ts';
import { createStatuses } from './status/status.ts';

export interface ControlPlane {
  /** Where the servers listen, with the ports that were chosen for 0. */
  readonly ports: ControlPorts;
  /** What workloads must trust. */
  readonly rootPem: string;
  close(): Promise<void>;
}

export interface ControlDeps {
  readonly client: KubeClient;
  readonly config: ControlConfig;
  readonly log: Log;
  readonly clock?: Clock;
}

/** Resolves when the mesh has been read and all servers answer. */
export async function startControlPlane(deps: ControlDeps): Promise<ControlPlane> {
  const { client, config, log, clock = systemClock } = deps;
  const closers: (() => Promise<void> | void)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).toReversed()) await closer();
  };
  try {
    const sources = createSources({
      client, createInformer, clock, log: log.scope('registry'), rootNamespace: config.namespace, clusterDomain: config.clusterDomain, clusterId: config.clusterId,
      configMapName: config.revision === 'default' ? 'istio' : `istio-${config.revision}`, traceSampling: config.traceSampling,
    });
    closers.push(() => sources.close());
    const injector = watchInjector(deps);
    closers.push(() => injector.informer.close());
    const [root] = await Promise.all([loadOrCreateRoot({ client, settings: config.ca, clock, log: log.scope('ca') }), sources.start(), injector.informer.start()]);
    const serving = createServingCertificate({ root, settings: config.ca, clock });
    closers.push(() => serving.close());
    const ports = await startServers({ ...deps, clock, sources, root, serving, injector }, closers);
    log.info('control plane is ready', { ports });
    return { ports, rootPem: root.rootPem, close };
  } catch (error) {
    await close();
    throw error;
  }
}

interface Parts extends ControlDeps {
  readonly clock: Clock;
  readonly sources: Sources;
  readonly root: RootMaterial;
  readonly serving: ServingCertificate;
  readonly injector: Injector;
}

type Closers = (() => Promise<void> | void)[];

async function startServers(parts: Parts, closers: Closers): Promise<ControlPorts> {
  const { config, clock, log, sources, root, serving } = parts;
  const builder = new SnapshotBuilder();
  const metrics = createPilotMetrics(config.version);
  const generator = new Generator(builder.build(sources.inputs(), clock.now()));
  const machines = watchMachines(parts, metrics);
  const discovery = createDiscovery({ generator, metrics, machines, clock, log: log.scope('ads') });
  closers.push(() => discovery.close());
  const reviewToken = createTokenReviewer({ client: parts.client, audiences: config.ca.audiences, trustDomain: config.ca.trustDomain });
  const authenticator = createAuthenticator({ reviewToken, issuers: [root.authority.certificatePem], trustDomain: config.ca.trustDomain, clock });
  const expiryMs = readCertificate(root.authority.certificatePem).notAfterMs;
  const caMetrics = createCaMetrics({ rootMs: expiryMs, chainMs: expiryMs });
  const ca = createCaService({ root, settings: config.ca, reviewToken, metrics: caMetrics, log: log.scope('ca'), clock });

  const statuses = createStatuses({ client: parts.client, sources, discovery, generator, clock, log: log.scope('status') });
  closers.push(() => statuses.close());
  const loop = startPushLoop({ sources, builder, generator, discovery, metrics, pushed: (snapshot) => statuses.observe(snapshot), debounce: config.debounce, clock, log: log.scope('push') });
  closers.push(() => loop.close());
  const plain = createGrpcServer({ services: [discovery.service()], clock });
  closers.push(() => plain.close());
  const plaintext = await plain.listen({ port: config.ports.plaintext, host: config.host });
  const secureServer = createGrpcServer({ services: [discovery.service(authenticator), ca], clock });
  closers.push(() => secureServer.close());
  const front = createTlsFront({ server: secureServer, serving, log: log.scope('tls') });
  closers.push(() => front.close());
  const secure = await front.listen(config.ports.secure, config.host);
  machines?.start();
  // Before the servers: whom they leave has not gone.
  closers.push(() => machines?.close());
  await startDistributor(parts, closers);
  startAllocator(parts, closers);
  const webhook = await startWebhooks({ ...parts, generator }, metrics, closers);
  const monitor = { generator, discovery, version: config.version, isReady: () => true, renderMetrics: () => metrics.render() + caMetrics.expose() };
  const monitoring = await listen(createMonitoringServer(monitor), config.ports.monitoring, config.host, closers);
  const http = await listen(createMonitoringServer(monitor), config.ports.http, config.host, closers);
  return { plaintext, secure, webhook, monitoring, http };
}

/** The root certificate as a ConfigMap in every namespace. */
async function startDistributor({ client, clock, log, sources, root }: Parts, closers: Closers): Promise<void> {
  const configMaps = createInformer(ConfigMaps, { client, clock, log: log.scope('ca'), fieldSelector: `metadata.name=${ROOT_CONFIG_MAP}` });
  closers.push(() => configMaps.close());
  await configMaps.start();
  const distributor = createRootDistributor({ client, namespaces: sources.namespaces, configMaps, rootPem: root.rootPem, log: log.scope('ca'), clock });
  closers.push(() => distributor.close());
  distributor.start();
}

/** Entries of machines that register themselves. */
function watchMachines({ client, config, clock, log, sources }: Parts, metrics: PilotMetrics): Machines | undefined {
  if (!config.registersMachines) return undefined;
  const isElsewhere = (instance: string) => instance !== config.instance && sources.inputs().pods.some(({ metadata, status }) => metadata.namespace === config.namespace && metadata.name === instance && status?.phase === 'Running');
  return createMachines({ client, entries: sources.workloadEntries, isElsewhere, instance: config.instance, graceMs: config.machineGraceMs, counted: (event) => metrics.registration(event), clock, log: log.scope('machines') });
}

/** Addresses for ServiceEntries that name none. */
function startAllocator({ client, config, clock, log, sources }: Parts, closers: Closers): void {
  if (!config.allocatesAddresses) return;
  const allocator = createAddressAllocator({ client, entries: sources.serviceEntries, clock, log: log.scope('addresses') });
  closers.push(() => allocator.close());
  allocator.start();
}

interface Injector {
  readonly informer: Informer<ConfigMap>;
  config(sources: Sources): InjectConfig;
}

/** The injector's configuration, read again when its ConfigMap or the mesh configuration changes. */
function watchInjector({ client, config, clock = systemClock, log }: ControlDeps): Injector {
  const name = config.revision === 'default' ? 'istio-sidecar-injector' : `istio-sidecar-injector-${config.revision}`;
  const informer = createInformer(ConfigMaps, { client, clock, log: log.scope('inject'), namespace: config.namespace, fieldSelector: `metadata.name=${name}` });
  let from: readonly unknown[] = [];
  let good: InjectConfig = defaultInjectConfig({ revision: config.revision });
  return {
    informer,
    config(sources) {
      const object: Stored<ConfigMap> | undefined = informer.get(`${config.namespace}/${name}`);
      const mesh = sources.meshConfig();
      const proxyConfigs = sources.proxyConfigs();
      if (sameItems(from, [object, mesh, proxyConfigs])) return good;
      from = [object, mesh, proxyConfigs];
      const { value, issues } = decodeInjectConfig(object?.data ?? {}, mesh, config.revision);
      if (issues.some((issue) => issue.severity === 'error')) log.error('injector configuration cannot be read; the last good one stays in force', { configMap: name, issues });
      else good = { ...value, proxyConfigs };
      return good;
    },
  };
}

async function startWebhooks(parts: Parts & { generator: Generator }, metrics: PilotMetrics, closers: Closers): Promise<number> {
  const { config, log, sources, serving, injector, client, clock, generator } = parts;
  const handler = createWebhookHandler({
    injectConfig: () => ({ ...injector.config(sources), bootstrapFor: (pod) => bootstrapFor(pod, generator.snapshot.envoyFilters, config.namespace) }),
    validationContext: meshContext(sources, config.clusterDomain),
    freshContext: async () => rulesContext((await client.list(DestinationRules)).items, config.clusterDomain),
    log: log.scope('webhook'),
    onInjection: (outcome) => metrics.injected(outcome),
    onValidation: (allowed) => metrics.validated(allowed),
  });
  const tls = () => {
    const { certificatePem, keyPem } = serving.current();
    return { cert: certificatePem, key: keyPem };
  };
  const server = createHttpsServer({ ...tls(), minVersion: 'TLSv1.2' }, handler);
  const stop = serving.onChange(() => server.setSecureContext(tls()));
  closers.push(stop);
  const port = await listen(server, config.ports.webhook, config.host, closers);
  const registration = createWebhookRegistration({ client, rootPem: () => serving.rootPem, revision: config.revision, namespace: config.namespace, log: log.scope('webhook'), clock });
  closers.push(() => registration.close());
  await registration.start();
  return port;
}

/** Items of a list carry no kind of their own. */
const rulesContext = (rules: readonly Stored<DestinationRule>[], clusterDomain: string): ValidationContext =>
  contextOf(rules.map((rule) => ({ ...rule, apiVersion: 'networking.istio.io/v1', kind: 'DestinationRule' })), clusterDomain);

/** Made again only when a DestinationRule changed. */
function meshContext(sources: Sources, clusterDomain: string): () => ValidationContext {
  let from: unknown;
  let context: ValidationContext | undefined;
  return () => {
    const { destinationRules } = sources.inputs();
    if (destinationRules !== from || !context) {
      from = destinationRules;
      context = rulesContext(destinationRules, clusterDomain);
    }
    return context;
  };
}

function listen(server: HttpServer | HttpsServer, port: number, host: string, closers: Closers): Promise<number> {
  closers.push(
    () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  );
  return new Promise((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, host, () => {
      server.off('error', reject);
      // A TCP server's address is never a path.
      resolve((server.address() as AddressInfo).port);
    });
  });
}
