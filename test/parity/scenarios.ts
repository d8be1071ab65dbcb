/** All scenarios; a file for each topic, so that several people can add to them at once. */
import type { Scenario } from './scenario.ts';
import { CLAIMS } from './scenarios/claims.ts';
import { DELIVERY_SCENARIOS } from './scenarios/delivery.ts';
import { DESTINATION_RULES } from './scenarios/destination-rules.ts';
import { EDGES } from './scenarios/edges.ts';
import { ENVOY_FILTERS } from './scenarios/envoy-filters.ts';
import { GATEWAY } from './scenarios/gateway.ts';
import { DIRECT_RESPONSES, HEADERS, REDIRECTS, REWRITES } from './scenarios/http-action.ts';
import { HEADLESS } from './scenarios/headless.ts';
import { HTTP_MATCH } from './scenarios/http-match.ts';
import { DELEGATES, ROUTES } from './scenarios/http-route.ts';
import { L4_ROUTES } from './scenarios/l4-routes.ts';
import { CORS, FAULTS, MIRRORS } from './scenarios/more-http.ts';
import { MESH_CONFIG } from './scenarios/mesh-config.ts';
import { LOCALITY } from './scenarios/locality.ts';
import { OWN_ANSWERS } from './scenarios/own-answers.ts';
import { PROTOCOLS } from './scenarios/protocols.ts';
import { SERVICE_ENTRY } from './scenarios/service-entry.ts';
import { SIDECAR } from './scenarios/sidecar.ts';
import { WASM } from './scenarios/wasm.ts';
import { RETRIES, STEERING, TIMEOUTS } from './scenarios/retries.ts';

export const SCENARIOS: readonly Scenario[] = [
  ...HTTP_MATCH, ...REDIRECTS, ...DIRECT_RESPONSES, ...REWRITES, ...HEADERS, ...ROUTES, ...DELEGATES, ...FAULTS, ...MIRRORS, ...CORS, ...RETRIES, ...TIMEOUTS, ...STEERING, ...L4_ROUTES, ...CLAIMS,
  ...GATEWAY, ...OWN_ANSWERS, ...PROTOCOLS, ...EDGES, ...DESTINATION_RULES, ...LOCALITY, ...SERVICE_ENTRY, ...SIDECAR, ...HEADLESS, ...DELIVERY_SCENARIOS,
  ...MESH_CONFIG, ...ENVOY_FILTERS, ...WASM,
];
