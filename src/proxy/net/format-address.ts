import type { SocketAddress } from '../runtime-contract.ts';

/** `1.2.3.4:80`, `[::1]:80` */
export function formatAddress({ address, port }: SocketAddress): string {
  return address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
}
