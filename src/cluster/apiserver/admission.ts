/** What the API server asks of admission. The plugins live in `cluster/admission`, one file each. */
import type { KubeObject } from '../../kube/object.ts';
import type { Resource } from '../../kube/resource.ts';

export interface UserInfo {
  username: string;
  uid?: string;
  groups: string[];
  extra?: Record<string, string[]>;
}

export interface AdmissionRequest {
  readonly uid: string;
  readonly operation: 'CREATE' | 'UPDATE' | 'DELETE' | 'CONNECT';
  readonly resource: Resource;
  readonly subresource?: string;
  readonly namespace?: string;
  readonly name: string;
  /** The new object; absent for DELETE. Mutating plugins edit it in place or replace it. */
  object?: KubeObject;
  readonly oldObject?: KubeObject;
  readonly userInfo: UserInfo;
  readonly dryRun: boolean;
  /** CreateOptions, UpdateOptions, DeleteOptions as sent. */
  readonly options: Record<string, unknown>;
  /** Texts for `Warning: 299` headers. */
  readonly warnings: string[];
}

/** One admission plugin. A refusal is a thrown KubeApiError whose Status the client gets as it is. */
export interface AdmissionPlugin {
  /** Kubernetes' name of the plugin, as in --enable-admission-plugins. */
  readonly name: string;
  mutate?(request: AdmissionRequest): Promise<void>;
  validate?(request: AdmissionRequest): Promise<void>;
}

/** Runs every plugin's `mutate` in order, then every `validate` in order; after `mutate` the API server defaults and prunes again. */
export interface AdmissionChain {
  readonly plugins: readonly AdmissionPlugin[];
  admit(request: AdmissionRequest, revise: (object: KubeObject) => KubeObject): Promise<void>;
}
