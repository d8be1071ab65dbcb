/** WorkloadEntry and WorkloadGroup, and endpoints of ServiceEntries. */
import type { Issue } from '../issue.ts';
import type { WorkloadEntry, WorkloadEntrySpec } from '../workload-entry.ts';
import type { WorkloadGroup } from '../workload-group.ts';
import { parseAddress } from '../../base/cidr.ts';
import { fqdnProblem } from './names.ts';
import { Report } from './report.ts';
import { checkLabels, portProblem } from './values.ts';

export function validateWorkloadEntry(object: WorkloadEntry): Issue[] {
  const report = new Report();
  if (!object.spec) report.error('is missing: address, ports and labels of a WorkloadEntry belong under spec');
  else checkWorkload(report, object.spec);
  return report.issues;
}

export function validateWorkloadGroup(object: WorkloadGroup): Issue[] {
  const report = new Report();
  if (!object.spec?.template) report.at('template').error('template is required');
  checkLabels(report.at('metadata', 'labels'), object.spec?.metadata?.labels);
  checkLabels(report.at('template', 'labels'), object.spec?.template?.labels);
  for (const [name, port] of Object.entries(object.spec?.template?.ports ?? {})) report.at('template', 'ports', name).refuse(portProblem(port));
  const { httpGet, tcpSocket, grpc } = object.spec?.probe ?? {};
  for (const [name, method] of Object.entries({ httpGet, tcpSocket, grpc })) if (method?.port !== undefined) report.at('probe', name, 'port').refuse(portProblem(method.port));
  return report.issues;
}

/** An address of its own: IP, DNS name or socket; or a network alone. */
export function checkWorkload(report: Report, workload: WorkloadEntrySpec): void {
  const { address = '', ports = {} } = workload;
  if (address === '' && (workload.network ?? '') === '') report.at('address').error('Address is required');
  if (address !== '' && !address.startsWith('unix://') && !parseAddress(address)) report.at('address').refuse(fqdnProblem(address));
  if (address.startsWith('unix://') && Object.keys(ports).length > 0) report.at('ports').error('UDS may not include ports');
  for (const [name, port] of Object.entries(ports)) report.at('ports', name).refuse(portProblem(port));
  checkLabels(report.at('labels'), workload.labels);
}
