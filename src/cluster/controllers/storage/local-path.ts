/** The provisioner behind the class `standard`: a directory on this machine for each claim. */
import { mkdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import type { PersistentVolume, PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { classOf } from './claims.ts';

export const LOCAL_PATH_PROVISIONER = 'lateen.dev/local-path';

export interface LocalPath {
  /** Makes the directory and describes the volume. */
  provision(claim: Stored<PersistentVolumeClaim>, storageClass: Stored<StorageClass>): Promise<PersistentVolume>;
  /** Removes the directory of a volume that this provisioner made. */
  remove(volume: PersistentVolume): Promise<void>;
}

/** @param root directory that holds the volumes' directories */
export function createLocalPath(root: string, nodeName: string): LocalPath {
  const directoryOf = (volumeName: string) => join(root, volumeName);
  return {
    async provision(claim, storageClass) {
      // Named after the claim's uid, which the API server made: no name a user chose gets into a path.
      const name = `pvc-${claim.metadata.uid}`;
      const path = directoryOf(name);
      await mkdir(path, { recursive: true, mode: 0o777 });
      return buildVolume({ name, path, nodeName }, claim, storageClass);
    },
    async remove(volume) {
      const { name } = volume.metadata ?? {};
      if (name && volume.spec?.hostPath?.path === directoryOf(name)) await rm(directoryOf(name), { recursive: true, force: true });
    },
  };
}

function buildVolume(at: { name: string; path: string; nodeName: string }, claim: Stored<PersistentVolumeClaim>, storageClass: Stored<StorageClass>): PersistentVolume {
  const { namespace, name, uid, resourceVersion } = claim.metadata;
  return {
    apiVersion: 'v1',
    kind: 'PersistentVolume',
    metadata: { name: at.name, annotations: { 'pv.kubernetes.io/provisioned-by': LOCAL_PATH_PROVISIONER } },
    spec: {
      capacity: { storage: claim.spec?.resources?.requests?.['storage'] ?? '0' },
      accessModes: claim.spec?.accessModes ?? [],
      volumeMode: claim.spec?.volumeMode ?? 'Filesystem',
      storageClassName: classOf(claim),
      persistentVolumeReclaimPolicy: storageClass.reclaimPolicy ?? 'Delete',
      claimRef: { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: namespace ?? '', name, uid, resourceVersion },
      hostPath: { path: at.path, type: 'DirectoryOrCreate' },
      nodeAffinity: { required: { nodeSelectorTerms: [{ matchExpressions: [{ key: 'kubernetes.io/hostname', operator: 'In', values: [at.nodeName] }] }] } },
    },
  };
}
