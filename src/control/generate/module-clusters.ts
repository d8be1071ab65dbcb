import { ClusterSchema } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import type { Context } from '../translate/context.ts';
import { pluginClusters } from '../translate/wasm.ts';
import { encode } from './encode.ts';
import { pluginOrigins } from './origins.ts';
import type { Made, Workshop } from './workshop.ts';

/** Of the plugins of a proxy: by which it fetches their modules. */
export function moduleClusters(context: Context, workshop: Workshop): Made[] {
  if (context.snapshot.wasmPlugins.size === 0) return [];
  const origins = pluginOrigins(context);
  return pluginClusters(context).map((cluster) =>
    workshop.make(`module ${cluster.name} ${origins.join()}`, [context.settings], { kind: 'Cluster', namespace: '', name: cluster.name, origins }, () => encode(ClusterSchema, cluster.name, cluster, { origins })));
}
