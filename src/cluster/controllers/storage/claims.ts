/** What a claim is waiting for, and which volume suits it. Pure. */
import type { PersistentVolume, PersistentVolumeClaim } from 'kubernetes-types/core/v1.d.ts';
import type { StorageClass } from 'kubernetes-types/storage/v1.d.ts';
import type { Stored } from '../../../kube/object.ts';
import { compareQuantities, parseQuantity } from '../../../kube/quantity.ts';
import { matchesLabelSelector } from '../../../kube/selectors.ts';

export const isBoundClaim = (claim: PersistentVolumeClaim): boolean => claim.status?.phase === 'Bound' && Boolean(claim.spec?.volumeName);

/** The class by name; '' when the claim wants none. */
export const classOf = (claim: PersistentVolumeClaim): string =>
  claim.metadata?.annotations?.['volume.beta.kubernetes.io/storage-class'] ?? claim.spec?.storageClassName ?? '';

/** True when the claim's volume is only made for a pod that uses it. */
export function waitsForConsumer(classes: { get(name: string): StorageClass | undefined }, claim: PersistentVolumeClaim): boolean {
  return classes.get(classOf(claim))?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** The smallest free volume that gives what the claim asks for. */
export function suitableVolume(claim: Stored<PersistentVolumeClaim>, volumes: readonly Stored<PersistentVolume>[]): Stored<PersistentVolume> | undefined {
  const fits = volumes.filter((volume) => suits(claim, volume));
  const reserved = fits.find((volume) => volume.spec?.claimRef);
  return reserved ?? fits.sort((a, b) => compareQuantities(capacity(a), capacity(b)))[0];
}

function suits(claim: Stored<PersistentVolumeClaim>, volume: Stored<PersistentVolume>): boolean {
  const { spec } = volume;
  if (!spec || volume.metadata.deletionTimestamp) return false;
  if (spec.claimRef) return isFor(claim, volume);
  if (claim.spec?.volumeName) return claim.spec.volumeName === volume.metadata.name;
  const wanted = parseQuantity(claim.spec?.resources?.requests?.['storage'] ?? '0');
  return (
    volume.status?.phase !== 'Released' &&
    volume.status?.phase !== 'Failed' &&
    (spec.storageClassName ?? '') === classOf(claim) &&
    (claim.spec?.accessModes ?? []).every((mode) => spec.accessModes?.includes(mode)) &&
    (spec.volumeMode ?? 'Filesystem') === (claim.spec?.volumeMode ?? 'Filesystem') &&
    (!claim.spec?.selector || matchesLabelSelector(claim.spec.selector, volume.metadata.labels)) &&
    wanted !== undefined &&
    compareQuantities(capacity(volume), wanted) >= 0
  );
}

/** True when the volume is reserved for, or bound to, this very claim. */
export function isFor(claim: Stored<PersistentVolumeClaim>, volume: PersistentVolume): boolean {
  const reference = volume.spec?.claimRef;
  return reference?.namespace === claim.metadata.namespace && reference?.name === claim.metadata.name && (!reference.uid || reference.uid === claim.metadata.uid);
}

const capacity = (volume: PersistentVolume) => parseQuantity(volume.spec?.capacity?.['storage'] ?? '0') ?? { nanos: 0n, format: 'DecimalSI' as const };
