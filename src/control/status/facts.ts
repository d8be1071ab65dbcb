/** What is known of one object of the mesh: everything that its status is made from. */
import type { Issue } from '../../api/issue.ts';
import type { IneffectiveField } from '../../api/not-in-effect.ts';

/** How far proxies have come with an object. Only those count that hold something made from it, or are to hold it. */
export interface Progress {
  readonly interested: number;
  /** Of these: have acknowledged everything up to this generation. */
  readonly acknowledged: number;
  /** Names of some that have not answered yet. */
  readonly waitingFor: readonly string[];
  readonly refusals: readonly Refusal[];
}

export interface Refusal {
  /** `reviews-v1-abc.default` */
  readonly proxy: string;
  /** The proxy's own words. */
  readonly message: string;
}

export interface ObjectFacts {
  readonly generation: number;
  /** What validation says of the object by itself. */
  readonly issues: readonly Issue[];
  /** False when it is left out of the configuration as a whole because of these. */
  readonly isUsable: boolean;
  /** Other objects that keep it, or a part of it, from its place. */
  readonly conflicts: readonly string[];
  /** What the translation could not use of it. */
  readonly leftOut: readonly string[];
  /** References that lead nowhere, with what there is instead. */
  readonly missing: readonly string[];
  readonly ineffective: readonly IneffectiveField[];
  /** What objects of this kind come to: resources of proxies, the shape of pods that are created, entries of machines that register, nothing. */
  readonly becomes: 'resources' | 'pods' | 'machines' | 'nothing';
  /** Of a WorkloadGroup: machines that are registered now. */
  readonly registered?: number;
  readonly progress: Progress;
}
