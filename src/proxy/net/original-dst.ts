/** Where a connection wanted to go before the kernel redirected it: getsockopt(SO_ORIGINAL_DST) on its descriptor. */
import { createRequire } from 'node:module';
import type { SocketAddress } from '../runtime-contract.ts';

const SOL_IP = 0;
const SOL_IPV6 = 41;
const SO_ORIGINAL_DST = 80;
const SOCKADDR_IN6_BYTES = 28;

export type OriginalDestination = (fd: number) => SocketAddress | undefined;

// The C library decides how many parameters it has.
// oxlint-disable-next-line max-params
type Getsockopt = (fd: number, level: number, option: number, value: Buffer, length: Buffer) => number;

/** Loads the foreign function once. Undefined for connections that were not redirected. */
export function createOriginalDestination(): OriginalDestination {
  // koffi is a native module: required, not imported, so that a proxy without redirected listeners never loads it.
  const koffi = createRequire(import.meta.url)('koffi') as { load(path: null): { func(definition: string): Getsockopt } };
  const getsockopt = koffi.load(null).func('int getsockopt(int fd, int level, int option, _Out_ uint8_t *value, _Inout_ uint8_t *length)');
  return (fd) => {
    const value = Buffer.alloc(SOCKADDR_IN6_BYTES);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(SOCKADDR_IN6_BYTES);
    if (getsockopt(fd, SOL_IP, SO_ORIGINAL_DST, value, length) === 0) return { address: value.subarray(4, 8).join('.'), port: value.readUInt16BE(2) };
    length.writeUInt32LE(SOCKADDR_IN6_BYTES);
    if (getsockopt(fd, SOL_IPV6, SO_ORIGINAL_DST, value, length) === 0) return { address: formatV6(value.subarray(8, 24)), port: value.readUInt16BE(2) };
    return undefined;
  };
}

function formatV6(bytes: Buffer): string {
  if (bytes.subarray(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, i) => bytes.readUInt16BE(i * 2).toString(16));
  // The URL parser knows the canonical short form.
  return new URL(`http://[${groups.join(':')}]/`).hostname.slice(1, -1);
}
