/** The inner process of a cluster: API server, admission, controllers, network, DNS and node, wired together. The only place
 * that makes them. It runs in network, mount and PID namespaces of its own. */
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:https';
import type { Server as HttpsServer } from 'node:https';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { release } from 'node:os';
import { join } from 'node:path';
import type { EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import { systemClock } from '../base/clock.ts';
import type { Clock } from '../base/clock.ts';
import type { Log } from '../base/log.ts';
import { createInformer } from '../kube/informer.ts';
import type { Informer } from '../kube/informer.ts';
import { isAlreadyExists } from '../kube/client.ts';
import type { KubeObject } from '../kube/object.ts';
import { ConfigMaps, EndpointSlices, Namespaces, Pods, Secrets, Services } from '../kube/resource.ts';
import type { Resource } from '../kube/resource.ts';
import { createAdmissionChain } from './admission/chain.ts';
import { createApiServer } from './apiserver/server.ts';
import type { ApiServer } from './apiserver/options.ts';
import { createControllers } from './controllers/controllers.ts';
import { createEventRecorder } from './controllers/event-recorder.ts';
import { loadCredentials } from './host/credentials.ts';
import type { ClusterCredentials } from './host/credentials.ts';
import { POD_FOLDERS, PROJECT_ROOT } from './host/layout.ts';
import type { ClusterConfig, PublishedPortInfo, PublishedService } from './host/messages.ts';
import { wantedHostPort } from './host/ports.ts';
import { CLUSTER_DOMAIN, DNS_PORT, DNS_SERVICE_ADDRESS, NODE_ADDRESS } from './network/addresses.ts';
import { runCommand } from './network/command.ts';
import { createDnsServer } from './network/dns/server.ts';
import { createZoneView } from './network/dns/view.ts';
import { prepareNode } from './network/node-network.ts';
import { createPublishedServices } from './network/published-services.ts';
import { createSandboxPool } from './network/sandboxes.ts';
import { createServiceProxy } from './network/service-proxy.ts';
import { SERVICE_NAME_LABEL } from './network/service-table.ts';
import { awaitWithdrawn } from './network/withdrawal.ts';
import type { PlannedMount } from './node/container-plan.ts';
import { createImageCatalog } from './node/images.ts';
import { findMachineProgram } from './node/machine-program.ts';
import { createNodeRegistration } from './node/node-object.ts';
import { createNode } from './node/node.ts';
import { runAction } from './node/probe-actions.ts';
import { createProcessRuntime } from './node/process-runtime.ts';
import { rootFilesOf } from './node/root-files.ts';
import { buildSkeleton } from './node/skeleton.ts';

export interface ClusterAppOptions {
  readonly config: ClusterConfig;
  /** Listens on the machine's loopback; made outside. */
  readonly apiSocket: Server;
  readonly log: Log;
  onCredentials(credentials: ClusterCredentials): void;
  onProgress(text: string): void;
  /** Services that are to be reachable on the machine's loopback. */
  publish(services: readonly PublishedService[]): void;
}

export interface ClusterApp {
  /** Which ports they got. */
  published(ports: readonly PublishedPortInfo[]): void;
  /** Resolves when pods can be run; the API answers before. */
  readonly ready: Promise<void>;
}

export const NODE_NAME = 'lateen';
const API_PORT = 6443;
const RUN = '/run/lateen';

/** Resolves when the API answers on the handed socket; the rest of the cluster comes up behind it. */
export async function startCluster(options: ClusterAppOptions): Promise<ClusterApp> {
  const { config, log } = options;
  const clock = systemClock;
  const prepared = prepareNode(runCommand);
  const credentials = loadCredentials(config.dataDir, NODE_NAME);
  options.onCredentials(credentials);
  const admission = createAdmissionChain({ client: () => api.client, clock, log });
  const api: ApiServer = createApiServer({
    dataFile: join(config.dataDir, 'objects.sqlite'), clock, log: log.scope('api'), admission, serviceAccountKeyPem: credentials.serviceAccountKeyPem,
  });
  const https = serveApi(api, credentials);
  adopt(options.apiSocket, https);
  const ready = (async () => {
    await prepared;
    https.listen(API_PORT, NODE_ADDRESS);
    await once(https, 'listening');
    return startBehind({ options, api, clock, credentials, admission });
  })();
  return { published: (ports) => void ready.then((parts) => parts.published.granted(ports)), ready: ready.then(() => {}) };
}

function serveApi(api: ApiServer, credentials: ClusterCredentials): HttpsServer {
  const https = createServer({
    key: credentials.server.keyPem, cert: credentials.server.certificatePem, ca: credentials.caPem,
    // Certificates are one way to say who one is; tokens are another.
    requestCert: true, rejectUnauthorized: false,
    keepAliveTimeout: 120_000, requestTimeout: 0,
  }, api.handle);
  https.on('upgrade', api.upgrade);
  return https;
}

/** Serves TLS on a listening socket that another process made. */
function adopt(socket: Server, https: HttpsServer): void {
  socket.on('connection', (connection: Socket) => https.emit('connection', connection));
}

interface Behind {
  readonly options: ClusterAppOptions;
  readonly api: ApiServer;
  readonly clock: Clock;
  readonly credentials: ClusterCredentials;
  readonly admission: { start(): Promise<void> };
}

async function startBehind({ options, api, clock, credentials, admission }: Behind) {
  const { config, log } = options;
  const { client } = api;
  const informer = <T extends KubeObject>(resource: Resource<T>, fieldSelector?: string): Informer<T> => createInformer(resource, { client, clock, log, fieldSelector });
  const services = informer(Services);
  const endpointSlices = informer(EndpointSlices);
  const namespaces = informer(Namespaces);
  const configMaps = informer(ConfigMaps);
  const secrets = informer(Secrets);
  const pods = informer(Pods, `spec.nodeName=${NODE_NAME}`);

  const published = createPublishedServices(services, { hostPort: wantedHostPort, ask: (wanted) => options.publish(wanted) });
  const controllers = createControllers({
    client, clock, log, nodeName: NODE_NAME, nodeAddress: NODE_ADDRESS, apiServer: { address: NODE_ADDRESS, port: API_PORT }, caPem: credentials.caPem,
    volumesDir: join(config.dataDir, 'volumes'), publishedPorts: published,
  });
  // The test set-up's own Envoy comes last.
  const images = createImageCatalog(config.imageFiles, (name) => findMachineProgram(name, process.env, [join(PROJECT_ROOT, '.cache')]));
  const registration = createNodeRegistration({ name: NODE_NAME, address: NODE_ADDRESS, region: 'local', zone: 'local-a', os: readOs() }, { client, clock, log, images: () => images.names() });
  const sandboxes = createSandboxPool({ run: runCommand, log });
  const proxy = createServiceProxy({ services, endpointSlices, run: runCommand, clock, log });
  const dns = createDnsServer(createZoneView({ services, endpointSlices, namespaces, domain: CLUSTER_DOMAIN }), log);

  const [skeleton] = await Promise.all([
    buildSkeleton(join(RUN, 'skeleton'), lateenMounts(), runCommand),
    dns.start([NODE_ADDRESS, DNS_SERVICE_ADDRESS], DNS_PORT), controllers.start(), admission.start(),
    ...[services, endpointSlices, namespaces, configMaps, secrets].map((i: Pick<Informer<KubeObject>, 'start'>) => i.start()),
  ]);
  proxy.start();
  published.start();
  const runtime = createProcessRuntime({
    sandboxes, skeleton, runFolder: RUN, logFolder: join(config.dataDir, 'logs'), run: runCommand, clock,
    rootFiles: (pod, ip) => rootFilesOf(pod, { ip, domain: CLUSTER_DOMAIN, dnsAddress: DNS_SERVICE_ADDRESS }),
  });
  const node = createNode({
    hostIp: NODE_ADDRESS, client, clock, log, pods, services, configMaps, secrets, runtime, runAction, images,
    events: createEventRecorder({ client, clock, log, component: 'kubelet', host: NODE_NAME }),
    volumes: { folder: join(config.dataDir, 'pods'), nodeRoot: join(config.dataDir, 'node-root'), localVolumes: join(config.dataDir, 'volumes') },
    awaitWithdrawn: (ip) => awaitWithdrawn(endpointSlices, clock, ip),
  });
  api.setPodStreams(node.streams);
  await Promise.all([registration.start(), pods.start(), ensureDnsEndpoints(api)]);
  node.start();
  // Networks for the pods to come; the first ones make their own if they are faster.
  void sandboxes.start();
  return { published };
}

/** The Service `kube-dns` has no pods behind it but the node itself. */
async function ensureDnsEndpoints(api: ApiServer): Promise<void> {
  const port = (name: string, protocol: 'UDP' | 'TCP') => ({ name, port: 53, protocol });
  const slice: EndpointSlice = {
    apiVersion: 'discovery.k8s.io/v1', kind: 'EndpointSlice',
    metadata: { name: 'kube-dns', namespace: 'kube-system', labels: { [SERVICE_NAME_LABEL]: 'kube-dns', 'endpointslice.kubernetes.io/managed-by': 'lateen' } },
    addressType: 'IPv4', endpoints: [{ addresses: [NODE_ADDRESS], conditions: { ready: true, serving: true, terminating: false }, nodeName: NODE_NAME }],
    ports: [port('dns', 'UDP'), port('dns-tcp', 'TCP')],
  };
  await api.client.create(EndpointSlices, slice).catch((error: unknown) => {
    if (!isAlreadyExists(error)) throw error;
  });
}

/** The project's programs, and the Node that runs them. */
function lateenMounts(): PlannedMount[] {
  const folders = POD_FOLDERS.map((name) => ({ source: join(PROJECT_ROOT, name), target: `/lateen/${name}`, readOnly: true }));
  return [{ source: process.execPath, target: '/lateen/bin/node', readOnly: true }, ...folders.filter(({ source }) => existsSync(source))];
}

function readOs() {
  const pretty = /^PRETTY_NAME="?([^"\n]*)"?$/m.exec(existsSync('/etc/os-release') ? readFileSync('/etc/os-release', 'utf8') : '');
  return { image: pretty?.[1] ?? 'Linux', kernel: release(), bootId: readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim() };
}
