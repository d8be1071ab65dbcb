import type { WasmPlugin } from '../../api/wasm-plugin.ts';
import type { Stored } from '../../kube/object.ts';
import { byAge } from './by-age.ts';
import { isForGateway } from './gateway-refs.ts';
import type { Subject } from './policies.ts';
import { labelsMatch } from './visibility.ts';

/** By namespace, oldest first. */
export type WasmPluginIndex = ReadonlyMap<string, readonly Stored<WasmPlugin>[]>;

export const indexWasmPlugins = (objects: readonly Stored<WasmPlugin>[]): WasmPluginIndex => Map.groupBy(objects.toSorted(byAge), (o) => o.metadata.namespace ?? '');

/** Those for a workload, in the order in which they stand in a phase: higher priority first; of equals those of the root namespace, then the older. */
export function wasmPluginsFor(index: WasmPluginIndex, subject: Subject, rootNamespace: string): Stored<WasmPlugin>[] {
  if (index.size === 0) return [];
  const all = [...new Set([rootNamespace, subject.namespace])].flatMap((namespace) => (index.get(namespace) ?? []).filter((plugin) => selects(plugin, subject)));
  return all.sort((a, b) => (b.spec.priority ?? 0) - (a.spec.priority ?? 0));
}

function selects({ metadata, spec }: Stored<WasmPlugin>, { namespace, labels }: Subject): boolean {
  const refs = [...(spec.targetRef ? [spec.targetRef] : []), ...(spec.targetRefs ?? [])];
  if (refs.length === 0) return labelsMatch(spec.selector?.matchLabels, labels);
  return metadata.namespace === namespace && refs.some((ref) => isForGateway(ref, labels));
}
