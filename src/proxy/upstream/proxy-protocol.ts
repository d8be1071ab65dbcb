/** The PROXY protocol's header: tells a server who is behind us. https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt */
import { isIPv4 } from 'node:net';
import { parseAddress } from '../../base/cidr.ts';
import type { SocketAddress } from '../runtime-contract.ts';

export type ProxyProtocolVersion = 'V1' | 'V2';

export interface ProxiedConnection {
  /** The client. */
  readonly source: SocketAddress;
  /** What it connected to. */
  readonly destination: SocketAddress;
}

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const VERSION_2_PROXY = 0x21;
const TCP_OVER_IPV4 = 0x11;
const TCP_OVER_IPV6 = 0x21;

export function proxyHeader(version: ProxyProtocolVersion, { source, destination }: ProxiedConnection): Buffer {
  const isV4 = isIPv4(source.address) && isIPv4(destination.address);
  if (version === 'V1') return Buffer.from(`PROXY ${isV4 ? 'TCP4' : 'TCP6'} ${source.address} ${destination.address} ${source.port} ${destination.port}\r\n`, 'latin1');
  const ports = Buffer.alloc(4);
  ports.writeUInt16BE(source.port, 0);
  ports.writeUInt16BE(destination.port, 2);
  const addresses = Buffer.concat([addressBytes(source.address, isV4), addressBytes(destination.address, isV4), ports]);
  const head = Buffer.from([VERSION_2_PROXY, isV4 ? TCP_OVER_IPV4 : TCP_OVER_IPV6, 0, addresses.length]);
  return Buffer.concat([SIGNATURE, head, addresses]);
}

/** Beside an IPv6 address an IPv4 one is written as such, too (RFC 4291 §2.5.5.2). */
function addressBytes(address: string, asV4: boolean): Buffer {
  const bytes = Buffer.from(parseAddress(address) ?? (asV4 ? [0, 0, 0, 0] : Array.from({ length: 16 }, () => 0)));
  return asV4 || bytes.length === 16 ? bytes : Buffer.concat([Buffer.alloc(10), Buffer.from([0xff, 0xff]), bytes]);
}
