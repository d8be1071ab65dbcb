/** How commands reach the cluster: the kubeconfig in force, as kubectl reads it, with istioctl's global flags. */
import type { Command } from 'commander';
import { request } from 'node:http';
import type { Duplex } from 'node:stream';
import { createHttpClient, type HttpClient } from '../kube/http-client.ts';
import { loadKubeconfig } from '../kube/kubeconfig.ts';
import { Pods } from '../kube/resource.ts';
import { openPortForward } from '../kube/port-forward.ts';
import type { Stored } from '../kube/object.ts';
import type { Pod } from 'kubernetes-types/core/v1';
import { CliError } from './errors.ts';

export interface GlobalOptions {
  kubeconfig?: string;
  context?: string;
  namespace?: string;
  istioNamespace: string;
}

export interface ClusterAccess {
  client: HttpClient;
  /** Of `-n`, else of the context. */
  namespace: string;
  istioNamespace: string;
}

export const globalsOf = (command: Command): GlobalOptions => command.optsWithGlobals();

export function accessCluster(options: GlobalOptions): ClusterAccess {
  const config = loadKubeconfig({ path: options.kubeconfig, context: options.context });
  return { client: createHttpClient(config), namespace: options.namespace ?? config.namespace, istioNamespace: options.istioNamespace };
}

export interface PodName {
  namespace: string;
  name: string;
}

/** `details-v1-abc`, `details-v1-abc.default`, `deploy/details-v1` or `deployment/details-v1.default` → the pod. */
export async function findPod(access: ClusterAccess, text: string): Promise<PodName> {
  const slash = text.indexOf('/');
  const [kind, rest] = slash < 0 ? ['pod', text] : [text.slice(0, slash), text.slice(slash + 1)];
  const dot = rest.indexOf('.');
  const name = dot < 0 ? rest : rest.slice(0, dot);
  const namespace = dot < 0 ? access.namespace : rest.slice(dot + 1);
  if (kind === 'pod' || kind === 'pods' || kind === 'po') return { namespace, name };
  const { items } = await access.client.list(Pods, { namespace });
  const owned = items.find((pod) => pod.metadata.name.startsWith(`${name}-`) && pod.status?.phase === 'Running');
  if (!owned) throw new CliError(`no running pod of ${kind}/${name} in namespace ${namespace}; see: kubectl get pods -n ${namespace}`);
  return { namespace, name: owned.metadata.name };
}

/** A ready pod with these labels. */
export async function findReadyPod(access: ClusterAccess, labelSelector: string, what: string): Promise<PodName> {
  const { items } = await access.client.list(Pods, { namespace: access.istioNamespace, labelSelector });
  const ready = items.find(isReady);
  if (!ready) throw new CliError(`no ${what} pod is ready in namespace ${access.istioNamespace} (label ${labelSelector}); is the mesh installed? Try: lateen install`);
  return { namespace: access.istioNamespace, name: ready.metadata.name };
}

const isReady = (pod: Stored<Pod>) => pod.metadata.deletionTimestamp === undefined && (pod.status?.conditions ?? []).some((c) => c.type === 'Ready' && c.status === 'True');

export interface PodAnswer {
  status: number;
  body: string;
}

/** One HTTP request to a port of a pod, also one that listens only on the pod's loopback. */
export async function requestPod(access: ClusterAccess, pod: PodName, target: { port: number; path: string; method?: string }): Promise<PodAnswer> {
  const stream = await openPortForward(access.client.config, pod, target.port);
  try {
    return await exchange(stream, target);
  } finally {
    stream.destroy();
  }
}

function exchange(stream: Duplex, target: { port: number; path: string; method?: string }): Promise<PodAnswer> {
  return new Promise((resolve, reject) => {
    const call = request({ method: target.method ?? 'GET', path: target.path, host: 'localhost', port: target.port, createConnection: () => stream, headers: { connection: 'close' } }, (response) => {
      const parts: Buffer[] = [];
      response.on('data', (part: Buffer) => parts.push(part));
      response.on('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(parts).toString() }));
      response.on('error', reject);
    });
    call.on('error', reject);
    call.end();
  });
}
