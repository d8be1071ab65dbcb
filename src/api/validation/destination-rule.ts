/** DestinationRule. Istio: validation.ValidateDestinationRule. */
import type { DestinationRule } from '../destination-rule.ts';
import type { Issue } from '../issue.ts';
import { isDnsLabel } from './names.ts';
import { duplicates, eachItem, Report } from './report.ts';
import { checkTrafficPolicy } from './traffic-policy.ts';
import { checkExportTo, checkLabels, hostProblem } from './values.ts';

export function validateDestinationRule(object: DestinationRule): Issue[] {
  const report = new Report();
  const { spec } = object;
  if (!spec) {
    report.error('is missing: host, subsets and trafficPolicy of a DestinationRule belong under spec');
    return report.issues;
  }
  report.at('host').refuse(hostProblem(spec.host ?? ''));
  if (spec.trafficPolicy) checkTrafficPolicy(report.at('trafficPolicy'), spec.trafficPolicy);
  const subsets = spec.subsets ?? [];
  eachItem(report.at('subsets'), subsets, (at, subset) => {
    if (!isDnsLabel(subset.name ?? '')) at.at('name').error(`subset name ${JSON.stringify(subset.name ?? '')} is invalid: lower-case letters, digits and hyphens, such as v1`);
    if (spec.host !== '*' && Object.keys(subset.labels ?? {}).length === 0 && !subset.trafficPolicy) at.warning('has no labels, so it stands for all pods of the service');
    checkLabels(at.at('labels'), subset.labels);
    if (subset.trafficPolicy) checkTrafficPolicy(at.at('trafficPolicy'), subset.trafficPolicy);
  });
  for (const { index, key } of duplicates(subsets, ({ name }) => name)) report.at('subsets', index, 'name').error(`duplicate subset ${key}`);
  checkExportTo(report.at('exportTo'), spec.exportTo);
  checkLabels(report.at('workloadSelector', 'matchLabels'), spec.workloadSelector?.matchLabels);
  return report.issues;
}
