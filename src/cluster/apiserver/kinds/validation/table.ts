import type { Strategy } from '../kind.ts';

/** What Kubernetes refuses, by `group/plural`. */
export const builtinValidation: ReadonlyMap<string, Pick<Strategy, 'validate' | 'validateUpdate'>> = new Map();
