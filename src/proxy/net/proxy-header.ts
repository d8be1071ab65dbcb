/** The PROXY protocol's header, versions 1 and 2, as a client sends it: who is behind the client, and what it had called.
 * https://www.haproxy.org/download/2.9/doc/proxy-protocol.txt; Envoy: proxy_protocol listener filter. */
import { isIPv4, isIPv6 } from 'node:net';
import { formatIp } from '../../base/cidr.ts';
import type { SocketAddress } from '../runtime-contract.ts';

export interface ProxyHeader {
  /** So many bytes belong to the header. */
  readonly length: number;
  /** Undefined: the client speaks for itself. */
  readonly behind?: { readonly source: SocketAddress; readonly destination: SocketAddress };
}

export type ProxyHeaderResult = ProxyHeader | 'more' | { readonly problem: string };

const SIGNATURE = Buffer.from('\r\n\r\n\0\r\nQUIT\n', 'latin1');
const WORD = Buffer.from('PROXY ', 'latin1');
/** Of version 1, line end included. */
const MAX_LINE = 107;
/** Of version 2: signature, command, family, length. */
const FIXED = 16;

/** @param bytes all that has come so far */
export function readProxyHeader(bytes: Buffer): ProxyHeaderResult {
  if (isPrefix(bytes, SIGNATURE)) return bytes.length < FIXED ? 'more' : binary(bytes);
  if (isPrefix(bytes, WORD)) return bytes.length < WORD.length ? 'more' : line(bytes);
  return { problem: 'no PROXY protocol header' };
}

/** As far as both go. */
const isPrefix = (bytes: Buffer, word: Buffer): boolean => {
  const size = Math.min(bytes.length, word.length);
  return bytes.compare(word, 0, size, 0, size) === 0;
};

/** `PROXY TCP4 10.1.2.3 10.96.0.1 4567 80` */
function line(bytes: Buffer): ProxyHeaderResult {
  const end = bytes.subarray(0, MAX_LINE).indexOf('\r\n');
  if (end < 0) return bytes.length >= MAX_LINE ? { problem: `a PROXY line longer than ${MAX_LINE} bytes` } : 'more';
  const length = end + 2;
  const [, family, source = '', destination = '', from = '', to = '', ...rest] = bytes.toString('latin1', 0, end).split(' ');
  if (family === 'UNKNOWN') return { length };
  const isAddress = family === 'TCP4' ? isIPv4 : family === 'TCP6' ? isIPv6 : undefined;
  if (!isAddress) return { problem: 'the PROXY line names no known family' };
  if (rest.length > 0 || !isAddress(source) || !isAddress(destination) || !isPort(from) || !isPort(to)) return { problem: 'the PROXY line has wrong addresses or ports' };
  return { length, behind: { source: { address: source, port: Number(from) }, destination: { address: destination, port: Number(to) } } };
}

const isPort = (text: string): boolean => /^\d{1,5}$/.test(text) && Number(text) <= 65_535;

function binary(bytes: Buffer): ProxyHeaderResult {
  const [command = 0, family = 0] = [bytes[12], bytes[13]];
  const size = bytes.readUInt16BE(14);
  const length = FIXED + size;
  if (command >> 4 !== 2 || (command & 15) > 1) return { problem: 'a PROXY header of an unknown version or command' };
  if (bytes.length < length) return 'more';
  // LOCAL: the client looks after itself, with a health check for example.
  if ((command & 15) === 0) return { length };
  const width = family === 0x11 ? 4 : family === 0x21 ? 16 : 0;
  if (width === 0) return { problem: 'a PROXY header of another family than TCP' };
  if (size < 2 * width + 4) return { problem: 'a PROXY header that is too short for its addresses' };
  const at = (offset: number): SocketAddress => ({ address: formatIp(bytes.subarray(FIXED + offset * width, FIXED + (offset + 1) * width)), port: bytes.readUInt16BE(FIXED + 2 * width + 2 * offset) });
  // What follows the addresses are facts that nobody here asks for.
  return { length, behind: { source: at(0), destination: at(1) } };
}
