import type { RouteAction_HashPolicy } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { ConfigError } from '../errors.ts';
import { hash32 } from '../upstream/hash.ts';
import { queryParameter } from './header-match.ts';
import { durationMs } from './numbers.ts';
import { compileSubstitution } from './regex.ts';
import { headerOf, type RequestView } from './request-view.ts';

export interface HashInput {
  readonly request: RequestView;
  /** Client address without port. */
  readonly sourceIp: string;
}

export interface HashResult {
  /** Undefined: nothing in the request to hash by. */
  readonly hash: number | undefined;
  /** `Set-Cookie` value for a client that had no affinity cookie yet. */
  readonly setCookie?: string;
}

export type HashPolicy = (input: HashInput, random: () => number) => HashResult;

interface Part {
  readonly terminal: boolean;
  text(input: HashInput): string | undefined;
  /** Makes the affinity cookie when `text` found none. */
  readonly cookie?: { readonly name: string; readonly attributes: string };
}

/** Envoy: `RouteAction.hash_policy`; the parts combine in order, a terminal one ends it when it produced something. */
export function compileHashPolicy(policies: readonly RouteAction_HashPolicy[]): HashPolicy | undefined {
  if (policies.length === 0) return undefined;
  const parts = policies.map(compilePart);
  return (input, random) => {
    let hash: number | undefined;
    let setCookie: string | undefined;
    for (const part of parts) {
      let text = part.text(input);
      if (text === undefined && part.cookie) {
        text = Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0') + Math.floor(random() * 2 ** 32).toString(16).padStart(8, '0');
        setCookie = `${part.cookie.name}="${text}"${part.cookie.attributes}`;
      }
      if (text === undefined) continue;
      const own = hash32(text);
      hash = hash === undefined ? own : (((hash << 1) | (hash >>> 31)) ^ own) >>> 0;
      if (part.terminal) break;
    }
    return { hash, setCookie };
  };
}

function compilePart(policy: RouteAction_HashPolicy): Part {
  const { terminal, policySpecifier: specifier } = policy;
  switch (specifier.case) {
    case 'header': {
      const name = specifier.value.headerName.toLowerCase();
      const rewrite = specifier.value.regexRewrite;
      const edit = rewrite?.pattern ? compileSubstitution(rewrite.pattern.regex, rewrite.substitution) : undefined;
      return {
        terminal,
        text: ({ request }) => {
          const value = headerOf(request, name);
          return value !== undefined && edit ? edit(value) : value;
        },
      };
    }
    case 'cookie': {
      const { name, ttl, path, attributes } = specifier.value;
      const age = durationMs(ttl);
      const shown = [...(age ? [`Max-Age=${Math.round(age / 1000)}`] : []), ...(path === '' ? [] : [`Path=${path}`]), ...attributes.map((a) => (a.value === '' ? a.name : `${a.name}=${a.value}`)), 'HttpOnly'];
      const cookie = ttl === undefined ? undefined : { name, attributes: `; ${shown.join('; ')}` };
      return { terminal, text: ({ request }) => cookieValue(request.headers.get('cookie'), name), cookie };
    }
    case 'connectionProperties':
      return { terminal, text: ({ sourceIp }) => (specifier.value.sourceIp ? sourceIp : undefined) };
    case 'queryParameter':
      return { terminal, text: ({ request }) => queryParameter(request.path, specifier.value.name) };
    default:
      throw new ConfigError(`hash policy: ${specifier.case ?? 'none'} is not supported`);
  }
}

export function cookieValue(header: string | undefined, name: string): string | undefined {
  if (header === undefined) return undefined;
  for (const part of header.split(/[;,]/)) {
    const equals = part.indexOf('=');
    if (equals >= 0 && part.slice(0, equals).trim() === name) return part.slice(equals + 1).trim().replace(/^"(.*)"$/, '$1');
  }
  return undefined;
}
