import type { SocketAddress } from '../runtime-contract.ts';

export const isPipe = ({ address }: SocketAddress): boolean => address.startsWith('/') || address.startsWith('@');

/** What node:net is told to connect to or listen on. */
export function netAddress(at: SocketAddress): { path: string } | { host: string; port: number } {
  if (!isPipe(at)) return { host: at.address, port: at.port };
  return { path: at.address.replace(/^@/, '\0') };
}

/** `1.2.3.4:80`, `[::1]:80`, `/run/it.sock` */
export function formatAddress({ address, port }: SocketAddress): string {
  if (isPipe({ address, port })) return address;
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
