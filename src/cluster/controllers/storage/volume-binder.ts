/** Brings claims and volumes together: binds, provisions, releases, reclaims, and lifts the finalizers that protect
 * both while in use. Kubernetes: pkg/controller/volume/{persistentvolume,pvcprotection,pvprotection}. */
import type { PersistentVolume, PersistentVolumeClaim, Pod } from 'kubernetes-types/core/v1.d.ts';
import { isAlreadyExists, isNotFound } from '../../../kube/client.ts';
import type { Stored } from '../../../kube/object.ts';
import { PersistentVolumeClaims, PersistentVolumes, Pods, StorageClasses } from '../../../kube/resource.ts';
import { PV_PROTECTION, PVC_PROTECTION } from '../../admission/storage-object-in-use.ts';
import type { Controller, ControllerContext } from '../controller.ts';
import type { EventRecorder } from '../event-recorder.ts';
import { isPodFinished } from '../pods.ts';
import { createReconciler } from '../reconciler.ts';
import type { Reconciler } from '../reconciler.ts';
import { classOf, isBoundClaim, isFor, suitableVolume, waitsForConsumer } from './claims.ts';
import { LOCAL_PATH_PROVISIONER } from './local-path.ts';
import type { LocalPath } from './local-path.ts';

const BIND_COMPLETED = 'pv.kubernetes.io/bind-completed';
const BOUND_BY_CONTROLLER = 'pv.kubernetes.io/bound-by-controller';

export function createVolumeBinder(context: ControllerContext, localPath: LocalPath): Controller {
  const binder = new VolumeBinder(context, localPath);
  return { start: () => binder.start(), close: () => binder.close() };
}

class VolumeBinder {
  readonly #context: ControllerContext;
  readonly #localPath: LocalPath;
  readonly #events: EventRecorder;
  readonly #claimQueue: Reconciler;
  readonly #volumeQueue: Reconciler;

  constructor(context: ControllerContext, localPath: LocalPath) {
    const { clock, log, caches } = context;
    this.#context = context;
    this.#localPath = localPath;
    this.#events = context.events('persistentvolume-controller');
    // One at a time: two claims must not choose the same volume.
    this.#claimQueue = createReconciler({ name: 'persistentvolumeclaim', clock, log, reconcile: (key) => this.#claim(key), workers: 1 });
    this.#volumeQueue = createReconciler({ name: 'persistentvolume', clock, log, reconcile: (key) => this.#volume(key), workers: 1 });
    const claims = caches.of(PersistentVolumeClaims);
    const enqueuePending = () => {
      for (const claim of claims.list()) if (!isBoundClaim(claim)) this.#claimQueue.enqueue(`${claim.metadata.namespace}/${claim.metadata.name}`);
    };
    claims.subscribe(({ object }) => {
      this.#claimQueue.enqueue(`${object.metadata.namespace}/${object.metadata.name}`);
      if (object.spec?.volumeName) this.#volumeQueue.enqueue(object.spec.volumeName);
    });
    caches.of(PersistentVolumes).subscribe(({ object, type }) => {
      this.#volumeQueue.enqueue(object.metadata.name);
      if (type === 'added') enqueuePending();
    });
    caches.of(StorageClasses).subscribe(enqueuePending);
    caches.of(Pods).subscribe(({ object, old, type }) => {
      if (type === 'updated' && old && isPodFinished(old) === isPodFinished(object) && old.spec?.nodeName === object.spec?.nodeName) return;
      for (const name of claimNames(object)) this.#claimQueue.enqueue(`${object.metadata.namespace}/${name}`);
    });
  }

  start(): void {
    this.#claimQueue.start();
    this.#volumeQueue.start();
  }

  async close(): Promise<void> {
    await Promise.all([this.#claimQueue.close(), this.#volumeQueue.close()]);
  }

  async #claim(key: string): Promise<void> {
    const { caches } = this.#context;
    const claim = caches.of(PersistentVolumeClaims).get(key);
    if (!claim) return;
    if (claim.metadata.deletionTimestamp) return this.#unprotectClaim(claim);
    if (isBoundClaim(claim)) return;
    const volume = suitableVolume(claim, caches.of(PersistentVolumes).list());
    if (volume) return this.#bind(claim, volume);
    if (claim.status?.phase === undefined) await this.#writeClaimStatus(claim, { phase: 'Pending' });
    if (!claim.spec?.volumeName) await this.#provision(claim);
  }

  async #provision(claim: Stored<PersistentVolumeClaim>): Promise<void> {
    const { caches, client } = this.#context;
    const name = classOf(claim);
    if (name === '') return this.#events.event(claim, 'Normal', 'FailedBinding', 'no persistent volumes available for this claim and no storage class is set');
    const storageClass = caches.of(StorageClasses).get(name);
    if (!storageClass) return this.#events.event(claim, 'Warning', 'ProvisioningFailed', `storageclass.storage.k8s.io "${name}" not found`);
    if (waitsForConsumer(caches.of(StorageClasses), claim) && !this.#hasConsumer(claim)) {
      return this.#events.event(claim, 'Normal', 'WaitForFirstConsumer', 'waiting for first consumer to be created before binding');
    }
    if (storageClass.provisioner !== LOCAL_PATH_PROVISIONER) {
      const message = `Waiting for a volume to be created either by the external provisioner '${storageClass.provisioner}' or manually by the system administrator. If volume creation is delayed, please verify that the provisioner is running and correctly registered.`;
      return this.#events.event(claim, 'Normal', 'ExternalProvisioning', message);
    }
    const volume = await this.#localPath.provision(claim, storageClass);
    try {
      const stored = await client.create(PersistentVolumes, volume);
      caches.of(PersistentVolumes).remember(stored);
      this.#events.event(claim, 'Normal', 'ProvisioningSucceeded', `Successfully provisioned volume ${stored.metadata.name}`);
      await this.#bind(claim, stored);
    } catch (error) {
      // Made in an earlier round: its event brings the claim back here.
      if (!isAlreadyExists(error)) throw error;
    }
  }

  #hasConsumer(claim: Stored<PersistentVolumeClaim>): boolean {
    return this.#users(claim).some((pod) => pod.spec?.nodeName);
  }

  #users(claim: Stored<PersistentVolumeClaim>): Stored<Pod>[] {
    const pods = this.#context.caches.of(Pods).listIn(claim.metadata.namespace ?? '');
    return pods.filter((pod) => !isPodFinished(pod) && claimNames(pod).includes(claim.metadata.name));
  }

  async #bind(claim: Stored<PersistentVolumeClaim>, volume: Stored<PersistentVolume>): Promise<void> {
    const { client, caches } = this.#context;
    const { namespace, name, uid, resourceVersion } = claim.metadata;
    let bound = volume;
    if (volume.spec?.claimRef?.uid !== uid) {
      const claimRef = { apiVersion: 'v1', kind: 'PersistentVolumeClaim', namespace: namespace ?? '', name, uid, resourceVersion };
      const annotations = { ...volume.metadata.annotations, [BOUND_BY_CONTROLLER]: 'yes' };
      bound = await client.update(PersistentVolumes, { ...volume, metadata: { ...volume.metadata, annotations }, spec: { ...volume.spec, claimRef } });
    }
    if (bound.status?.phase !== 'Bound') bound = await client.update(PersistentVolumes, { ...bound, status: { ...bound.status, phase: 'Bound' } }, { subresource: 'status' });
    caches.of(PersistentVolumes).remember(bound);
    const annotations = { ...claim.metadata.annotations, [BIND_COMPLETED]: 'yes', [BOUND_BY_CONTROLLER]: 'yes' };
    const named = await client.update(PersistentVolumeClaims, { ...claim, metadata: { ...claim.metadata, annotations }, spec: { ...claim.spec, volumeName: bound.metadata.name } });
    await this.#writeClaimStatus(named, { phase: 'Bound', accessModes: bound.spec?.accessModes ?? [], capacity: bound.spec?.capacity ?? {} });
  }

  async #writeClaimStatus(claim: Stored<PersistentVolumeClaim>, status: NonNullable<PersistentVolumeClaim['status']>): Promise<void> {
    const { client, caches } = this.#context;
    caches.of(PersistentVolumeClaims).remember(await client.update(PersistentVolumeClaims, { ...claim, status }, { subresource: 'status' }));
  }

  async #unprotectClaim(claim: Stored<PersistentVolumeClaim>): Promise<void> {
    const { finalizers = [] } = claim.metadata;
    if (!finalizers.includes(PVC_PROTECTION) || this.#users(claim).length > 0) return;
    const metadata = { ...claim.metadata, finalizers: finalizers.filter((each) => each !== PVC_PROTECTION) };
    await this.#context.client.update(PersistentVolumeClaims, { ...claim, metadata });
  }

  async #volume(name: string): Promise<void> {
    const { caches, client } = this.#context;
    const volume = caches.of(PersistentVolumes).get(name);
    if (!volume) return;
    const claim = this.#claimOf(volume);
    if (volume.metadata.deletionTimestamp) {
      const { finalizers = [] } = volume.metadata;
      if (claim || !finalizers.includes(PV_PROTECTION)) return;
      await client.update(PersistentVolumes, { ...volume, metadata: { ...volume.metadata, finalizers: finalizers.filter((each) => each !== PV_PROTECTION) } });
      return;
    }
    if (!volume.spec?.claimRef?.uid) return this.#setPhase(volume, 'Available');
    if (claim) return;
    await this.#setPhase(volume, 'Released');
    if (volume.spec.persistentVolumeReclaimPolicy === 'Delete') await this.#reclaim(volume);
  }

  /** The claim that the volume is bound to, if it still is that claim. */
  #claimOf(volume: Stored<PersistentVolume>): Stored<PersistentVolumeClaim> | undefined {
    const reference = volume.spec?.claimRef;
    const claim = this.#context.caches.of(PersistentVolumeClaims).get(`${reference?.namespace}/${reference?.name}`);
    return claim && isFor(claim, volume) ? claim : undefined;
  }

  async #reclaim(volume: Stored<PersistentVolume>): Promise<void> {
    const { client } = this.#context;
    const reference = volume.spec?.claimRef;
    // Asked of the server once more: a wrong answer would delete data.
    try {
      const claim = await client.get(PersistentVolumeClaims, { namespace: reference?.namespace ?? '', name: reference?.name ?? '' });
      if (isFor(claim, volume)) return;
    } catch (error) {
      if (!isNotFound(error)) throw error;
    }
    if (volume.metadata.annotations?.['pv.kubernetes.io/provisioned-by'] !== LOCAL_PATH_PROVISIONER) return;
    await this.#localPath.remove(volume);
    await client.delete(PersistentVolumes, { name: volume.metadata.name }, { preconditions: { uid: volume.metadata.uid } });
  }

  async #setPhase(volume: Stored<PersistentVolume>, phase: string): Promise<void> {
    if (volume.status?.phase === phase) return;
    const { client, caches } = this.#context;
    caches.of(PersistentVolumes).remember(await client.update(PersistentVolumes, { ...volume, status: { ...volume.status, phase } }, { subresource: 'status' }));
  }
}

function claimNames(pod: Pod): string[] {
  return (pod.spec?.volumes ?? []).flatMap((volume) => {
    if (volume.persistentVolumeClaim) return [volume.persistentVolumeClaim.claimName];
    return volume.ephemeral ? [`${pod.metadata?.name}-${volume.name}`] : [];
  });
}
