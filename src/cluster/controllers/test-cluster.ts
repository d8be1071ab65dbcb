/** For tests only: an API server in this process with admission and controllers, and a node that is told what to do. */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Pod } from 'kubernetes-types/core/v1.d.ts';
import { silentLog } from '../../base/log.ts';
import { isNotFound } from '../../kube/client.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject, Stored } from '../../kube/object.ts';
import { Events, Nodes, Pods } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';
import { FakeClock } from '../../testkit/fake-clock.ts';
import { createAdmissionChain } from '../admission/chain.ts';
import { createApiServer } from '../apiserver/server.ts';
import { createControllers } from './controllers.ts';
import type { ControllersOptions } from './controllers.ts';

export interface TestCluster {
  client: KubeClient;
  clock: FakeClock;
  /** Waits until nothing is written any more, without moving the clock. */
  settle(): Promise<void>;
  /** Moves the clock, then waits until nothing is written any more. */
  advance(ms: number): Promise<void>;
  apply<T extends KubeObject>(resource: Resource<T>, object: T): Promise<Stored<T>>;
  pods(namespace?: string): Promise<Stored<Pod>[]>;
  /** What the node would do: every bound pod runs and is ready, every terminating one ends. One round. */
  runPods(which?: (pod: Stored<Pod>) => boolean): Promise<void>;
  setPodStatus(pod: Stored<Pod>, status: Partial<NonNullable<Pod['status']>>): Promise<void>;
  endPod(pod: Stored<Pod>): Promise<void>;
  /** `reason: message` of the events on an object. */
  events(kind: string, name: string): Promise<string[]>;
}

export async function startTestCluster(t: TestContext, options: Partial<ControllersOptions> & { withoutNode?: boolean } = {}): Promise<TestCluster> {
  const clock = new FakeClock();
  const server = createApiServer({ clock });
  const { client } = server;
  const admission = createAdmissionChain({ client: () => client, clock, log: silentLog });
  server.setAdmission(admission);
  const volumesDir = await mkdtemp(join(tmpdir(), 'lateen-volumes-'));
  const controllers = createControllers({
    client,
    clock,
    log: silentLog,
    nodeName: 'lateen',
    nodeAddress: '10.244.0.1',
    apiServer: { address: '10.244.0.1', port: 6443 },
    caPem: 'CA',
    volumesDir,
    ...options,
  });
  t.after(async () => {
    await controllers.close();
    await admission.close();
    await server.close();
    await rm(volumesDir, { recursive: true, force: true });
  });
  await admission.start();
  await controllers.start();
  const cluster = clusterOf(client, clock);
  if (!options.withoutNode) await cluster.apply(Nodes, { apiVersion: 'v1', kind: 'Node', metadata: { name: 'lateen', labels: { 'topology.kubernetes.io/zone': 'zone-1' } } });
  await cluster.settle();
  return cluster;
}

function clusterOf(client: KubeClient, clock: FakeClock): TestCluster {
  const pods = async (namespace = 'default') => (await client.list(Pods, { namespace })).items;
  const settle = async () => {
    let last = '';
    for (let quiet = 0; quiet < 12; quiet++) {
      await new Promise((resolve) => setImmediate(resolve));
      const revision = (await client.list(Pods)).metadata.resourceVersion ?? '';
      if (revision !== last) quiet = 0;
      last = revision;
    }
  };
  const setPodStatus = async (pod: Stored<Pod>, status: Partial<NonNullable<Pod['status']>>) => {
    const now = await client.get(Pods, { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name });
    // As the node sends it: JSON has no undefined.
    const sent = JSON.parse(JSON.stringify({ ...now, status: { ...now.status, ...status } })) as Stored<Pod>;
    await client.update(Pods, sent, { subresource: 'status' });
  };
  const endPod = async (pod: Stored<Pod>) => {
    try {
      await client.delete(Pods, { namespace: pod.metadata.namespace ?? '', name: pod.metadata.name }, { gracePeriodSeconds: 0 });
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
  };
  let address = 1;
  return {
    client,
    clock,
    settle,
    async advance(ms) {
      await clock.advance(ms);
      await settle();
    },
    async apply(resource, object) {
      const namespace = resource.namespaced ? (object.metadata?.namespace ?? 'default') : undefined;
      return client.create(resource, object, namespace ? { namespace } : {});
    },
    pods,
    setPodStatus,
    endPod,
    async runPods(which = () => true) {
      await settle();
      for (const pod of (await client.list(Pods)).items.filter(which)) {
        if (pod.metadata.annotations?.['kubernetes.io/config.mirror']) continue;
        if (pod.metadata.deletionTimestamp) await endPod(pod);
        else if (pod.spec?.nodeName && pod.status?.phase !== 'Running') await setPodStatus(pod, runningStatus(clock, `10.244.0.${++address}`));
      }
      await settle();
    },
    async events(kind, name) {
      const { items } = await client.list(Events);
      return items.filter((event) => event.involvedObject.kind === kind && event.involvedObject.name === name).map((event) => `${event.reason}: ${event.message}`);
    },
  };
}

export function runningStatus(clock: FakeClock, podIP: string): NonNullable<Pod['status']> {
  const lastTransitionTime = new Date(clock.now()).toISOString();
  const conditions = ['PodScheduled', 'Initialized', 'ContainersReady', 'Ready'].map((type) => ({ type, status: 'True', lastTransitionTime }));
  return { phase: 'Running', podIP, conditions };
}
