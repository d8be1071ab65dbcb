/** EnvoyFilter. What may stand where follows Istio's validation. */
import type { ConfigPatch, EnvoyFilter, EnvoyFilterMatch } from '../envoy-filter.ts';
import type { Issue } from '../issue.ts';
import { NO_CONTEXT, type ValidationContext } from './context.ts';
import { eachItem, Report } from './report.ts';
import { checkLabels, regexProblem } from './values.ts';

export function validateEnvoyFilter(object: EnvoyFilter, context: ValidationContext = NO_CONTEXT): Issue[] {
  const report = new Report();
  checkLabels(report.at('workloadSelector', 'labels'), object.spec?.workloadSelector?.labels);
  eachItem(report.at('configPatches'), object.spec?.configPatches, (at, patch) => checkPatch(at, patch, context));
  return report.issues;
}

/** What each place matches on, when it matches on anything. */
const MATCHED_BY: Readonly<Record<string, 'listener' | 'routeConfiguration' | 'cluster'>> = {
  LISTENER: 'listener',
  FILTER_CHAIN: 'listener',
  NETWORK_FILTER: 'listener',
  HTTP_FILTER: 'listener',
  LISTENER_FILTER: 'listener',
  ROUTE_CONFIGURATION: 'routeConfiguration',
  VIRTUAL_HOST: 'routeConfiguration',
  HTTP_ROUTE: 'routeConfiguration',
  CLUSTER: 'cluster',
};

function checkPatch(report: Report, patch: ConfigPatch, { envoyValue }: ValidationContext): void {
  const { applyTo = 'INVALID', match } = patch;
  if (applyTo === 'INVALID') report.at('applyTo').error('missing applyTo');
  const { operation = 'INVALID', value } = patch.patch ?? {};
  if (operation === 'INVALID') report.at('patch', 'operation').error('missing patch operation');
  const at = report.at('patch', 'value');
  if (operation === 'REMOVE') {
    if (value !== undefined) at.warning('has no effect with REMOVE');
  } else if (value === undefined) at.error('missing patch value for non-remove operation');
  else if (applyTo !== 'INVALID') report.add(envoyValue?.(applyTo, value, at.path) ?? []);
  if (operation === 'ADD') checkName(at, applyTo, value);
  if (match) checkMatch(report.at('match'), applyTo, match);
}

/** What is added as a resource of its own is known by its name. */
function checkName(report: Report, applyTo: string, value: unknown): void {
  if (applyTo !== 'LISTENER' && applyTo !== 'CLUSTER' && applyTo !== 'EXTENSION_CONFIG') return;
  if (typeof value !== 'object' || value === null || !('name' in value) || value.name === '') report.at('name').error('is required: it is how what is added is known');
}

const MANAGERS: readonly string[] = ['envoy.filters.network.http_connection_manager', 'envoy.http_connection_manager'];

function checkMatch(report: Report, applyTo: string, match: EnvoyFilterMatch): void {
  const version = match.proxy?.proxyVersion ?? '';
  if (version !== '') report.at('proxy', 'proxyVersion').refuse(regexProblem(version));
  const wanted = MATCHED_BY[applyTo];
  for (const field of ['listener', 'routeConfiguration', 'cluster'] as const) {
    if (match[field] && wanted !== undefined && wanted !== field) report.at(field).error(`applyTo for ${applyTo} cannot have ${field} match; use ${wanted}`);
  }
  const { filter } = match.listener?.filterChain ?? {};
  if (!filter) return;
  const at = report.at('listener', 'filterChain', 'filter');
  if (applyTo === 'LISTENER' || applyTo === 'FILTER_CHAIN' || applyTo === 'LISTENER_FILTER') at.warning(`has no effect with applyTo ${applyTo}`);
  if (!filter.name) at.at('name').error('filter match has no name to match on');
  if (!filter.subFilter) return;
  if (applyTo !== 'HTTP_FILTER') at.at('subFilter').warning(`has no effect with applyTo ${applyTo}`);
  if (filter.name && !MANAGERS.includes(filter.name)) at.at('subFilter').error(`subfilter match requires filter match with ${MANAGERS[0]}`);
  if (!filter.subFilter.name) at.at('subFilter', 'name').error('subfilter match has no name to match on');
}
