/** All controllers of the embedded cluster, wired to one set of caches. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import { ENABLED_PLUGINS } from '../admission/chain.ts';
import { bootstrap } from './bootstrap/bootstrap.ts';
import { isoTime } from './controller.ts';
import type { Controller, ControllerContext } from './controller.ts';
import { createDaemonSetController } from './daemonset.ts';
import { createDeploymentController } from './deployment/deployment.ts';
import { createDisruptionController } from './disruption.ts';
import { createEndpointSliceController } from './endpoints/endpointslice.ts';
import { createEndpointMirroringController } from './endpoints/mirroring.ts';
import { createEventRecorder } from './event-recorder.ts';
import type { EventRecorder } from './event-recorder.ts';
import { createGarbageCollector } from './garbage-collector.ts';
import { createCronJobController } from './job/cronjob.ts';
import { createJobController } from './job/job.ts';
import { createLoadBalancerController } from './load-balancer.ts';
import type { PublishedPorts } from './load-balancer.ts';
import { createNamespaceController } from './namespace.ts';
import { createCaches } from './object-cache.ts';
import { createReplicaSetController } from './replicaset.ts';
import { createResourceQuotaController } from './resource-quota.ts';
import { createScheduler } from './scheduler.ts';
import { createRootCaController, createServiceAccountController } from './service-account.ts';
import { createStatefulSetController } from './statefulset/statefulset.ts';
import { createLocalPath } from './storage/local-path.ts';
import { createVolumeBinder } from './storage/volume-binder.ts';

export interface ControllersOptions {
  /** The API server's in-process client. */
  client: KubeClient;
  clock: Clock;
  log: Log;
  nodeName: string;
  /** Address of the node inside the cluster. */
  nodeAddress: string;
  /** Where pods reach the API server: the endpoint behind the Service `kubernetes`. */
  apiServer: { address: string; port: number };
  /** Certificate authority of the API server, for pods. */
  caPem: string;
  /** Directory for the volumes of the class `standard`. */
  volumesDir: string;
  /** Default 10.96.0.1 */
  kubernetesAddress?: string;
  /** Default 10.96.0.10 */
  dnsAddress?: string;
  /** Default 10.96.0.0/12 */
  serviceCidr?: string;
  /** Default 10.244.0.0/16 */
  podCidr?: string;
  /** Default: no Service of type LoadBalancer gets an address. */
  publishedPorts?: PublishedPorts;
}

export interface Controllers {
  /** Makes the objects every cluster has, then begins to work. Resolves when the caches are in sync and the loops run. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createControllers(options: ControllersOptions): Controllers {
  const log = options.log.scope('controllers');
  const { client, clock } = options;
  const caches = createCaches({ client, clock, log });
  const recorders = new Map<string, EventRecorder>();
  const events = (component: string): EventRecorder => {
    const recorder = recorders.get(component) ?? createEventRecorder({ client, clock, log, component });
    recorders.set(component, recorder);
    return recorder;
  };
  const context: ControllerContext = { client, clock, log, caches, events };
  const collector = createGarbageCollector(context);
  const controllers: Controller[] = [...createAll(context, options), collector];
  return {
    async start() {
      const prepared = bootstrap({ client, services: systemServices(options), mirrors: mirrorOptions(options) });
      await collector.discover();
      await Promise.all([prepared, caches.start()]);
      for (const controller of controllers) controller.start();
    },
    async close() {
      await Promise.all(controllers.map((controller) => controller.close()));
      await caches.close();
      await Promise.all([...recorders.values()].map((recorder) => recorder.close()));
    },
  };
}

function createAll(context: ControllerContext, options: ControllersOptions): Controller[] {
  return [
    createServiceAccountController(context),
    createRootCaController(context, options.caPem),
    createScheduler(context),
    createReplicaSetController(context),
    createDeploymentController(context),
    createStatefulSetController(context),
    createDaemonSetController(context),
    createJobController(context),
    createCronJobController(context),
    createDisruptionController(context),
    createEndpointSliceController(context),
    createEndpointMirroringController(context),
    createNamespaceController(context),
    createVolumeBinder(context, createLocalPath(options.volumesDir, options.nodeName)),
    createResourceQuotaController(context),
    ...(options.publishedPorts ? [createLoadBalancerController(context, options.publishedPorts)] : []),
  ];
}

function systemServices(options: ControllersOptions) {
  return {
    kubernetesAddress: options.kubernetesAddress ?? '10.96.0.1',
    dnsAddress: options.dnsAddress ?? '10.96.0.10',
    apiServer: options.apiServer,
  };
}

function mirrorOptions(options: ControllersOptions) {
  return {
    nodeName: options.nodeName,
    nodeAddress: options.nodeAddress,
    admissionPlugins: ENABLED_PLUGINS,
    serviceCidr: options.serviceCidr ?? '10.96.0.0/12',
    podCidr: options.podCidr ?? '10.244.0.0/16',
    apiServerPort: options.apiServer.port,
    time: isoTime(options.clock),
  };
}
