import type { UserInfo } from '../admission.ts';

/** Who asks, and how the request is to be treated: the same for HTTP and for calls within the process. */
export interface Caller {
  readonly user: UserInfo;
  /** Owner of the written fields in managedFields. */
  readonly fieldManager: string;
  readonly fieldValidation: 'Strict' | 'Warn' | 'Ignore';
  readonly dryRun: boolean;
  /** Texts for `Warning: 299` headers. */
  readonly warnings: string[];
}

export const SYSTEM_USER: UserInfo = { username: 'system:apiserver', groups: ['system:masters', 'system:authenticated'] };
