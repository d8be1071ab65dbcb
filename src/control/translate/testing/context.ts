/** For tests: the context of a workload in a mesh written as YAML. */
import { snapshotOf } from '../../registry/snapshot-builder.ts';
import { RUNTIME_LAYER, RUNTIME_METADATA } from '../../../xds/agent-contract.ts';
import { buildScope, sidecarFor } from '../../registry/scope.ts';
import { yamlMesh, type YamlMeshOptions } from '../../registry/testing/yaml-mesh.ts';
import type { Context } from '../context.ts';
import { readProxy } from '../proxy.ts';

export interface TestProxy {
  /** Name of a Deployment in the mesh; default: a client that no object speaks of. */
  workload?: string;
  namespace?: string;
  kind?: 'sidecar' | 'router';
  labels?: Record<string, string>;
  extensions?: string[];
  /** An Envoy that fetches by name what changes often. */
  fetches?: boolean;
  /** Of the node, over what a test proxy says anyway. */
  metadata?: Record<string, string>;
  locality?: { region: string; zone: string; subZone: string };
}

export function contextFor(yaml: string | readonly string[], who: TestProxy = {}, options: YamlMeshOptions = {}): Context {
  const snapshot = snapshotOf(yamlMesh(yaml, options));
  const { namespace = 'default', kind = 'sidecar' } = who;
  const workload = [...snapshot.workloads.values()].find((w) => w.namespace === namespace && w.workloadName === who.workload);
  const address = workload?.address ?? '10.244.255.1';
  const labels = who.labels ?? workload?.labels ?? {};
  const read = readProxy({
    id: `${kind}~${address}~${workload?.name ?? 'client'}.${namespace}~${namespace}.svc.cluster.local`,
    metadata: { NAMESPACE: namespace, LABELS: { ...labels }, WORKLOAD_NAME: who.workload ?? 'client', ...(who.fetches ? { [RUNTIME_METADATA]: RUNTIME_LAYER } : {}), ...who.metadata },
    extensions: (who.extensions ?? []).map((name) => ({ name })),
    locality: who.locality,
  });
  if ('error' in read) throw new Error(read.error);
  const { settings, services, routing, sidecars } = snapshot;
  const sidecar = kind === 'sidecar' ? sidecarFor(sidecars, { namespace, labels }, settings.config.rootNamespace) : undefined;
  return { snapshot, settings, proxy: read.proxy, workload, labels, scope: buildScope({ namespace, sidecar, services, routing, settings }), report() {} };
}
