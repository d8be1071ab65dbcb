import type { RouteAction_HashPolicy } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { ConfigError } from '../errors.ts';
import { combine, type Hash64, hashText, xxHash64 } from '../upstream/hash.ts';
import { queryParameter } from './header-match.ts';
import { durationMs } from './numbers.ts';
import { compileSubstitution } from './regex.ts';
import { headerOf, type Fields, type RequestView } from './request-view.ts';

export interface HashedRequest extends RequestView {
  readonly headers: Fields & Iterable<readonly [name: string, value: string]>;
}

export interface HashInput {
  readonly request: HashedRequest;
  /** Client address without port, seen through trusted proxies. */
  readonly sourceIp: string;
  /** `ip:port` of the client, and of what it connected to: the same for all requests of a connection. */
  readonly connection: readonly [remote: string, local: string];
}

export interface HashResult {
  /** Undefined: nothing in the request to hash by. */
  readonly hash: Hash64 | undefined;
  /** `Set-Cookie` value for a client that had no affinity cookie yet. */
  readonly setCookie?: string;
}

export type HashPolicy = (input: HashInput) => HashResult;

interface Part {
  readonly terminal: boolean;
  hash(input: HashInput): Hash64 | undefined;
  /** Makes the affinity cookie when `hash` found none. */
  readonly cookie?: { readonly name: string; readonly attributes: string };
}

/** Envoy: `RouteAction.hash_policy`; the parts combine in order, a terminal one ends it when there is a hash. */
export function compileHashPolicy(policies: readonly RouteAction_HashPolicy[]): HashPolicy | undefined {
  if (policies.length === 0) return undefined;
  const parts = policies.map(compilePart);
  return (input) => {
    let hash: Hash64 | undefined;
    let setCookie: string | undefined;
    for (const part of parts) {
      let own = part.hash(input);
      if (own === undefined && part.cookie) {
        // Requests that race on one connection get the same cookie.
        const value = hashText(xxHash64(input.connection[0] + input.connection[1]));
        own = xxHash64(value);
        setCookie = `${part.cookie.name}="${value}"${part.cookie.attributes}`;
      }
      if (own !== undefined) hash = combine(hash, own);
      if (part.terminal && hash !== undefined) break;
    }
    return { hash, setCookie };
  };
}

const hashOf = (text: string | undefined): Hash64 | undefined => (text === undefined ? undefined : xxHash64(text));

function compilePart(policy: RouteAction_HashPolicy): Part {
  const { terminal, policySpecifier: specifier } = policy;
  switch (specifier.case) {
    case 'header': {
      const name = specifier.value.headerName.toLowerCase();
      const rewrite = specifier.value.regexRewrite;
      const edit = rewrite?.pattern ? compileSubstitution(rewrite.pattern.regex, rewrite.substitution) : (value: string) => value;
      return { terminal, hash: ({ request }) => headerHash(request, name, edit) };
    }
    case 'cookie': {
      const { name, ttl, path, attributes } = specifier.value;
      const age = Math.floor((durationMs(ttl) ?? 0) / 1000);
      const shown = [...(age > 0 ? [`Max-Age=${age}`] : []), ...(path === '' ? [] : [`Path=${path}`]), ...attributes.map((a) => (a.value === '' ? a.name : `${a.name}=${a.value}`)), 'HttpOnly'];
      const cookie = ttl === undefined ? undefined : { name, attributes: `; ${shown.join('; ')}` };
      // An empty cookie is none.
      return { terminal, hash: ({ request }) => hashOf(cookieValue(request.headers.get('cookie'), name) || undefined), cookie };
    }
    case 'connectionProperties': {
      const isOn = specifier.value.sourceIp;
      return { terminal, hash: ({ sourceIp }) => (isOn ? xxHash64(sourceIp) : undefined) };
    }
    case 'queryParameter': {
      const { name } = specifier.value;
      return { terminal, hash: ({ request }) => hashOf(queryParameter(request.path, name)) };
    }
    default:
      throw new ConfigError(`hash policy: ${specifier.case ?? 'none'} is not supported`);
  }
}

/** Fields of the same name hash the same in any order. */
function headerHash(request: HashedRequest, name: string, edit: (value: string) => string): Hash64 | undefined {
  let values: string[] | undefined;
  for (const [own, value] of request.headers) if (own === name) (values ??= []).push(edit(value));
  if (values === undefined) {
    // Pseudo headers are not in the list.
    const pseudo = headerOf(request, name);
    return pseudo === undefined ? undefined : xxHash64(edit(pseudo));
  }
  let hash: Hash64 | undefined;
  for (const value of values.length > 1 ? values.sort() : values) hash = xxHash64(value, hash);
  return hash;
}

export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const part of header.split(/[;,]/)) {
    const equals = part.indexOf('=');
    if (equals >= 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim().replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
