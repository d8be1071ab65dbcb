/** The admission chain of the embedded API server, in kube-apiserver's order. */
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { AdmissionChain, AdmissionPlugin, AdmissionRequest } from '../apiserver/admission.ts';
import { createDefaultIngressClass } from './default-ingress-class.ts';
import { createDefaultStorageClass } from './default-storage-class.ts';
import { defaultTolerationSeconds } from './default-toleration-seconds.ts';
import { createLimitRanger } from './limit-ranger.ts';
import { createNamespaceLifecycle } from './namespace-lifecycle.ts';
import type { PluginContext } from './plugin.ts';
import { createPriorityPlugin } from './priority.ts';
import { createAdmissionReads } from './reads.ts';
import { createResourceQuotaPlugin } from './resource-quota.ts';
import { createServiceAccountPlugin } from './service-account.ts';
import { storageObjectInUseProtection } from './storage-object-in-use.ts';
import { createWebhookCaller } from './webhook/caller.ts';
import { createConditionEvaluator } from './webhook/conditions.ts';
import type { WebhookContext } from './webhook/dispatch.ts';
import { startMutation } from './webhook/mutating.ts';
import { createServiceResolver } from './webhook/service-resolver.ts';
import type { ServiceResolver } from './webhook/service-resolver.ts';
import { createValidatingWebhooks } from './webhook/validating.ts';

const MUTATING_WEBHOOKS = 'MutatingAdmissionWebhook';

/** The plugins in force, in the order in which they run: the value of `--enable-admission-plugins`. */
export const ENABLED_PLUGINS: readonly string[] = [
  'NamespaceLifecycle',
  'LimitRanger',
  'ServiceAccount',
  'Priority',
  'DefaultTolerationSeconds',
  'DefaultStorageClass',
  'StorageObjectInUseProtection',
  'DefaultIngressClass',
  MUTATING_WEBHOOKS,
  'ValidatingAdmissionWebhook',
  'ResourceQuota',
];

export interface AdmissionDeps {
  /** The API server's in-process client; asked for only after the server was made. */
  client: () => KubeClient;
  clock: Clock;
  log: Log;
  /** Default: follows Services and EndpointSlices itself. */
  services?: ServiceResolver;
}

export interface OwnedAdmissionChain extends AdmissionChain {
  /** Begins to follow the objects that plugins look up. Writes that come before it has done so wait for it: none
   * slips past a webhook or a quota that is in force. */
  start(): Promise<void>;
  close(): Promise<void>;
}

export function createAdmissionChain(deps: AdmissionDeps): OwnedAdmissionChain {
  const log = deps.log.scope('admission');
  const reads = createAdmissionReads({ ...deps, log });
  const resolver = deps.services ? undefined : createServiceResolver({ ...deps, log });
  const services: ServiceResolver = deps.services ?? resolver ?? { resolve: () => undefined };
  const caller = createWebhookCaller({ services, clock: deps.clock });
  const context: WebhookContext = { client: deps.client, reads, clock: deps.clock, log, caller, conditions: createConditionEvaluator() };
  const plugins = inOrder(context);
  const started = Promise.withResolvers<void>();
  return {
    plugins,
    async admit(request, revise) {
      await started.promise;
      await admit(context, plugins, request, revise);
    },
    async start() {
      await Promise.all([reads.start(), resolver?.start()]);
      started.resolve();
    },
    async close() {
      started.resolve();
      caller.close();
      await Promise.all([reads.close(), resolver?.close()]);
    },
  };
}

function inOrder(context: WebhookContext): AdmissionPlugin[] {
  const made = new Map(builtIn(context).map((plugin) => [plugin.name, plugin]));
  made.set(MUTATING_WEBHOOKS, { name: MUTATING_WEBHOOKS });
  made.set('ValidatingAdmissionWebhook', createValidatingWebhooks(context));
  return ENABLED_PLUGINS.flatMap((name) => made.get(name) ?? []);
}

function builtIn(context: PluginContext): AdmissionPlugin[] {
  return [
    createNamespaceLifecycle(context),
    createLimitRanger(context),
    createServiceAccountPlugin(context),
    createPriorityPlugin(context),
    defaultTolerationSeconds,
    createDefaultStorageClass(context),
    storageObjectInUseProtection,
    createDefaultIngressClass(context),
    createResourceQuotaPlugin(context),
  ];
}

/** Mutation in up to two rounds, then validation. The webhooks' place among the mutating plugins is kept. */
async function admit(context: WebhookContext, plugins: readonly AdmissionPlugin[], request: AdmissionRequest, revise: (object: KubeObject) => KubeObject): Promise<void> {
  const webhooks = startMutation(context, request, revise);
  const mutate = async () => {
    for (const plugin of plugins) {
      if (plugin.name === MUTATING_WEBHOOKS) await webhooks.run();
      else await plugin.mutate?.(request);
    }
  };
  await mutate();
  if (webhooks.isSecondRoundDue) await mutate();
  if (request.object) request.object = revise(request.object);
  for (const plugin of plugins) await plugin.validate?.(request);
}
