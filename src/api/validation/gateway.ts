/** Gateway. Istio: validation.ValidateGateway. */
import type { Gateway, GatewayServer } from '../gateway.ts';
import type { Issue } from '../issue.ts';
import { isDnsLabel, wildcardHostProblem } from './names.ts';
import { duplicates, eachItem, Report } from './report.ts';
import { checkServerTls } from './server-tls.ts';
import { addressProblem, checkLabels, portProblem, protocolProblem } from './values.ts';

export function validateGateway(object: Gateway): Issue[] {
  const report = new Report();
  const { spec } = object;
  const servers = spec?.servers ?? [];
  if (servers.length === 0) report.at('servers').error('gateway must have at least one server');
  if (object.metadata?.name?.includes('.')) report.error('gateway names cannot contain dots');
  eachItem(report.at('servers'), servers, checkServer);
  for (const { index, key } of duplicates(servers, ({ port }) => port?.name)) report.at('servers', index, 'port', 'name').error(`port names in servers must be unique: duplicate name ${key}`);
  for (const { index, key } of duplicates(servers, ({ name }) => (name === '' ? undefined : name))) report.at('servers', index, 'name').error(`duplicate server name ${key}`);
  checkSamePorts(report.at('servers'), servers);
  checkLabels(report.at('selector'), spec?.selector);
  if (Object.keys(spec?.selector ?? {}).length === 0) report.at('selector').warning('is empty, so the object applies to every gateway of the mesh');
  return report.issues;
}

function checkServer(report: Report, server: GatewayServer): void {
  const { port, tls, hosts = [], bind } = server;
  report.at('port', 'number').refuse(portProblem(port?.number));
  report.at('port', 'protocol').refuse(protocolProblem(port?.protocol ?? ''));
  if ((port?.name ?? '') === '') report.at('port', 'name').error('is required');
  if (port?.targetPort !== undefined && port.targetPort !== 0) report.at('port', 'targetPort').warning('has no effect; the Service of the gateway says which port of the pod it is');
  if (hosts.length === 0) report.at('hosts').error('server config must contain at least one host');
  eachItem(report.at('hosts'), hosts, (at, host) => at.refuse(serverHostProblem(host)));
  if (bind !== undefined && bind !== '' && !bind.startsWith('unix://')) report.at('bind').refuse(addressProblem(bind));
  const protocol = (port?.protocol ?? '').toUpperCase();
  const isTls = protocol === 'HTTPS' || protocol === 'TLS';
  if (isTls && !tls) report.at('tls').error(`server must have TLS settings for HTTPS/TLS protocols (port ${port?.name ?? ''} is ${protocol})`);
  if (!tls) return;
  if (!isTls && protocol.startsWith('HTTP') && tls.mode !== undefined && tls.mode !== 'PASSTHROUGH' && !tls.httpsRedirect) report.at('tls').warning(`has no effect on a port of protocol ${protocol}; use HTTPS`);
  if (isTls && tls.httpsRedirect) report.at('tls', 'httpsRedirect').error('tls.httpsRedirect should only be used with http servers');
  if (isTls) checkServerTls(report.at('tls'), tls);
}

/** A host, after an optional namespace (or `*` or `.`) and a slash. */
function serverHostProblem(text: string): string | undefined {
  const parts = text.split('/');
  if (parts.length > 2) return `host ${JSON.stringify(text)} must be written as host or namespace/host`;
  const [namespace, host = ''] = parts.length === 2 ? parts : [undefined, parts[0]];
  if (namespace !== undefined && !['*', '.'].includes(namespace) && !isDnsLabel(namespace)) return `host ${JSON.stringify(text)}: ${JSON.stringify(namespace)} is not a namespace, * or .`;
  return wildcardHostProblem(host);
}

/** Servers share a port when they speak the same protocol and differ in their hosts. */
function checkSamePorts(report: Report, servers: readonly GatewayServer[]): void {
  const first = new Map<string, GatewayServer>();
  servers.forEach((server, index) => {
    const key = `${server.bind ?? ''}:${server.port?.number}`;
    const other = first.get(key);
    if (!other) return void first.set(key, server);
    const [mine, theirs] = [server, other].map(({ port }) => family(port?.protocol ?? ''));
    if (mine !== theirs) report.at(index, 'port', 'protocol').error(`port ${server.port?.number} is ${other.port?.protocol} already, and cannot be ${server.port?.protocol} too`);
  });
}

function family(protocol: string): string {
  const name = protocol.toUpperCase();
  if (name === 'HTTPS' || name === 'TLS') return 'tls';
  return ['HTTP', 'HTTP2', 'GRPC', 'GRPC-WEB'].includes(name) ? 'http' : name;
}
