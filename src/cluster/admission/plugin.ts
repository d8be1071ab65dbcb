/** What the plugins share: what they are given, and what a request is about. */
import type { PersistentVolumeClaim, Pod } from 'kubernetes-types/core/v1.d.ts';
import type { Clock } from '../../base/clock.ts';
import type { Log } from '../../base/log.ts';
import type { KubeClient } from '../../kube/client.ts';
import type { KubeObject } from '../../kube/object.ts';
import type { AdmissionRequest } from '../apiserver/admission.ts';
import type { AdmissionReads } from './reads.ts';

export interface PluginContext {
  client: () => KubeClient;
  reads: AdmissionReads;
  clock: Clock;
  log: Log;
}

/** True for a request on `group/plural` itself, not on one of its subresources. */
export function isAbout(request: AdmissionRequest, group: string, plural: string): boolean {
  return request.resource.group === group && request.resource.plural === plural && !request.subresource;
}

/** The pod that is being created, or undefined. */
export function createdPod(request: AdmissionRequest): Pod | undefined {
  // The resource says what the object is.
  return request.operation === 'CREATE' && isAbout(request, '', 'pods') ? (request.object as Pod) : undefined;
}

/** The claim that is being created, or undefined. */
export function createdClaim(request: AdmissionRequest): PersistentVolumeClaim | undefined {
  return request.operation === 'CREATE' && isAbout(request, '', 'persistentvolumeclaims') ? (request.object as PersistentVolumeClaim) : undefined;
}

/** A pod that stands for a static one of the node: nothing is added to it. */
export const isMirrorPod = (pod: KubeObject): boolean => pod.metadata?.annotations?.['kubernetes.io/config.mirror'] !== undefined;
