/** What a DestinationRule sets about the way to a service. */
import type { ConnectionPool } from '../common/connection-pool.ts';
import type { LoadBalancer, LocalityLb } from '../common/load-balancer.ts';
import type { ClientTls, OutlierDetection, TrafficPolicy } from '../common/traffic-policy.ts';
import { duplicates, eachItem, type Report } from './report.ts';
import { checkDuration, destinationHostProblem, headerNameProblem, lineProblem, percentProblem, portProblem, sniProblem } from './values.ts';

export function checkTrafficPolicy(report: Report, policy: TrafficPolicy): void {
  checkBlocks(report, policy);
  const settings = policy.portLevelSettings ?? [];
  eachItem(report.at('portLevelSettings'), settings, (at, setting) => {
    at.at('port', 'number').refuse(portProblem(setting.port?.number));
    checkBlocks(at, setting);
  });
  for (const { index, key } of duplicates(settings, ({ port }) => (port?.number === undefined ? undefined : String(port.number)))) report.at('portLevelSettings', index, 'port').error(`port ${key} has settings already`);
  if (policy.tunnel) {
    const at = report.at('tunnel');
    if (policy.tunnel.protocol !== undefined && !['CONNECT', 'POST'].includes(policy.tunnel.protocol)) at.at('protocol').error('must be CONNECT or POST');
    at.at('targetHost').refuse(destinationHostProblem(policy.tunnel.targetHost));
    at.at('targetPort').refuse(portProblem(policy.tunnel.targetPort));
  }
}

type Blocks = Pick<TrafficPolicy, 'loadBalancer' | 'connectionPool' | 'outlierDetection' | 'tls'>;

function checkBlocks(report: Report, blocks: Blocks): void {
  if (blocks.loadBalancer) checkLoadBalancer(report.at('loadBalancer'), blocks.loadBalancer);
  if (blocks.connectionPool) checkConnectionPool(report.at('connectionPool'), blocks.connectionPool);
  if (blocks.outlierDetection) checkOutlierDetection(report.at('outlierDetection'), blocks.outlierDetection);
  if (blocks.tls) checkClientTls(report.at('tls'), blocks.tls);
}

/** Numbers that count things: 0 means the default. */
function checkCounts(report: Report, values: Readonly<Record<string, unknown>>, fields: readonly string[]): void {
  for (const field of fields) {
    const value = values[field];
    if (typeof value === 'number' && value < 0) report.at(field).error(`must not be negative, but is ${value}`);
  }
}

export function checkConnectionPool(report: Report, pool: ConnectionPool): void {
  const { http, tcp } = pool;
  if (!http && !tcp) report.error('connection pool must have at least one field: http or tcp');
  if (http) {
    const at = report.at('http');
    checkCounts(at, http, ['http1MaxPendingRequests', 'http2MaxRequests', 'maxRequestsPerConnection', 'maxRetries', 'maxConcurrentStreams']);
    checkDuration(at.at('idleTimeout'), http.idleTimeout);
    if (http.h2UpgradePolicy === 'UPGRADE' && http.useClientProtocol) at.error('use client protocol must not be true when H2UpgradePolicy is UPGRADE');
  }
  if (!tcp) return;
  const at = report.at('tcp');
  checkCounts(at, tcp, ['maxConnections']);
  checkDuration(at.at('connectTimeout'), tcp.connectTimeout);
  checkDuration(at.at('maxConnectionDuration'), tcp.maxConnectionDuration);
  checkDuration(at.at('idleTimeout'), tcp.idleTimeout, 0);
}

function checkOutlierDetection(report: Report, outlier: OutlierDetection): void {
  checkDuration(report.at('interval'), outlier.interval);
  checkDuration(report.at('baseEjectionTime'), outlier.baseEjectionTime);
  for (const field of ['maxEjectionPercent', 'minHealthPercent'] as const) if (outlier[field] !== undefined) report.at(field).refuse(percentProblem(outlier[field]));
  if (outlier.consecutiveErrors !== undefined) report.at('consecutiveErrors').warning('is deprecated; use consecutive5xxErrors or consecutiveGatewayErrors');
  if (outlier.consecutiveLocalOriginFailures && !outlier.splitExternalLocalOriginErrors) report.at('consecutiveLocalOriginFailures').error('needs splitExternalLocalOriginErrors: true');
}

function checkLoadBalancer(report: Report, balancer: LoadBalancer): void {
  const { consistentHash: hash, localityLbSetting, simple } = balancer;
  if (simple === 'LEAST_CONN') report.at('simple').warning('LEAST_CONN is the old name of LEAST_REQUEST');
  checkDuration(report.at('warmupDurationSecs'), balancer.warmupDurationSecs);
  if (balancer.warmup && balancer.warmupDurationSecs !== undefined) report.error('has warmup and warmupDurationSecs, of which it can have only one');
  if (balancer.warmup && simple !== undefined && !['ROUND_ROBIN', 'LEAST_REQUEST', 'LEAST_CONN', 'UNSPECIFIED'].includes(simple)) report.at('warmup').error(`has no effect with ${simple}; use ROUND_ROBIN or LEAST_REQUEST`);
  if (hash) {
    const at = report.at('consistentHash');
    const keys = [hash.httpHeaderName, hash.httpCookie, hash.useSourceIp, hash.httpQueryParameterName];
    if (keys.every((key) => key === undefined || key === '' || key === false)) at.error('needs what to hash: one of httpHeaderName, httpCookie, useSourceIp, httpQueryParameterName');
    if (hash.httpHeaderName) at.at('httpHeaderName').refuse(headerNameProblem(hash.httpHeaderName));
    if (hash.httpCookie) {
      eachItem(at.at('httpCookie', 'attributes'), hash.httpCookie.attributes, (attributeAt, { name, value = '' }) => {
        attributeAt.at('name').refuse(name === '' ? 'must not be empty' : lineProblem(name));
        attributeAt.at('value').refuse(lineProblem(value));
      });
      if (hash.httpCookie.name === '') at.at('httpCookie', 'name').error('must not be empty');
      if (hash.httpCookie.ttl !== undefined) checkDuration(at.at('httpCookie', 'ttl'), hash.httpCookie.ttl, 0);
    }
    const ringSize = hash.ringHash?.minimumRingSize ?? hash.minimumRingSize;
    if (ringSize !== undefined && ringSize > 8_388_608) at.at(...(hash.ringHash ? ['ringHash', 'minimumRingSize'] : ['minimumRingSize'])).error('must be 8388608 or less');
    if (hash.maglev?.tableSize !== undefined && !isPrime(hash.maglev.tableSize)) at.at('maglev', 'tableSize').error(`tableSize must be a prime number, ${hash.maglev.tableSize} is none`);
    if (hash.maglev?.tableSize !== undefined && hash.maglev.tableSize > 5_000_011) at.at('maglev', 'tableSize').error('must be 5000011 or less');
  }
  if (localityLbSetting) checkLocality(report.at('localityLbSetting'), localityLbSetting);
}

function checkLocality(report: Report, locality: LocalityLb): void {
  const ways = [locality.distribute, locality.failover].filter((list) => (list ?? []).length > 0).length + ((locality.failoverPriority ?? []).length > 0 && (locality.distribute ?? []).length > 0 ? 1 : 0);
  if (ways > 1) report.error('can have either distribute, or failover and failoverPriority');
  eachItem(report.at('distribute'), locality.distribute, (at, { to = {} }) => {
    const total = Object.values(to).reduce((sum, share) => sum + share, 0);
    if (total !== 100) at.at('to').error(`total locality weight ${total} != 100`);
    for (const [name, share] of Object.entries(to)) if (share === 0) at.at('to', name).error('locality weight must be in range [1, 100]');
  });
  eachItem(report.at('failover'), locality.failover, (at, { from = '', to = '' }) => {
    if (from === '' || to === '') at.error('needs from and to');
    else if (from === to) at.error('locality lb failover settings must specify different regions');
    if (from.includes('/') || from.includes('*') || to.includes('/') || to.includes('*')) at.error('from and to are regions, without zone and wildcard');
  });
}

export function checkClientTls(report: Report, tls: ClientTls): void {
  const has = (field: 'clientCertificate' | 'privateKey' | 'caCertificates' | 'credentialName' | 'caCrl') => (tls[field] ?? '') !== '';
  report.at('sni').refuse(sniProblem(tls.sni ?? ''));
  const files = (['clientCertificate', 'privateKey', 'caCertificates'] as const).filter(has);
  if (tls.mode === 'ISTIO_MUTUAL') {
    for (const field of [...files, ...(has('credentialName') ? ['credentialName'] : [])]) report.at(field).error('cannot be set with ISTIO_MUTUAL: the mesh makes the certificates');
    return;
  }
  if (tls.mode === 'MUTUAL') {
    if (has('credentialName')) {
      for (const field of files) report.at(field).error('cannot be set together with credentialName');
    } else {
      if (!has('clientCertificate')) report.at('clientCertificate').error('client certificate required for mutual tls (or credentialName)');
      if (!has('privateKey')) report.at('privateKey').error('private key required for mutual tls (or credentialName)');
    }
  }
  if (tls.mode === 'DISABLE' && (files.length > 0 || has('credentialName'))) report.error('has certificates although the mode is DISABLE');
}

function isPrime(number: number): boolean {
  if (!Number.isInteger(number) || number < 2) return false;
  for (let divisor = 2; divisor * divisor <= number; divisor++) if (number % divisor === 0) return false;
  return true;
}
