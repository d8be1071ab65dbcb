/** Encoded Envoy messages → messages. */
import type { JsonObject, MessageShape } from '@bufbuild/protobuf';
import type { Any } from '@bufbuild/protobuf/wkt';
import { errorText } from '../../base/errors.ts';
import { table } from '../generated/schema.js';
import { ConfigError } from '../errors.ts';
import { createDecoder } from './schema/decoder.ts';
import type { SCHEMAS } from './schema/roots.ts';

export const TYPE_PREFIX = 'type.googleapis.com/';

/** Resource types that the data path takes from xDS. */
export const ResourceType = {
  Listener: `${TYPE_PREFIX}envoy.config.listener.v3.Listener`,
  Route: `${TYPE_PREFIX}envoy.config.route.v3.RouteConfiguration`,
  VirtualHost: `${TYPE_PREFIX}envoy.config.route.v3.VirtualHost`,
  Cluster: `${TYPE_PREFIX}envoy.config.cluster.v3.Cluster`,
  Endpoints: `${TYPE_PREFIX}envoy.config.endpoint.v3.ClusterLoadAssignment`,
  Secret: `${TYPE_PREFIX}envoy.extensions.transport_sockets.tls.v3.Secret`,
} as const;

export type MessageName = keyof typeof SCHEMAS;
export type MessageOf<Name extends MessageName> = MessageShape<(typeof SCHEMAS)[Name]>;

const FILTER_CHAIN = 'envoy.config.listener.v3.FilterChain';
const ACCESS_LOG_FILTER = 'envoy.config.accesslog.v3.AccessLogFilter';
const VIRTUAL_HOST = 'envoy.config.route.v3.VirtualHost';
const decoder = createDecoder(table, { traced: [FILTER_CHAIN, ACCESS_LOG_FILTER], deferred: [VIRTUAL_HOST] });

const typeName = (name: MessageName): string => decoder.typeName(name);

/** @throws ConfigError when the bytes are not that message */
export function decode<Name extends MessageName>(name: Name, bytes: Uint8Array): MessageOf<Name> {
  try {
    // The table is made from the very schemas that the types come from.
    return decoder.decode(name, bytes) as MessageOf<Name>;
  } catch (cause) {
    throw new ConfigError(`cannot decode ${typeName(name)}: ${errorText(cause)}`, { cause });
  }
}

/** Decodes an Any that must hold this message. */
export function unpack<Name extends MessageName>(name: Name, any: Any | undefined): MessageOf<Name> {
  const want = typeName(name);
  if (any === undefined) throw new ConfigError(`typed_config with ${want} is missing`);
  if (messageType(any) !== want) throw new ConfigError(`typed_config holds ${messageType(any)}, expected ${want}`);
  return decode(name, any.value);
}

/** `type.googleapis.com/a.b.C` → `a.b.C` */
export function messageType(any: Any): string {
  return any.typeUrl.slice(any.typeUrl.lastIndexOf('/') + 1);
}

/** A configuration whose message type we do not have, written as a Struct. */
export interface LooseConfig {
  /** Message type, without prefix. */
  readonly type: string;
  readonly value: JsonObject;
}

/** The content of a `TypedStruct`, or undefined when the Any is something else. */
export function looseConfig(any: Any): LooseConfig | undefined {
  const type = messageType(any);
  const name = type === typeName('typedStruct') ? 'typedStruct' : type === typeName('udpaTypedStruct') ? 'udpaTypedStruct' : undefined;
  if (name === undefined) return undefined;
  const struct = decode(name, any.value);
  return { type: struct.typeUrl.slice(struct.typeUrl.lastIndexOf('/') + 1), value: struct.value ?? {} };
}

/** The encoded form of a filter chain, access log filter or virtual host inside of a decoded message; empty for others.
 * Of a virtual host nothing else is there: the message is to be decoded from it. */
export function sourceBytes(message: object): Uint8Array {
  return decoder.source(message) ?? new Uint8Array();
}
