/** `%OPERATOR%` texts in header values, compiled once. Envoy: "Custom request/response headers", substitution formatter (the operators below). */
import { ConfigError } from '../errors.ts';
import type { ConnectionFacts, HeaderView } from '../outcome.ts';
import { headerOf, type RequestView } from './request-view.ts';

export interface FormatContext {
  readonly request: RequestView;
  readonly protocol: string;
  readonly connection: ConnectionFacts;
  readonly responseHeaders?: HeaderView;
  readonly responseCode?: number;
  readonly upstreamHost?: string;
  readonly upstreamCluster?: string;
  readonly routeName?: string;
  readonly startMs: number;
  /** Values set by filters, by `namespace` then `key`. */
  metadata?(namespace: string, key: string): string | undefined;
}

export type Format = (context: FormatContext) => string;
type Operator = (context: FormatContext) => string | undefined;

/** @throws ConfigError on an unknown operator */
export function compileFormat(text: string): Format {
  if (!text.includes('%')) return () => text;
  const parts: (string | Operator)[] = [];
  const pattern = /%%|%([A-Z0-9_]+)(?:\(([^)]*)\))?(?::(\d+))?%|([^%]+)/gy;
  let end = 0;
  for (let match = pattern.exec(text); match; match = pattern.exec(text)) {
    const [whole, name, argument, limit, literal] = match;
    end = pattern.lastIndex;
    if (literal !== undefined) parts.push(literal);
    else if (name === undefined) parts.push(whole.slice(1));
    else parts.push(truncated(operator(name, argument), limit));
  }
  if (end !== text.length) throw new ConfigError(`header value ${JSON.stringify(text)}: a lone % must be written %%`);
  return (context) => parts.map((part) => (typeof part === 'string' ? part : (part(context) ?? '-'))).join('');
}

function truncated(operator: Operator, limit: string | undefined): Operator {
  return limit === undefined ? operator : (context) => operator(context)?.slice(0, Number(limit));
}

const hostOf = (address: string) => address.slice(0, Math.max(0, address.lastIndexOf(':')));
const portOf = (address: string) => address.slice(address.lastIndexOf(':') + 1);

const SIMPLE: Readonly<Record<string, Operator>> = {
  DOWNSTREAM_REMOTE_ADDRESS: (c) => c.connection.downstreamRemote,
  DOWNSTREAM_REMOTE_ADDRESS_WITHOUT_PORT: (c) => hostOf(c.connection.downstreamRemote),
  DOWNSTREAM_REMOTE_PORT: (c) => portOf(c.connection.downstreamRemote),
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS: (c) => c.connection.downstreamRemote,
  DOWNSTREAM_DIRECT_REMOTE_ADDRESS_WITHOUT_PORT: (c) => hostOf(c.connection.downstreamRemote),
  DOWNSTREAM_LOCAL_ADDRESS: (c) => c.connection.downstreamLocal,
  DOWNSTREAM_LOCAL_ADDRESS_WITHOUT_PORT: (c) => hostOf(c.connection.downstreamLocal),
  DOWNSTREAM_LOCAL_PORT: (c) => portOf(c.connection.downstreamLocal),
  DOWNSTREAM_PEER_URI_SAN: (c) => c.connection.downstreamPeer,
  DOWNSTREAM_LOCAL_URI_SAN: (c) => c.connection.downstreamOwn,
  DOWNSTREAM_TLS_VERSION: (c) => c.connection.tlsVersion,
  REQUESTED_SERVER_NAME: (c) => c.connection.requestedServerName,
  PROTOCOL: (c) => c.protocol,
  RESPONSE_CODE: (c) => c.responseCode?.toString(),
  UPSTREAM_HOST: (c) => c.upstreamHost,
  UPSTREAM_REMOTE_ADDRESS: (c) => c.upstreamHost,
  UPSTREAM_CLUSTER: (c) => c.upstreamCluster,
  UPSTREAM_CLUSTER_RAW: (c) => c.upstreamCluster,
  ROUTE_NAME: (c) => c.routeName,
};

function operator(name: string, argument: string | undefined): Operator {
  const simple = SIMPLE[name];
  if (simple && argument === undefined) return simple;
  switch (name) {
    case 'REQ':
      return requestHeader(argument ?? '');
    case 'RESP': {
      const [first = '', second] = (argument ?? '').toLowerCase().split('?');
      return (c) => c.responseHeaders?.get(first) ?? (second === undefined ? undefined : c.responseHeaders?.get(second));
    }
    case 'START_TIME':
      return (c) => new Date(c.startMs).toISOString();
    case 'HOSTNAME':
      return () => process.env['HOSTNAME'];
    case 'ENVIRONMENT':
      return () => process.env[argument ?? ''];
    case 'DYNAMIC_METADATA': {
      const [namespace = '', key = ''] = (argument ?? '').split(':');
      return (c) => c.metadata?.(namespace, key);
    }
    default:
      throw new ConfigError(`header value: operator %${name}% is not supported`);
  }
}

function requestHeader(argument: string): Operator {
  const [first = '', second] = argument.toLowerCase().split('?');
  if (first === '') throw new ConfigError('header value: %REQ% needs a header name');
  return (c) => headerOf(c.request, first) ?? (second === undefined ? undefined : headerOf(c.request, second));
}
