/** AuthorizationPolicy. Istio: validation.ValidateAuthorizationPolicy. */
import type { AuthorizationPolicy, AuthorizationRule, Operation, Source } from '../authorization-policy.ts';
import type { Issue } from '../issue.ts';
import { eachItem, Report } from './report.ts';
import { checkLabels, portProblem, rangeProblem } from './values.ts';

/** Keys of conditions, those with a name in brackets by their beginning. Istio: AuthorizationPolicy conditions. */
const KEYS = ['source.ip', 'remote.ip', 'source.namespace', 'source.principal', 'source.serviceAccount', 'request.auth.principal', 'request.auth.audiences', 'request.auth.presenter', 'destination.ip', 'destination.port', 'connection.sni'];
const BRACKETED = /^(request\.headers\[:?[!#$%&'*+.^_`|~0-9A-Za-z-]+\]|request\.auth\.claims(\[[^\]]+\])+|experimental\.envoy\.filters\.[^[\n]+\[.+\])$/;

export function validateAuthorizationPolicy(object: AuthorizationPolicy): Issue[] {
  const report = new Report();
  const { spec } = object;
  checkLabels(report.at('selector', 'matchLabels'), spec?.selector?.matchLabels);
  const action = spec?.action ?? 'ALLOW';
  if (action === 'CUSTOM') {
    if ((spec?.provider?.name ?? '') === '') report.at('provider', 'name').error('CUSTOM action requires the name of a provider: one of meshConfig.extensionProviders');
    if (!spec?.rules) report.at('rules').warning('is missing: the provider is asked about nothing; one empty rule, - {}, means every request');
  } else if (spec?.provider) report.at('provider').error(`provider must not be with non CUSTOM action, but the action is ${action}`);
  if (action === 'DENY' && (spec?.rules ?? []).length === 0) report.at('rules').warning('is empty: a DENY policy without rules denies nothing; one empty rule, - {}, denies everything');
  eachItem(report.at('rules'), spec?.rules, (at, rule) => checkRule(at, rule ?? {}));
  return report.issues;
}

function checkRule(report: Report, rule: AuthorizationRule): void {
  for (const part of ['from', 'to', 'when'] as const) if (rule[part]?.length === 0) report.at(part).error(`'${part}' cannot be empty; leave it out to match everything`);
  eachItem(report.at('from'), rule.from, (at, { source }) => {
    if (!source || Object.keys(source).length === 0) return at.at('source').error('`from.source` cannot be empty');
    checkSource(at.at('source'), source);
  });
  eachItem(report.at('to'), rule.to, (at, { operation }) => {
    if (!operation || Object.keys(operation).length === 0) return at.at('operation').error('`to.operation` cannot be empty');
    checkOperation(at.at('operation'), operation);
  });
  eachItem(report.at('when'), rule.when, (at, { key, values = [], notValues = [] }) => {
    if (!KEYS.includes(key) && !BRACKETED.test(key)) at.at('key').error(`unknown attribute ${JSON.stringify(key)}; known are ${KEYS.join(', ')}, request.headers[NAME], request.auth.claims[NAME] and experimental.envoy.filters.NAME[KEY]`);
    if (values.length + notValues.length === 0) at.error('at least one of `values` or `notValues` must be set');
    const problem = key.endsWith('.ip') ? rangeProblem : key === 'destination.port' ? portTextProblem : undefined;
    if (problem) for (const [field, list] of [['values', values], ['notValues', notValues]] as const) eachItem(at.at(field), list, (valueAt, value) => valueAt.refuse(problem(value)));
  });
}

function checkSource(report: Report, source: Source): void {
  for (const [field, values] of Object.entries(source)) checkTexts(report.at(field), values);
  for (const field of ['ipBlocks', 'notIpBlocks', 'remoteIpBlocks', 'notRemoteIpBlocks'] as const) eachItem(report.at(field), source[field], (at, range) => at.refuse(rangeProblem(range)));
  for (const field of ['serviceAccounts', 'notServiceAccounts'] as const) {
    eachItem(report.at(field), source[field], (at, account) => {
      if (account.split('/').length > 2) at.error(`${JSON.stringify(account)} must be written as account or namespace/account`);
    });
  }
  for (const field of ['principals', 'notPrincipals'] as const) {
    eachItem(report.at(field), source[field], (at, principal) => {
      if (principal.startsWith('spiffe://')) at.warning(`leave spiffe:// out: identities are written as ${principal.slice('spiffe://'.length)}`);
    });
  }
}

function checkOperation(report: Report, operation: Operation): void {
  for (const [field, values] of Object.entries(operation)) checkTexts(report.at(field), values);
  for (const field of ['ports', 'notPorts'] as const) eachItem(report.at(field), operation[field], (at, port) => at.refuse(portTextProblem(port)));
  for (const field of ['paths', 'notPaths'] as const) eachItem(report.at(field), operation[field], (at, path) => at.refuse(pathProblem(path)));
  for (const field of ['methods', 'notMethods'] as const) {
    eachItem(report.at(field), operation[field], (at, method) => {
      if (method !== method.toUpperCase()) at.warning(`methods are compared exactly, and clients send ${method.toUpperCase()}`);
    });
  }
}

function checkTexts(report: Report, values: readonly string[] | undefined): void {
  if (values?.length === 0) report.error('cannot be empty');
  eachItem(report, values, (at, value) => {
    if (value === '') at.error('must not be an empty text');
  });
}

const portTextProblem = (text: string) => (/^\d+$/.test(text) ? portProblem(Number(text)) : `port must be between 1-65535, not ${JSON.stringify(text)}`);

/** Of a template's segments, as Envoy takes them: it ends itself on others. */
const LITERAL = /^[A-Za-z0-9\-._~%!$&'()+,;=:@]+$/;
/** Envoy: UriTemplateMatchConfig.path_template. */
const MAX_TEMPLATE = 255;

/** Whole segments may be {*} (one) or {**} (any number, once and last of its kind). */
export function pathProblem(path: string): string | undefined {
  if (!path.includes('{') && !path.includes('}')) return undefined;
  const segments = path.split('/');
  const bad = segments.find((segment) => /[{}]/.test(segment) && segment !== '{*}' && segment !== '{**}');
  if (bad !== undefined) return `invalid path ${path}: a segment is {*}, {**} or a text without braces, not ${bad}`;
  if (path.replaceAll('{*}', '').replaceAll('{**}', '').includes('*')) return `invalid path ${path}: * cannot be mixed with {*} and {**}`;
  if (!path.startsWith('/')) return `invalid path ${path}: a path with {*} or {**} begins with /`;
  if (path.length > MAX_TEMPLATE) return `invalid path: one with {*} or {**} may be ${MAX_TEMPLATE} characters long, this one has ${path.length}`;
  // The first is before the path, and an empty last one is a slash at the end.
  const odd = segments.slice(1, path.endsWith('/') ? -1 : undefined).find((segment) => !segment.startsWith('{') && !LITERAL.test(segment));
  if (odd === '') return `invalid path ${path}: two slashes have nothing between them`;
  if (odd !== undefined) return `invalid path ${JSON.stringify(path)}: beside {*} and {**} a segment may have letters, digits and -._~%!$&'()+,;=:@, not ${JSON.stringify(odd)}`;
  const last = segments.indexOf('{**}');
  return last >= 0 && segments.slice(last + 1).some((segment) => segment.startsWith('{')) ? `invalid path ${path}: {**} is not the last operator` : undefined;
}
