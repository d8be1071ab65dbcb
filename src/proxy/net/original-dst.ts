/** Where a connection wanted to go before the kernel redirected it: getsockopt(SO_ORIGINAL_DST) on its descriptor. */
import { loadSocketOptions } from '../../codec/socket/options.ts';
import type { SocketAddress } from '../runtime-contract.ts';

const SOL_IP = 0;
const SOL_IPV6 = 41;
const SO_ORIGINAL_DST = 80;
const SOCKADDR_IN6_BYTES = 28;

export type OriginalDestination = (fd: number) => SocketAddress | undefined;

/** Loads what it needs once. Undefined for connections that were not redirected. */
export function createOriginalDestination(): OriginalDestination {
  const options = loadSocketOptions();
  return (fd) => {
    const value = Buffer.alloc(SOCKADDR_IN6_BYTES);
    if (options.get(fd, SOL_IP, SO_ORIGINAL_DST, value)) return { address: value.subarray(4, 8).join('.'), port: value.readUInt16BE(2) };
    if (options.get(fd, SOL_IPV6, SO_ORIGINAL_DST, value)) return { address: formatV6(value.subarray(8, 24)), port: value.readUInt16BE(2) };
    return undefined;
  };
}

function formatV6(bytes: Buffer): string {
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  // The URL parser knows the canonical short form.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
