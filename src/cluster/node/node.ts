/** The node: watches the pods bound to it and runs a worker for each. */
import type { ConfigMap, Container, Pod, Secret, Service } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import { errorText } from '../../base/errors.ts';
import type { Log } from '../../base/log.ts';
import { isNotFound } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { Informer } from '../../kube/informer.ts';
import { objectKey } from '../../kube/object.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { ConfigMaps, Pods, Secrets } from '../../kube/resource.ts';
import type { PodStreams } from '../apiserver/pod-streams.ts';
import { buildEnv } from './container-env.ts';
import { planContainer } from './container-plan.ts';
import type { ContainerPlan } from './container-plan.ts';
import type { ImageCatalog, ImageProgram } from './images.ts';
import { nodeCapacity } from './node-object.ts';
import { createPodStreams } from './pod-streams.ts';
import { PodWorker } from './pod-worker.ts';
import type { RunAction } from './probe-actions.ts';
import type { ContainerRuntime } from './runtime.ts';
import { createStatusWriter } from './status-writer.ts';
import { planMounts } from './volumes/mounts.ts';
import { createPodVolumes } from './volumes/pod-volumes.ts';
import type { PodVolumes, VolumeSources } from './volumes/pod-volumes.ts';

export interface NodeEvents {
  event(object: Stored<KubeObject>, type: 'Normal' | 'Warning', reason: string, message: string): void;
}

export interface NodeOptions {
  readonly hostIp: string;
  readonly client: KubeClient;
  readonly clock: Clock;
  readonly log: Log;
  /** Pods of this node only (`spec.nodeName`). */
  readonly pods: Informer<Pod>;
  readonly services: Informer<Service>;
  readonly configMaps: Informer<ConfigMap>;
  readonly secrets: Informer<Secret>;
  readonly runtime: ContainerRuntime;
  readonly images: ImageCatalog;
  readonly runAction: RunAction;
  readonly events: NodeEvents;
  readonly volumes: Pick<VolumeSources, 'folder' | 'nodeRoot' | 'localVolumes'>;
  awaitWithdrawn(podIp: string): Promise<void>;
}

export interface ClusterNode {
  readonly streams: PodStreams;
  start(): void;
  /** Stops watching. Containers are not ended one by one: they end with the cluster's PID namespace. */
  close(): void;
}

const MIRROR = 'kubernetes.io/config.mirror';

export function createNode(options: NodeOptions): ClusterNode {
  const log = options.log.scope('node');
  const { client, clock } = options;
  const workers = new Map<string, PodWorker>();
  const statuses = createStatusWriter({ client, clock, log });
  const stops: (() => void)[] = [];
  const volumeSources = createVolumeSources(options);

  const begin = (pod: Stored<Pod>): void => {
    const volumes = createPodVolumes(volumeSources, pod.metadata.uid);
    const worker = new PodWorker({
      runtime: options.runtime, images: options.images, volumes, runAction: options.runAction, clock, log, hostIp: options.hostIp,
      plan: (request) => planFor(options, request),
      writeStatus: (stored, status) => statuses.write(stored, status),
      event: (stored, type, reason, message) => options.events.event(stored, type, reason, message),
      awaitWithdrawn: (ip) => options.awaitWithdrawn(ip),
    }, pod);
    workers.set(pod.metadata.uid, worker);
    worker.start();
    if (pod.metadata.deletionTimestamp) void end(worker);
  };
  const end = async (worker: PodWorker): Promise<void> => {
    const { metadata } = worker.pod;
    await worker.terminate((metadata.deletionGracePeriodSeconds ?? 30) * 1000);
    await statuses.settled(metadata.uid);
    try {
      await client.delete(Pods, { namespace: metadata.namespace, name: metadata.name }, { gracePeriodSeconds: 0, preconditions: { uid: metadata.uid } });
    } catch (error) {
      if (!isNotFound(error)) log.warn('cannot delete pod that has ended', { pod: objectKey(worker.pod), error: errorText(error) });
    }
  };
  const forget = (pod: Stored<Pod>): void => {
    const worker = workers.get(pod.metadata.uid);
    if (!worker) return;
    workers.delete(pod.metadata.uid);
    statuses.forget(pod.metadata.uid);
    worker.kill();
    void worker.terminate(0).then(() => options.runtime.forget(pod));
  };
  const onPod = (pod: Stored<Pod>): void => {
    if (pod.metadata.annotations?.[MIRROR]) return;
    const worker = workers.get(pod.metadata.uid);
    if (!worker) {
      // What has ended for good is not run again, e.g. a Job's pod after the cluster was started anew.
      const over = pod.status?.phase === 'Succeeded' || pod.status?.phase === 'Failed';
      if (!over || pod.metadata.deletionTimestamp) begin(pod);
      return;
    }
    const ending = worker.pod.metadata.deletionTimestamp;
    worker.update(pod);
    if (pod.metadata.deletionTimestamp && !ending) void end(worker);
  };

  const refreshVolumes = (namespace: string | undefined): void => {
    for (const worker of workers.values()) if (worker.pod.metadata.namespace === namespace) worker.refreshVolumes();
  };

  return {
    streams: createPodStreams({ clock, worker: (namespace, name) => [...workers.values()].find((w) => w.pod.metadata.name === name && w.pod.metadata.namespace === namespace) }),
    start() {
      stops.push(options.pods.subscribe((event) => {
        if (event.type === 'deleted') forget(event.object);
        else onPod(event.object);
      }));
      for (const informer of [options.configMaps, options.secrets]) {
        stops.push(informer.subscribe((event: { object: Stored<KubeObject> }) => refreshVolumes(event.object.metadata.namespace)));
      }
    },
    close() {
      for (const stop of stops.splice(0)) stop();
    },
  };
}

/** From the informers, or from the API for what they may not have seen yet. */
function createVolumeSources(options: NodeOptions): VolumeSources {
  return {
    client: options.client, capacity: nodeCapacity(), clock: options.clock, log: options.log, ...options.volumes,
    configMap: async (namespace, name) => options.configMaps.get(`${namespace}/${name}`) ?? (await readConfigMap(options, namespace, name)),
    secret: async (namespace, name) => options.secrets.get(`${namespace}/${name}`) ?? (await readSecret(options, namespace, name)),
  };
}

interface PlanRequest {
  readonly pod: Pod;
  readonly container: Container;
  readonly image: ImageProgram;
  readonly podIp: string;
  readonly volumes: PodVolumes;
}

async function planFor(options: NodeOptions, request: PlanRequest): Promise<ContainerPlan> {
  const { pod, container, image, podIp, volumes } = request;
  const namespace = pod.metadata?.namespace ?? 'default';
  const needed = referredNames(container);
  const maps = new Map<string, ConfigMap | undefined>();
  const secrets = new Map<string, Secret | undefined>();
  for (const name of needed.configMaps) maps.set(name, options.configMaps.get(`${namespace}/${name}`) ?? (await readConfigMap(options, namespace, name)));
  for (const name of needed.secrets) secrets.set(name, options.secrets.get(`${namespace}/${name}`) ?? (await readSecret(options, namespace, name)));
  const api = options.services.get('default/kubernetes');
  const env = buildEnv(pod, container, {
    configMap: (name) => maps.get(name), secret: (name) => secrets.get(name),
    services: [...(api ? [api] : []), ...options.services.listIn(namespace).filter((s) => s !== api)],
    podIp, hostIp: options.hostIp, capacity: nodeCapacity(),
  });
  return planContainer({ pod, container, image, env, mounts: planMounts(container, env, (name) => volumes.path(name)) });
}

function referredNames(container: Container): { configMaps: Set<string>; secrets: Set<string> } {
  const configMaps = new Set<string>();
  const secrets = new Set<string>();
  for (const from of container.envFrom ?? []) {
    if (from.configMapRef?.name) configMaps.add(from.configMapRef.name);
    if (from.secretRef?.name) secrets.add(from.secretRef.name);
  }
  for (const { valueFrom } of container.env ?? []) {
    if (valueFrom?.configMapKeyRef?.name) configMaps.add(valueFrom.configMapKeyRef.name);
    if (valueFrom?.secretKeyRef?.name) secrets.add(valueFrom.secretKeyRef.name);
  }
  return { configMaps, secrets };
}

const readConfigMap = (options: NodeOptions, namespace: string, name: string) => orNothing(options.client.get(ConfigMaps, { namespace, name }));
const readSecret = (options: NodeOptions, namespace: string, name: string) => orNothing(options.client.get(Secrets, { namespace, name }));

async function orNothing<T>(read: Promise<T>): Promise<T | undefined> {
  try {
    return await read;
  } catch (error) {
    if (isNotFound(error)) return undefined;
    throw error;
  }
}
