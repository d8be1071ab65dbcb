import type { Address } from '../../xds/generated/envoy/config/core/v3/address_pb.js';
import type { CidrRange } from '../../xds/generated/envoy/config/core/v3/address_pb.js';
import { type Cidr, CidrSet, parseCidr } from '../../base/cidr.ts';
import { ConfigError } from '../errors.ts';
import type { SocketAddress } from '../runtime-contract.ts';

export type { Address };
export type { TransportSocket } from '../../xds/generated/envoy/config/core/v3/base_pb.js';

/** A Unix socket is an address that begins with `/`, or with `@` when it has no place in the file system; its port is 0. */
export function socketAddress(address: Address | undefined, what: string): SocketAddress {
  if (address?.address.case === 'pipe') return { address: address.address.value.path, port: 0 };
  if (address?.address.case !== 'socketAddress') throw new ConfigError(`${what}: address must be a socket_address or a pipe, not ${address?.address.case ?? '(none)'}`);
  const { value } = address.address;
  if (value.portSpecifier.case !== 'portValue') throw new ConfigError(`${what}: port_value is missing`);
  return { address: value.address, port: value.portSpecifier.value };
}

export function cidrOf(range: CidrRange): Cidr {
  const text = `${range.addressPrefix}/${range.prefixLen ?? 0}`;
  const cidr = parseCidr(text);
  if (cidr === undefined) throw new ConfigError(`${text} is not an address range`);
  return cidr;
}

export const cidrSetOf = (ranges: readonly CidrRange[] | undefined): CidrSet => new CidrSet((ranges ?? []).map(cidrOf));
