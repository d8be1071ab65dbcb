/** The identity that a StatefulSet gives a pod: its name, host name, labels and claims. Pure. */
import type { StatefulSet } from 'kubernetes-types/apps/v1.d.ts';
import type { PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { REVISION_HASH } from '../controller-revisions.ts';
import type { PodShape } from '../pod-control.ts';

export function statefulPodShape(set: Stored<StatefulSet>, ordinal: number, revision: string): PodShape {
  const name = `${set.metadata.name}-${ordinal}`;
  return {
    name,
    labels: {
      'statefulset.kubernetes.io/pod-name': name,
      'apps.kubernetes.io/pod-index': String(ordinal),
      [REVISION_HASH]: revision.slice(set.metadata.name.length + 1),
    },
    adjust(spec) {
      spec.hostname = name;
      if (set.spec?.serviceName) spec.subdomain = set.spec.serviceName;
      const claims = statefulClaims(set, ordinal);
      const volumes = claims.map(({ template, claim }) => ({ name: template, persistentVolumeClaim: { claimName: claim.metadata?.name ?? '' } }));
      const own = (spec.volumes ?? []).filter((volume) => !volumes.some((each) => each.name === volume.name));
      if (volumes.length > 0) spec.volumes = [...own, ...volumes];
    },
  };
}

/** The claims of one pod. They outlive it and the set, unless the retention policy says otherwise. */
export function statefulClaims(set: Stored<StatefulSet>, ordinal: number): { template: string; claim: PersistentVolumeClaim }[] {
  return (set.spec?.volumeClaimTemplates ?? []).map((template) => {
    const name = template.metadata?.name ?? '';
    return {
      template: name,
      claim: {
        apiVersion: 'v1',
        kind: 'PersistentVolumeClaim',
        metadata: {
          name: `${name}-${set.metadata.name}-${ordinal}`,
          namespace: set.metadata.namespace ?? '',
          labels: { ...template.metadata?.labels, ...set.spec?.selector?.matchLabels },
          ...(template.metadata?.annotations ? { annotations: template.metadata.annotations } : {}),
        },
        ...(template.spec ? { spec: template.spec } : {}),
      },
    };
  });
}
