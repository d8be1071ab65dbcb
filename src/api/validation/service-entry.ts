/** ServiceEntry. Istio: validation.ValidateServiceEntry. */
import { parseAddress } from '../../base/cidr.ts';
import type { Issue } from '../issue.ts';
import type { ServiceEntry, ServiceEntrySpec } from '../service-entry.ts';
import { duplicates, eachItem, Report } from './report.ts';
import { checkExportTo, checkLabels, hostProblem, portProblem, protocolProblem, rangeProblem } from './values.ts';
import { checkWorkload } from './workload.ts';

/** Of all endpoints together. Envoy: 32 bits. */
const MAX_WEIGHTS = 4_294_967_295;

export function validateServiceEntry(object: ServiceEntry): Issue[] {
  const report = new Report();
  const { spec } = object;
  if (!spec) {
    report.error('is missing: hosts, ports and resolution of a ServiceEntry belong under spec');
    return report.issues;
  }
  if ((spec.hosts ?? []).length === 0) report.at('hosts').error('service entry must have at least one host');
  eachItem(report.at('hosts'), spec.hosts, (at, host) => at.refuse(host === '*' ? 'invalid host *: a full wildcard would take all traffic; name the hosts, or use *.example.com' : hostProblem(host)));
  eachItem(report.at('addresses'), spec.addresses, (at, range) => at.refuse(rangeProblem(range)));
  checkPorts(report.at('ports'), spec);
  checkResolution(report, spec);
  eachItem(report.at('endpoints'), spec.endpoints, (at, endpoint) => {
    checkWorkload(at, endpoint);
    for (const name of Object.keys(endpoint.ports ?? {})) if (!(spec.ports ?? []).some((port) => port.name === name)) at.at('ports', name).error(`there is no port named ${name} in spec.ports`);
  });
  const total = (spec.endpoints ?? []).reduce((sum, { weight = 0 }) => sum + weight, 0);
  if (total > MAX_WEIGHTS) report.at('endpoints').error(`the weights add up to ${total}, more than ${MAX_WEIGHTS}: make them smaller, only their ratio counts`);
  checkLabels(report.at('workloadSelector', 'labels'), spec.workloadSelector?.labels);
  checkExportTo(report.at('exportTo'), spec.exportTo);
  return report.issues;
}

function checkPorts(report: Report, spec: ServiceEntrySpec): void {
  const ports = spec.ports ?? [];
  if (ports.length === 0) report.warning('is empty: no port of the service can be reached');
  eachItem(report, ports, (at, port) => {
    at.at('number').refuse(portProblem(port.number));
    if (port.targetPort !== undefined) at.at('targetPort').refuse(portProblem(port.targetPort));
    if ((port.protocol ?? '') !== '') at.at('protocol').refuse(protocolProblem(port.protocol ?? ''));
  });
  for (const { index, key } of duplicates(ports, ({ name }) => name)) report.at(index, 'name').error(`service entry port name ${JSON.stringify(key)} already defined`);
  for (const { index, key } of duplicates(ports, ({ number }) => String(number))) report.at(index, 'number').error(`service entry port ${key} already defined`);
}

/** sockaddr_un, with its terminating NUL. */
const MAX_SOCKET_PATH = 107;

const socketProblem = (path: string): string | undefined => (Buffer.byteLength(path) > MAX_SOCKET_PATH ? `the path of a Unix socket may be ${MAX_SOCKET_PATH} bytes long, this one has ${Buffer.byteLength(path)}` : undefined);

function staticProblem(address: string): string | undefined {
  if (address.includes('%')) return `${JSON.stringify(address)} names an interface of one machine; addresses of endpoints have none`;
  return address === '' || parseAddress(address) ? undefined : `${JSON.stringify(address)} is not an IP address, as resolution STATIC needs; use DNS for names`;
}

function checkResolution(report: Report, spec: ServiceEntrySpec): void {
  const endpoints = spec.endpoints ?? [];
  const resolution = spec.resolution ?? 'NONE';
  const isWild = (spec.hosts ?? []).some((host) => host.startsWith('*'));
  if (endpoints.length > 0 && spec.workloadSelector) report.error('only one of WorkloadSelector or Endpoints can be set');
  if (resolution === 'NONE') {
    if (endpoints.length > 0) report.at('endpoints').error('no endpoints should be provided for resolution type none');
    if (spec.workloadSelector) report.at('workloadSelector').error('cannot be set with resolution NONE; use STATIC');
  } else if (resolution === 'STATIC') {
    eachItem(report.at('endpoints'), endpoints, (at, { address = '' }) => {
      at.at('address').refuse(address.startsWith('unix://') ? socketProblem(address.slice('unix://'.length)) : staticProblem(address));
    });
  } else {
    if (isWild && resolution !== 'DYNAMIC_DNS' && endpoints.length === 0) report.at('hosts').error(`a wildcard host cannot be resolved by ${resolution}; give endpoints, use NONE, or name the hosts`);
    if ((spec.addresses ?? []).some((range) => range.includes('/'))) report.at('addresses').error('CIDR addresses are allowed only for NONE/STATIC resolution types');
    if (resolution === 'DNS_ROUND_ROBIN' && endpoints.length > 1) report.at('endpoints').error(`there must only be 0 or 1 endpoint for resolution mode ${resolution}`);
  }
}
