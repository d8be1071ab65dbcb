/** All scenarios; a file for each topic, so that several people can add to them at once. */
import type { Scenario } from './scenario.ts';
import { HTTP_MATCH } from './scenarios/http-match.ts';
import { PROTOCOLS } from './scenarios/protocols.ts';

export const SCENARIOS: readonly Scenario[] = [...HTTP_MATCH, ...PROTOCOLS];
