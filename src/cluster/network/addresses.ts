/** The address plan of a cluster, and handing out pod addresses. */
import { MeshError } from '../../base/errors.ts';

export const POD_CIDR = '10.244.0.0/16';
export const SERVICE_CIDR = '10.96.0.0/12';
/** Where the node's own services listen: the API server, cluster DNS behind its ClusterIP. */
export const NODE_ADDRESS = '10.244.0.1';
export const API_SERVICE_ADDRESS = '10.96.0.1';
export const DNS_SERVICE_ADDRESS = '10.96.0.10';
export const DNS_PORT = 53;
export const CLUSTER_DOMAIN = 'cluster.local';
/** What every pod has as its gateway; nobody owns it, a permanent neighbour entry answers for it. */
export const POD_GATEWAY = '169.254.1.1';
/** The host side of every pod's veth has this address, so that pods can be told it before the veth is made. */
export const GATEWAY_MAC = 'ee:ee:ee:ee:ee:ee';

const FIRST = 2;
const LAST = 0xfffe;

/** Pod addresses by number, 2 to 65534: `10.244.(n / 256).(n % 256)`. */
export const podAddress = (n: number): string => `10.244.${n >> 8}.${n & 0xff}`;
export const podMac = (n: number): string => `0a:58:0a:f4:${hex(n >> 8)}:${hex(n & 0xff)}`;

/** Hands out numbers round and round, so that an address that was let go is not taken again at once: connections and
 * caches that still mean its last holder fail instead of reaching a stranger. */
export class AddressPool {
  readonly #taken = new Set<number>();
  #next = FIRST;

  take(): number {
    for (let tries = FIRST; tries <= LAST; tries++) {
      const n = this.#next;
      this.#next = n >= LAST ? FIRST : n + 1;
      const low = n & 0xff;
      if (low === 0 || low === 0xff || this.#taken.has(n)) continue;
      this.#taken.add(n);
      return n;
    }
    throw new MeshError('CLUSTER_ADDRESSES', `no pod address is free in ${POD_CIDR}; delete pods first`);
  }

  release(n: number): void {
    this.#taken.delete(n);
  }
}

const hex = (byte: number) => byte.toString(16).padStart(2, '0');
