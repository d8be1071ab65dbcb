/** Which resources the API server has, asked of itself: custom ones come and go while it runs. */
import type { KubeClient } from '../../kube/client.ts';
import { resource } from '../../kube/resource.ts';
import type { Resource } from '../../kube/resource.ts';

interface ResourceList {
  groupVersion: string;
  resources?: { name: string; namespaced: boolean; kind: string; verbs?: string[] }[];
}

interface GroupList {
  groups?: { preferredVersion?: { groupVersion: string } }[];
}

/** Every resource that can be listed, watched and deleted, in its group's preferred version. */
export async function discoverResources(client: KubeClient): Promise<Resource[]> {
  const groups = await client.raw<GroupList>('GET', '/apis');
  const paths = ['/api/v1', ...(groups.groups ?? []).flatMap((group) => (group.preferredVersion ? [`/apis/${group.preferredVersion.groupVersion}`] : []))];
  const lists = await Promise.all(paths.map((path) => client.raw<ResourceList>('GET', path)));
  return lists.flatMap((list) =>
    (list.resources ?? [])
      .filter(({ name, verbs = [] }) => !name.includes('/') && ['list', 'watch', 'delete'].every((verb) => verbs.includes(verb)))
      .map(({ name, kind, namespaced }) => resource(list.groupVersion, name, kind, namespaced)),
  );
}
