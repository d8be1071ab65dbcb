/** What modules may ask about a request, by Envoy's names of attributes. Numbers are 64 bits, little endian; truth is a byte; times are
 * nanoseconds. https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/advanced/attributes */
import type { FilterContext } from '../http/filter.ts';
import type { ResponseHead } from '../../codec/stream.ts';
import { pairOf } from './header-map.ts';
import { encodePairs } from './pairs.ts';

export type Attribute = string | number | boolean | bigint | readonly (readonly [string, string])[] | undefined;

export interface Exchanged {
  readonly context: FilterContext;
  readonly response: ResponseHead | undefined;
  readonly startMs: number;
}

type Read = (of: Exchanged) => Attribute;

const header = (name: string): Read => ({ context }) => context.request.headers.get(name);

const REQUEST: Readonly<Record<string, Read>> = {
  path: ({ context }) => context.request.path,
  url_path: ({ context }) => context.request.path.split('?', 1)[0],
  query: ({ context }) => context.request.path.split('?').slice(1).join('?'),
  host: ({ context }) => context.request.authority,
  scheme: ({ context }) => context.request.scheme,
  method: ({ context }) => context.request.method,
  protocol: ({ context }) => context.request.protocol,
  id: header('x-request-id'),
  referer: header('referer'),
  useragent: header('user-agent'),
  headers: ({ context }) => [...context.request.headers],
  time: ({ startMs }) => BigInt(Math.floor(startMs * 1000)) * 1000n,
  duration: ({ context, startMs }) => BigInt(Math.floor((context.clock.now() - startMs) * 1000)) * 1000n,
};

const RESPONSE: Readonly<Record<string, Read>> = {
  code: ({ response }) => response?.status,
  headers: ({ response }) => response && [...response.headers],
  grpc_status: ({ response }) => optionalNumber(response?.headers.get('grpc-status')),
};

const SOURCE: Readonly<Record<string, Read>> = {
  address: ({ context: { connection } }) => connection.facts.downstreamRemote,
  port: ({ context: { connection } }) => connection.remote.port,
};

const DESTINATION: Readonly<Record<string, Read>> = {
  address: ({ context: { connection } }) => connection.facts.downstreamLocal,
  port: ({ context: { connection } }) => connection.local.port,
};

const CONNECTION: Readonly<Record<string, Read>> = {
  mtls: ({ context: { connection } }) => connection.certificate !== undefined,
  requested_server_name: ({ context: { connection } }) => connection.facts.requestedServerName,
  tls_version: ({ context: { connection } }) => connection.facts.tlsVersion,
  uri_san_peer_certificate: ({ context: { connection } }) => connection.certificate?.uri,
  uri_san_local_certificate: ({ context: { connection } }) => connection.facts.downstreamOwn,
  dns_san_peer_certificate: ({ context: { connection } }) => connection.certificate?.dns[0],
  subject_peer_certificate: ({ context: { connection } }) => connection.certificate?.subject,
  sha256_peer_certificate_digest: ({ context: { connection } }) => connection.certificate?.sha256,
};

const GROUPS: ReadonlyMap<string, Readonly<Record<string, Read>>> = new Map([['request', REQUEST], ['response', RESPONSE], ['source', SOURCE], ['destination', DESTINATION], ['connection', CONNECTION]]);

const TOP: Readonly<Record<string, Read>> = {
  route_name: ({ context }) => context.route?.name,
  cluster_name: ({ context }) => context.destination?.cluster,
  // Envoy: TrafficDirection.
  listener_direction: ({ context }) => (context.connection.reporter === 'destination' ? 1 : 2),
};

/** @returns undefined when there is none of that name, or no value */
export function attributeOf([group = '', name, ...rest]: readonly string[], of: Exchanged): Buffer | undefined {
  if (name === undefined) return encodeAttribute(own(TOP, group)?.(of));
  if (group === 'xds') return encodeAttribute(own(TOP, name)?.(of));
  const value = own(GROUPS.get(group) ?? {}, name)?.(of);
  if (rest.length === 0) return encodeAttribute(value);
  const [key = ''] = rest;
  return Array.isArray(value) && rest.length === 1 ? encodeAttribute((group === 'request' ? of.context.request.headers : of.response?.headers)?.get(key.toLowerCase())) : undefined;
}

const own = (table: Readonly<Record<string, Read>>, name: string): Read | undefined => (Object.hasOwn(table, name) ? table[name] : undefined);

export function encodeAttribute(value: Attribute): Buffer | undefined {
  if (value === undefined) return undefined;
  if (typeof value === 'string') return Buffer.from(value, 'latin1');
  if (typeof value === 'boolean') return Buffer.from([value ? 1 : 0]);
  if (typeof value !== 'number' && typeof value !== 'bigint') return encodePairs(value.map(pairOf));
  const bytes = Buffer.alloc(8);
  bytes.writeBigInt64LE(BigInt.asIntN(64, BigInt(value)));
  return bytes;
}

const optionalNumber = (text: string | undefined): number | undefined => (text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined);
