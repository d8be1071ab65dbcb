/** What the API server knows about one kind in one served version. */
import type { KubeObject } from '../../../kube/object.ts';
import type { Resource } from '../../../kube/resource.ts';
import type { Decoded } from '../../../kube/schema/decode.ts';
import type { JsonObject, Schema } from '../../../kube/schema/schema.ts';
import type { FieldError } from '../status.ts';

/** The rules of one kind. Objects given to `default` and `prepare…` may be changed; `old` is frozen. */
export interface Strategy {
  /** Fills what Kubernetes' API defaults fill. Runs on every write, so it must not change what is already set. */
  default?(object: KubeObject): void;
  prepareCreate?(object: KubeObject): void;
  prepareUpdate?(object: KubeObject, old: KubeObject): void;
  validate?(object: KubeObject): FieldError[];
  validateCreate?(object: KubeObject): FieldError[];
  validateUpdate?(object: KubeObject, old: KubeObject): FieldError[];
  /** Schema-level rules that need the previous object too (CEL with oldSelf). */
  validateStatus?(object: KubeObject, old: KubeObject): FieldError[];
  /** Values of fields that field selectors may name, besides metadata.name and metadata.namespace. */
  fields?(object: KubeObject): Record<string, string>;
  /** Names that a field selector may use although an object has no value for them. */
  selectable?: readonly string[];
}

export interface PrinterColumn {
  name: string;
  type: string;
  format?: string;
  description?: string;
  jsonPath: string;
  /** Above 0 only `-o wide` shows the column. */
  priority?: number;
}

/** How `scale` reads and writes an object. */
export interface ScaleSpec {
  specReplicas: string;
  statusReplicas: string;
  /** Path to a label selector, as text or as an object. */
  selector?: string;
}

export interface Kind {
  readonly resource: Resource;
  readonly singular: string;
  readonly shortNames: readonly string[];
  readonly categories: readonly string[];
  readonly listKind: string;
  /** `group/plural` under which the objects are stored: kinds that are served by two groups share one collection. */
  readonly collection: string;
  readonly verbs: readonly string[];
  readonly subresources: readonly string[];
  /** `metadata.generation` counts changes of the spec. */
  readonly hasGeneration: boolean;
  readonly strategy: Strategy;
  schema(): Schema;
  /** Reads an object as a client sent it: a copy without unknown fields, and what was wrong. */
  decode(value: JsonObject): Decoded;
  readonly definition?: string;
  readonly isCustom: boolean;
  readonly scale?: ScaleSpec;
  readonly columns?: readonly PrinterColumn[];
  /** Of kinds that are stored in another version or group than this one. */
  readonly convert?: { toStorage(object: KubeObject): KubeObject; fromStorage(object: KubeObject): KubeObject };
  /** Preferred version of its group. */
  readonly preferred: boolean;
  /** Text for `Warning:` on every use of a deprecated version. */
  readonly deprecation?: string;
}

export const hasStatus = (kind: Kind): boolean => kind.subresources.includes('status');

export const ALL_VERBS: readonly string[] = ['create', 'delete', 'deletecollection', 'get', 'list', 'patch', 'update', 'watch'];
