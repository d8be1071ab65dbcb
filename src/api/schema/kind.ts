/** What the API server has to know about one of our kinds, besides its fields. */
import type { Condition, KubeObject } from '../../kube/object.ts';
import type { Resource } from '../../kube/resource.ts';
import { resource } from '../../kube/resource.ts';
import type { Schema } from './schema.ts';

export interface PrinterColumn {
  name: string;
  /** Default `string`. */
  type?: 'string' | 'date';
  jsonPath: string;
  description: string;
  /** 1: in the wide table only. */
  priority?: number;
}

/** Printed as in other kinds: `kubectl get` shows how old the object is. */
export const AGE: PrinterColumn = { name: 'Age', type: 'date', jsonPath: '.metadata.creationTimestamp', description: 'Time since the object was created.' };

/** Whether an object is valid, and whether it is in force, for `kubectl get -o wide`: Istio's tables have no such columns. */
export const STATE: readonly PrinterColumn[] = [
  { name: 'Accepted', jsonPath: '.status.conditions[?(@.type=="Accepted")].status', description: 'Whether the object is valid and has its place.', priority: 1 },
  { name: 'Programmed', jsonPath: '.status.conditions[?(@.type=="Programmed")].status', description: 'Whether every proxy that the object concerns has acknowledged it.', priority: 1 },
];

export interface Kind<Spec = unknown> {
  readonly group: string;
  readonly kind: string;
  readonly plural: string;
  readonly shortNames?: readonly string[];
  /** Newest first. */
  readonly versions: readonly string[];
  /** The version in which objects are stored; default: the first. */
  readonly storage?: string;
  /** Istio's; default: the age. */
  readonly columns?: readonly PrinterColumn[];
  readonly spec: Schema<Spec>;
  readonly specRequired?: boolean;
  readonly description: string;
}

/** What the control plane reports on an object. Istio: meta.v1alpha1.IstioStatus. */
export interface MeshStatus {
  conditions?: Condition[];
  observedGeneration?: number | string;
  validationMessages?: { documentationUrl?: string; level?: 'UNKNOWN' | 'ERROR' | 'WARNING' | 'INFO'; type?: { code?: string; name?: string } }[];
}

/** An object of a kind whose CRD does not insist on `spec`. */
export interface MeshObject<Spec> extends KubeObject {
  spec?: Spec;
  status?: MeshStatus;
}

/** An object of a kind whose CRD insists on `spec`. */
export interface MeshObjectWithSpec<Spec> extends KubeObject {
  spec: Spec;
  status?: MeshStatus;
}

/** The newest version of a kind as a resource for the Kubernetes client. */
export function resourceOf<T extends KubeObject>(kind: Kind): Resource<T> {
  return resource<T>(`${kind.group}/${kind.versions[0] ?? ''}`, kind.plural, kind.kind);
}
