/** The Kubernetes API as every part of Lateen sees it. Two transports implement it: HTTPS (`http-client.ts`), and
 * a direct call for parts that live in the API server's own process. */
import { MeshError } from '../base/errors.ts';
import type { KubeList, KubeObject, Status, Stored } from './object.ts';
import type { Resource } from './resource.ts';

export interface At {
  namespace?: string;
  name: string;
}

export interface ListOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  limit?: number;
  continue?: string;
  resourceVersion?: string;
  signal?: AbortSignal;
}

export interface WriteOptions {
  /** Set on the status subresource, `scale`, `eviction`, `token`, …; default: the object itself. */
  subresource?: string;
  fieldManager?: string;
  dryRun?: boolean;
  /** Server-side apply only: take fields from other managers. */
  force?: boolean;
  fieldValidation?: 'Strict' | 'Warn' | 'Ignore';
  signal?: AbortSignal;
}

export interface DeleteOptions {
  gracePeriodSeconds?: number;
  propagationPolicy?: 'Background' | 'Foreground' | 'Orphan';
  preconditions?: { uid?: string; resourceVersion?: string };
  signal?: AbortSignal;
}

export const PatchType = {
  Json: 'application/json-patch+json',
  Merge: 'application/merge-patch+json',
  Strategic: 'application/strategic-merge-patch+json',
  Apply: 'application/apply-patch+yaml',
} as const;
export type PatchType = (typeof PatchType)[keyof typeof PatchType];

export type WatchEvent<T extends KubeObject = KubeObject> =
  | { type: 'ADDED' | 'MODIFIED' | 'DELETED'; object: Stored<T> }
  | { type: 'BOOKMARK'; object: { kind: string; apiVersion: string; metadata: { resourceVersion: string } } }
  | { type: 'ERROR'; object: Status };

export interface WatchOptions {
  namespace?: string;
  labelSelector?: string;
  fieldSelector?: string;
  resourceVersion?: string;
  allowWatchBookmarks?: boolean;
  timeoutSeconds?: number;
  signal?: AbortSignal;
}

export interface KubeClient {
  /** @throws KubeApiError, reason `NotFound` when there is none */
  get<T extends KubeObject>(resource: Resource<T>, at: At, options?: { signal?: AbortSignal }): Promise<Stored<T>>;
  list<T extends KubeObject>(resource: Resource<T>, options?: ListOptions): Promise<KubeList<T>>;
  create<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions & { namespace?: string; name?: string }): Promise<Stored<T>>;
  /** Replaces; with `metadata.resourceVersion` set, fails with reason `Conflict` when it is not the newest. */
  update<T extends KubeObject>(resource: Resource<T>, object: T, options?: WriteOptions): Promise<Stored<T>>;
  patch<T extends KubeObject>(resource: Resource<T>, at: At, patch: { type: PatchType; body: unknown }, options?: WriteOptions): Promise<Stored<T>>;
  delete<T extends KubeObject>(resource: Resource<T>, at: At, options?: DeleteOptions): Promise<void>;
  deleteCollection<T extends KubeObject>(resource: Resource<T>, options: ListOptions & DeleteOptions): Promise<void>;
  /** Yields events until the server ends the watch or the signal aborts; a broken connection throws. */
  watch<T extends KubeObject>(resource: Resource<T>, options?: WatchOptions): AsyncIterable<WatchEvent<T>>;
  /** Any other path: `/version`, `/openapi/v3`, `/apis`. Returns parsed JSON. */
  raw<R = unknown>(method: string, path: string, body?: unknown): Promise<R>;
}

/** The API server said no. `message` is its own wording; `status` the whole answer. */
export class KubeApiError extends MeshError<'KUBE_API'> {
  readonly status: Status;

  constructor(status: Status) {
    super('KUBE_API', status.message ?? status.reason ?? `status ${status.code}`, { fields: { reason: status.reason, code: status.code } });
    this.status = status;
  }

  get reason(): string {
    return this.status.reason ?? '';
  }
}

export const isReason = (error: unknown, reason: string): boolean => error instanceof KubeApiError && error.reason === reason;
export const isNotFound = (error: unknown): boolean => isReason(error, 'NotFound');
export const isConflict = (error: unknown): boolean => isReason(error, 'Conflict');
export const isAlreadyExists = (error: unknown): boolean => isReason(error, 'AlreadyExists');
