/** Sidecar. Istio: validation.ValidateSidecar. */
import { parseAddress } from '../../base/cidr.ts';
import type { Issue } from '../issue.ts';
import type { Sidecar, SidecarEgress, SidecarIngress } from '../sidecar.ts';
import { isDnsLabel, wildcardHostProblem } from './names.ts';
import { duplicates, eachItem, Report } from './report.ts';
import { checkServerTls } from './server-tls.ts';
import { checkConnectionPool } from './traffic-policy.ts';
import { addressProblem, checkLabels, portProblem, protocolProblem } from './values.ts';

/** Of egress listeners only: requests to an HTTP proxy, for services on any port. */
const HTTP_PROXY = 'HTTP_PROXY';

export function validateSidecar(object: Sidecar): Issue[] {
  const report = new Report();
  const { spec = {} } = object;
  checkLabels(report.at('workloadSelector', 'labels'), spec.workloadSelector?.labels);
  eachItem(report.at('ingress'), spec.ingress, checkIngress);
  for (const { index, key } of duplicates(spec.ingress ?? [], ({ port }) => (port?.number === undefined ? undefined : String(port.number)))) report.at('ingress', index, 'port').error(`sidecar: ports on IP bound listeners must be unique, ${key} is there already`);
  const egress = spec.egress ?? [];
  eachItem(report.at('egress'), egress, checkEgress);
  for (const { index } of duplicates(egress, ({ port, bind }) => (port === undefined && bind === undefined ? 'all' : undefined))) report.at('egress', index).error('sidecar: egress can have only one listener without port: put its hosts into the other one');
  if (spec.inboundConnectionPool) checkConnectionPool(report.at('inboundConnectionPool'), spec.inboundConnectionPool);
  return report.issues;
}

function checkIngress(report: Report, ingress: SidecarIngress): void {
  report.at('port', 'number').refuse(portProblem(ingress.port?.number));
  if ((ingress.port?.protocol ?? '') !== '') report.at('port', 'protocol').refuse(protocolProblem(ingress.port?.protocol ?? ''));
  if ((ingress.bind ?? '') !== '') report.at('bind').refuse(addressProblem(ingress.bind ?? ''));
  if (ingress.defaultEndpoint !== undefined && ingress.defaultEndpoint !== '') report.at('defaultEndpoint').refuse(endpointProblem(ingress.defaultEndpoint));
  if (ingress.tls) checkServerTls(report.at('tls'), ingress.tls);
  if (ingress.connectionPool) checkConnectionPool(report.at('connectionPool'), ingress.connectionPool);
}

function endpointProblem(endpoint: string): string | undefined {
  if (endpoint.startsWith('unix://')) return endpoint.length > 'unix://'.length ? undefined : 'unix:// needs a path';
  const split = endpoint.lastIndexOf(':');
  const host = endpoint.slice(0, split).replace(/^\[|\]$/g, '');
  const isOwn = ['127.0.0.1', '0.0.0.0', '::1', '::'].includes(host);
  if (split < 0 || !parseAddress(host) || !isOwn) return `sidecar: defaultEndpoint must be of form 127.0.0.1:<port>, 0.0.0.0:<port>, [::1]:<port>, or unix://path, not ${endpoint}`;
  return portProblem(Number(endpoint.slice(split + 1)));
}

function checkEgress(report: Report, egress: SidecarEgress): void {
  if (egress.port) {
    report.at('port', 'number').refuse(portProblem(egress.port.number));
    if ((egress.port.protocol ?? '') !== '' && egress.port.protocol?.toUpperCase() !== HTTP_PROXY) report.at('port', 'protocol').refuse(protocolProblem(egress.port.protocol ?? ''));
  }
  if ((egress.bind ?? '') !== '' && !egress.bind?.startsWith('unix://')) report.at('bind').refuse(addressProblem(egress.bind ?? ''));
  if (egress.bind && !egress.port && !egress.bind.startsWith('unix://')) report.at('bind').error('sidecar: egress with bind needs a port');
  if ((egress.hosts ?? []).length === 0) report.at('hosts').error('sidecar: egress must have at least one host');
  eachItem(report.at('hosts'), egress.hosts, (at, host) => at.refuse(egressHostProblem(host)));
}

function egressHostProblem(text: string): string | undefined {
  const [namespace = '', host, ...more] = text.split('/');
  if (host === undefined || more.length > 0) return `${JSON.stringify(text)} must be of form namespace/dnsName, such as ./* or default/reviews.default.svc.cluster.local`;
  if (!['*', '.', '~'].includes(namespace) && !isDnsLabel(namespace)) return `${JSON.stringify(text)}: ${JSON.stringify(namespace)} is not a namespace, *, . or ~`;
  return wildcardHostProblem(host);
}
