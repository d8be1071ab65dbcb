/** Patches of clusters. */
import type { Cluster } from '../../xds/generated/envoy/config/cluster/v3/cluster_pb.js';
import { missedCluster } from './match.ts';
import type { Pass } from './pass.ts';

/** @returns undefined when a patch takes it away */
export function patchCluster(given: Cluster, pass: Pass): Cluster | undefined {
  let cluster = given;
  for (const patch of pass.at('CLUSTER')) {
    if (patch.operation === 'ADD' || !pass.fits(patch, missedCluster(patch, cluster))) continue;
    if (patch.operation === 'REMOVE') {
      pass.done(patch);
      return undefined;
    }
    cluster = pass.merged(patch, cluster);
  }
  return cluster;
}
