/** What the cluster's DNS answers: Kubernetes DNS-Based Service Discovery, schema 1.1.0. Pure over a view of the objects. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import type { Endpoint, EndpointSlice } from 'kubernetes-types/discovery/v1.d.ts';
import { isIP } from 'node:net';
import { parseAddress } from '../../../base/cidr.ts';
import type { Stored } from '../../../kube/object.ts';
import { isReady } from '../service-table.ts';
import { RecordType, ResponseCode } from '../../../base/dns/message.ts';
import type { Answer, Question, RecordData, ResourceRecord } from '../../../base/dns/message.ts';

export interface ZoneView {
  readonly domain: string;
  service(namespace: string, name: string): Stored<Service> | undefined;
  slices(namespace: string, service: string): readonly Stored<EndpointSlice>[];
  hasNamespace(name: string): boolean;
  /** The service whose ClusterIP this is, or the endpoint that has this address, for reverse lookups. */
  reverse(ip: string): string | undefined;
}

/** Seconds, as CoreDNS' kubernetes plugin. */
const TTL = 5;
const MAX_CNAMES = 8;

interface Found {
  /** False: there is no such name at all (NXDOMAIN); with true, no records of the type asked for is NODATA. */
  readonly exists: boolean;
  readonly records: readonly RecordData[];
  readonly additional?: readonly ResourceRecord[];
}

const MISSING: Found = { exists: false, records: [] };
const EMPTY: Found = { exists: true, records: [] };

/** The answer for a question about the cluster's own zones; undefined when it is about somebody else's names. */
export function answerQuestion(view: ZoneView, question: Question): Answer | undefined {
  const zone = zoneOf(view, question.name);
  if (!zone) return undefined;
  const answers: ResourceRecord[] = [];
  let additional: readonly ResourceRecord[] = [];
  let name = question.name;
  let exists = true;
  for (let hops = 0; hops < MAX_CNAMES; hops++) {
    const found = lookup(view, name.toLowerCase());
    exists = found.exists;
    additional = found.additional ?? [];
    const alias = found.records.find((r) => r.type === 'CNAME');
    const wanted = alias && question.type !== RecordType.CNAME ? [alias] : found.records.filter((r) => matches(r, question.type));
    answers.push(...wanted.map((data) => ({ name, ttl: TTL, data })));
    if (!alias || alias.type !== 'CNAME' || question.type === RecordType.CNAME) break;
    // A target outside the cluster is left to the client: the alias alone is a whole answer.
    if (!zoneOf(view, alias.target)) return { code: ResponseCode.NoError, answers, authority: [], additional: [] };
    name = alias.target;
  }
  const authority: ResourceRecord[] = answers.length > 0 ? [] : [{ name: zone, ttl: TTL, data: { type: 'SOA', zone } }];
  return { code: exists ? ResponseCode.NoError : ResponseCode.NameError, answers, authority, additional: question.type === RecordType.SRV ? additional : [] };
}

function zoneOf(view: ZoneView, asked: string): string | undefined {
  const name = asked.toLowerCase();
  return [view.domain, 'in-addr.arpa', 'ip6.arpa'].find((zone) => name === zone || name.endsWith(`.${zone}`));
}

const matches = (record: RecordData, type: number) => type === RecordType.ANY || RecordType[record.type] === type;

function lookup(view: ZoneView, name: string): Found {
  if (name.endsWith('.arpa')) return lookupReverse(view, name);
  if (name === view.domain) return EMPTY;
  const labels = name.slice(0, -view.domain.length - 1).split('.');
  const kind = labels.pop();
  if (kind === 'dns-version' && labels.length === 0) return { exists: true, records: [{ type: 'TXT', text: '1.1.0' }] };
  if (kind === 'ns' || kind === 'pod') return kind === 'pod' ? lookupPod(view, labels) : MISSING;
  if (kind !== 'svc') return MISSING;
  const namespace = labels.pop();
  if (namespace === undefined) return EMPTY;
  if (!view.hasNamespace(namespace)) return MISSING;
  const serviceName = labels.pop();
  if (serviceName === undefined) return EMPTY;
  const service = view.service(namespace, serviceName);
  return service ? lookupService(view, service, labels) : MISSING;
}

function lookupService(view: ZoneView, service: Stored<Service>, labels: readonly string[]): Found {
  const { spec } = service;
  if (spec?.type === 'ExternalName') return labels.length === 0 && spec.externalName ? { exists: true, records: externalName(spec.externalName) } : MISSING;
  const host = `${service.metadata.name}.${service.metadata.namespace}.svc.${view.domain}`;
  const endpoints = spec?.clusterIP === 'None' ? headlessEndpoints(view, service) : undefined;
  if (labels.length === 0) {
    const addresses = endpoints ? endpoints.map((e) => e.ip) : (spec?.clusterIPs ?? [spec?.clusterIP ?? '']);
    // A headless service with nobody ready has no name, as in CoreDNS: callers fail at once instead of getting nothing.
    if (endpoints?.length === 0) return MISSING;
    return { exists: true, records: [...addressRecords(addresses), ...allPorts(service, host, endpoints)] };
  }
  if (labels.length === 1 && endpoints) {
    const ips = endpoints.filter((e) => e.host === labels[0]).map((e) => e.ip);
    return ips.length > 0 ? { exists: true, records: addressRecords(ips) } : MISSING;
  }
  const [port, protocol] = labels;
  if (labels.length === 2 && port?.startsWith('_') && protocol?.startsWith('_')) return lookupPort(service, { host, endpoints, port: port.slice(1), protocol: protocol.slice(1) });
  return MISSING;
}

interface HeadlessEndpoint {
  readonly ip: string;
  /** First label of its own name: the pod's hostname, else its address with dashes. */
  readonly host: string;
  readonly ports: ReadonlyMap<string, number>;
}

function headlessEndpoints(view: ZoneView, service: Stored<Service>): HeadlessEndpoint[] {
  const seen = new Map<string, HeadlessEndpoint>();
  for (const slice of view.slices(service.metadata.namespace ?? '', service.metadata.name)) {
    const ports = new Map((slice.ports ?? []).map((p) => [`${p.name ?? ''}/${(p.protocol ?? 'TCP').toLowerCase()}`, p.port ?? 0]));
    for (const endpoint of slice.endpoints ?? []) {
      if (!isReady(endpoint) && service.spec?.publishNotReadyAddresses !== true) continue;
      for (const ip of endpoint.addresses) seen.set(ip, { ip, host: endpointHost(endpoint, ip), ports });
    }
  }
  return [...seen.values()];
}

export const endpointHost = (endpoint: Endpoint, ip: string): string => endpoint.hostname?.toLowerCase() ?? ip.replaceAll('.', '-').replaceAll(':', '-');

function lookupPort(service: Stored<Service>, at: { host: string; endpoints: readonly HeadlessEndpoint[] | undefined; port: string; protocol: string }): Found {
  const key = `${at.port}/${at.protocol}`;
  if (!at.endpoints) {
    const port = service.spec?.ports?.find((p) => `${p.name ?? ''}/${(p.protocol ?? 'TCP').toLowerCase()}` === key);
    if (!port) return MISSING;
    const additional = addressRecords([service.spec?.clusterIP ?? '']).map((data) => ({ name: at.host, ttl: TTL, data }));
    return { exists: true, records: [srv(port.port, at.host)], additional };
  }
  const matching = at.endpoints.filter((e) => e.ports.has(key));
  if (matching.length === 0) return MISSING;
  return {
    exists: true,
    records: matching.map((e) => srv(e.ports.get(key) ?? 0, `${e.host}.${at.host}`)),
    additional: matching.flatMap((e) => addressRecords([e.ip]).map((data) => ({ name: `${e.host}.${at.host}`, ttl: TTL, data }))),
  };
}

/** An SRV question for the service itself is answered with all of its ports. */
function allPorts(service: Stored<Service>, host: string, endpoints: readonly HeadlessEndpoint[] | undefined): RecordData[] {
  if (!endpoints) return (service.spec?.ports ?? []).map((p) => srv(p.port, host));
  return endpoints.flatMap((e) => [...e.ports.values()].map((port) => srv(port, `${e.host}.${host}`)));
}

const srv = (port: number, target: string): RecordData => ({ type: 'SRV', priority: 0, weight: 100, port, target });

/** `10-244-0-5.default.pod.cluster.local` is that address, whoever has it (CoreDNS: pods insecure). */
function lookupPod(view: ZoneView, labels: readonly string[]): Found {
  const [dashed, namespace] = labels.length === 2 ? labels : [undefined, labels[0]];
  if (labels.length > 2) return MISSING;
  if (namespace === undefined) return EMPTY;
  if (!view.hasNamespace(namespace)) return MISSING;
  if (dashed === undefined) return EMPTY;
  const ip = dashed.replaceAll('-', '.');
  return isIP(ip) === 4 ? { exists: true, records: addressRecords([ip]) } : MISSING;
}

function lookupReverse(view: ZoneView, name: string): Found {
  if (name === 'in-addr.arpa' || !name.endsWith('.in-addr.arpa')) return MISSING;
  const octets = name.slice(0, -'.in-addr.arpa'.length).split('.');
  const target = octets.length === 4 ? view.reverse(octets.reverse().join('.')) : undefined;
  return target === undefined ? MISSING : { exists: true, records: [{ type: 'PTR', target }] };
}

/** An address as ExternalName is what Kubernetes warns about, yet answering it directly is what people mean. */
function externalName(target: string): RecordData[] {
  return isIP(target) === 0 ? [{ type: 'CNAME', target: target.replace(/\.$/, '') }] : addressRecords([target]);
}

function addressRecords(addresses: readonly string[]): RecordData[] {
  return addresses.flatMap((text): RecordData[] => {
    const address = parseAddress(text);
    return address ? [{ type: address.length === 4 ? 'A' : 'AAAA', address }] : [];
  });
}
