/** References to services and their subsets. */
import type { Destination } from '../common/destination.ts';
import type { ValidationContext } from './context.ts';
import { qualifyHost } from './names.ts';
import type { Report } from './report.ts';
import { destinationHostProblem, portProblem } from './values.ts';

export interface Scope {
  readonly namespace: string;
  readonly context: ValidationContext;
}

export function checkDestination(report: Report, destination: Destination | undefined, scope: Scope): void {
  if (!destination) return report.error('is required');
  report.at('host').refuse(destinationHostProblem(destination.host ?? ''));
  if (destination.port !== undefined) report.at('port', 'number').refuse(portProblem(destination.port.number));
  if (destination.subset !== undefined) checkSubset(report.at('subset'), destination, scope);
}

/** A rule for the host that lacks the subset is a mistake; no rule at all may only mean that it comes next. */
function checkSubset(report: Report, { host, subset = '' }: Destination, { namespace, context }: Scope): void {
  if (subset === '') return report.error('must not be empty; leave it out for all versions of the service');
  const fqdn = qualifyHost(host, namespace, context.clusterDomain);
  const rules = context.destinationRules(fqdn);
  if (rules === undefined) return;
  const known = rules.flatMap((rule) => rule.spec?.subsets ?? []).map(({ name }) => name);
  if (known.includes(subset)) return;
  if (rules.length === 0) return report.warning(`subset ${JSON.stringify(subset)} is not there yet: no DestinationRule for ${fqdn} exists, and requests for it are answered with 503 until one defines it`);
  const names = rules.map((rule) => `${rule.metadata?.namespace ?? namespace}/${rule.metadata?.name}`).join(', ');
  report.error(`subset ${JSON.stringify(subset)} not found: DestinationRule ${names} for ${fqdn} has ${known.length === 0 ? 'no subsets' : `only ${known.join(', ')}`}`);
}
