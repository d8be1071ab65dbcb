/** Cluster addresses and node ports of Services: taken when one is written, free again when it goes.
 * Kubernetes: registry/core/service. Which are taken is read from the stored Services, so nothing can drift apart. */
import type { Service } from 'kubernetes-types/core/v1.d.ts';
import { parseAddress, parseCidr } from '../../../base/cidr.ts';
import { objectKey } from '../../../kube/object.ts';
import { forbiddenField, invalid, invalidObject, type FieldError } from '../status.ts';
import type { Store } from '../storage/store.ts';
import type { WriteHooks } from './deps.ts';

export interface AllocationOptions {
  /** `10.96.0.0/12` */
  serviceCidr: string;
  nodePorts: { first: number; last: number };
  random: () => number;
}

const SERVICES = { group: '', plural: 'services', kind: 'Service' };
/** The first addresses of the range are left to those who name theirs: the API itself, cluster DNS. */
const RESERVED = 16;

export function serviceAllocation(store: Store, options: AllocationOptions): WriteHooks {
  const range = parseRange(options.serviceCidr);
  /** Between the reservation and the commit nobody else may take the same. */
  const pending = new Map<string, string>();
  const owners = (ofService: (service: Service) => string[]) => {
    const taken = new Map<string, string>();
    for (const { object } of store.entries('/services')) for (const value of ofService(object as Service)) taken.set(value, objectKey(object));
    for (const [value, key] of pending) taken.set(value, key);
    return taken;
  };
  return {
    reserve(object, old) {
      const reserved: string[] = [];
      const release = () => reserved.forEach((value) => pending.delete(value));
      const key = objectKey(object);
      const take = (value: string) => {
        pending.set(value, key);
        reserved.push(value);
      };
      const errors = [...reserveAddress(object as Service, { owners, range, take, key }), ...reservePorts(object as Service, old as Service | undefined, { owners, options, take, key })];
      if (errors.length > 0) {
        release();
        throw invalidObject(SERVICES, object.metadata?.name ?? '', errors);
      }
      return release;
    },
    changed(object, old) {
      const key = objectKey(object ?? old ?? {});
      for (const [value, owner] of pending) if (owner === key) pending.delete(value);
    },
  };
}

interface Reservation {
  owners: (of: (service: Service) => string[]) => Map<string, string>;
  take: (value: string) => void;
  key: string;
}

const addressesOf = ({ spec }: Service): string[] => [spec?.clusterIP ?? '', ...(spec?.clusterIPs ?? [])].filter((ip) => ip !== '' && ip !== 'None');

function reserveAddress(service: Service, by: Reservation & { range: Range }): FieldError[] {
  const { spec } = service;
  if (!spec) return [];
  if (spec.type === 'ExternalName') {
    delete spec.clusterIP;
    delete spec.clusterIPs;
    return [];
  }
  const wanted = spec.clusterIP || spec.clusterIPs?.[0] || '';
  if (wanted === '') {
    const taken = by.owners(addressesOf);
    const free = firstFree(by.range, taken);
    if (free === undefined) return [invalid('spec.clusterIPs', [], 'failed to allocate IP: range is full')];
    spec.clusterIP = free;
  } else {
    spec.clusterIP = wanted;
    const owner = wanted === 'None' ? undefined : by.owners(addressesOf).get(wanted);
    if (owner !== undefined && owner !== by.key) return [invalid('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: provided IP is already allocated`)];
    if (wanted !== 'None' && !inRange(by.range, wanted)) return [invalid('spec.clusterIPs', [wanted], `failed to allocate IP ${wanted}: the provided IP (${wanted}) is not in the valid range. The range of valid IPs is ${by.range.text}`)];
  }
  spec.clusterIPs = [spec.clusterIP];
  if (spec.clusterIP !== 'None') by.take(spec.clusterIP);
  return [];
}

const portsOf = ({ spec }: Service): string[] => (spec?.ports ?? []).filter((p) => p.nodePort).map((p) => `${p.protocol ?? 'TCP'}:${p.nodePort}`);

function reservePorts(service: Service, old: Service | undefined, by: Reservation & { options: AllocationOptions }): FieldError[] {
  const { spec } = service;
  const wantsPorts = spec?.type === 'NodePort' || (spec?.type === 'LoadBalancer' && spec.allocateLoadBalancerNodePorts !== false);
  if (!spec || !wantsPorts) {
    for (const port of spec?.ports ?? []) {
      if (!port.nodePort) continue;
      if (old) delete port.nodePort; // left over from the type before
      else return [forbiddenField('spec.ports[0].nodePort', "may not be used when `type` is 'ClusterIP'")];
    }
    return [];
  }
  const taken = by.owners(portsOf);
  const { first, last } = by.options.nodePorts;
  for (const [i, port] of (spec.ports ?? []).entries()) {
    const before = old?.spec?.ports?.find((p) => p.port === port.port && p.protocol === port.protocol)?.nodePort;
    if (!port.nodePort && before) port.nodePort = before;
    if (!port.nodePort) port.nodePort = freePort(taken, port.protocol ?? 'TCP', by.options);
    if (!port.nodePort || port.nodePort < first || port.nodePort > last) return [invalid(`spec.ports[${i}].nodePort`, port.nodePort, `provided port is not in the valid range. The range of valid ports is ${first}-${last}`)];
    const id = `${port.protocol ?? 'TCP'}:${port.nodePort}`;
    const owner = taken.get(id);
    if (owner !== undefined && owner !== by.key) return [invalid(`spec.ports[${i}].nodePort`, port.nodePort, 'provided port is already allocated')];
    taken.set(id, by.key);
    by.take(id);
  }
  return [];
}

function freePort(taken: ReadonlyMap<string, string>, protocol: string, { nodePorts, random }: AllocationOptions): number | undefined {
  const size = nodePorts.last - nodePorts.first + 1;
  const start = Math.floor(random() * size);
  for (let i = 0; i < size; i++) {
    const port = nodePorts.first + ((start + i) % size);
    if (!taken.has(`${protocol}:${port}`)) return port;
  }
  return undefined;
}

interface Range {
  base: number;
  size: number;
  text: string;
}

function parseRange(text: string): Range {
  const cidr = parseCidr(text);
  if (!cidr || cidr.address.length !== 4) throw new TypeError(`${text} is no IPv4 range for services`);
  return { base: numberOf(cidr.address), size: 2 ** (32 - cidr.prefix), text };
}

const numberOf = (address: Uint8Array): number => address.reduce((value, byte) => value * 256 + byte, 0);
const textOf = (value: number): string => [24, 16, 8, 0].map((shift) => Math.floor(value / 2 ** shift) % 256).join('.');

function inRange(range: Range, text: string): boolean {
  const address = parseAddress(text);
  if (!address || address.length !== 4) return false;
  const value = numberOf(address);
  return value > range.base && value < range.base + range.size - 1;
}

function firstFree(range: Range, taken: ReadonlyMap<string, string>): string | undefined {
  for (let i = Math.min(RESERVED, range.size / 2); i < range.size - 1; i++) {
    const text = textOf(range.base + i);
    if (!taken.has(text)) return text;
  }
  return undefined;
}
