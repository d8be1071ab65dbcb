/** Where we mean to differ from Envoy, and why. A scenario that stops to differ fails until it is removed from here. */
export interface Difference {
  /** Paths of what is observed, e.g. `[0].answer.headers.x-a`; all that begins so may differ, everything else must be equal. */
  readonly at: readonly string[];
  readonly why: string;
}

export const DIFFERENCES: Readonly<Record<string, Difference>> = {
};
