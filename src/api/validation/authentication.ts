/** PeerAuthentication and RequestAuthentication. */
import type { Issue } from '../issue.ts';
import type { PeerAuthentication } from '../peer-authentication.ts';
import type { JwtRule, RequestAuthentication } from '../request-authentication.ts';
import { eachItem, Report } from './report.ts';
import { checkDuration, checkLabels, headerNameProblem, lineProblem, portProblem } from './values.ts';

export function validatePeerAuthentication(object: PeerAuthentication): Issue[] {
  const report = new Report();
  const { spec } = object;
  const labels = spec?.selector?.matchLabels ?? {};
  checkLabels(report.at('selector', 'matchLabels'), labels);
  if (spec?.portLevelMtls !== undefined) {
    const at = report.at('portLevelMtls');
    if (Object.keys(labels).length === 0) at.error('portLevelMtls requires selector: ports are those of selected pods');
    if (Object.keys(spec.portLevelMtls).length === 0) at.error('port level mtls, if defined, must have at least one element');
    for (const port of Object.keys(spec.portLevelMtls)) at.at(port).refuse(portProblem(Number(port)));
  }
  return report.issues;
}

export function validateRequestAuthentication(object: RequestAuthentication): Issue[] {
  const report = new Report();
  const { spec } = object;
  checkLabels(report.at('selector', 'matchLabels'), spec?.selector?.matchLabels);
  eachItem(report.at('jwtRules'), spec?.jwtRules, checkJwtRule);
  return report.issues;
}

function checkJwtRule(report: Report, rule: JwtRule): void {
  if ((rule.issuer ?? '') === '') report.at('issuer').error('issuer must be set');
  const uri = rule.jwksUri ?? rule.jwks_uri;
  if (uri !== undefined && (!URL.canParse(uri) || !/^https?:$/.test(new URL(uri).protocol))) report.at('jwksUri').error(`${JSON.stringify(uri)} must be a URL with scheme http:// or https://`);
  if (uri !== undefined && rule.jwks !== undefined && rule.jwks !== '') report.error('only one of jwks or jwksUri can be set');
  if (rule.jwks !== undefined && rule.jwks !== '') checkJwks(report.at('jwks'), rule.jwks);
  eachItem(report.at('fromHeaders'), rule.fromHeaders, (at, { name, prefix = '' }) => {
    at.at('name').refuse(headerNameProblem(name));
    at.at('prefix').refuse(lineProblem(prefix));
  });
  eachItem(report.at('outputClaimToHeaders'), rule.outputClaimToHeaders, (at, { header }) => at.at('header').refuse(headerNameProblem(header)));
  if ((rule.outputPayloadToHeader ?? '') !== '') report.at('outputPayloadToHeader').refuse(headerNameProblem(rule.outputPayloadToHeader ?? ''));
  checkDuration(report.at('timeout'), rule.timeout);
}

/** True of a key that lacks the part: it is of another type. RFC 7518 §6.3. */
function isBase64Url(key: unknown, part: 'n' | 'e'): boolean {
  const value: unknown = typeof key === 'object' && key !== null ? Reflect.get(key, part) : undefined;
  return value === undefined || (typeof value === 'string' && /^[A-Za-z0-9_-]+={0,2}$/.test(value));
}

function checkJwks(report: Report, text: string): void {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value !== 'object' || value === null || !('keys' in value) || !Array.isArray(value.keys)) return report.error('must be a JSON Web Key Set: an object with a list keys');
    value.keys.forEach((key: unknown, index) => {
      for (const part of ['n', 'e'] as const) if (!isBase64Url(key, part)) report.error(`keys[${index}].${part} must be base64url, the letters, digits, - and _ of a number`);
    });
  } catch {
    report.error('parse jwks error: the value is not JSON');
  }
}
