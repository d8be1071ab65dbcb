/** Answers that are not resources: discovery, OpenAPI, version, health. */
import type { IncomingMessage, ServerResponse } from 'node:http';
import type { TokenIssuer } from '../auth/tokens.ts';
import { aggregatedDiscovery, coreVersions, groupDocument, groupList, resourceList } from '../discovery/discovery.ts';
import type { OpenapiDocuments } from '../discovery/openapi.ts';
import { KUBERNETES_VERSION } from '../discovery/version.ts';
import type { KindRegistry } from '../kinds/registry.ts';
import { sendJson, sendText } from './respond.ts';

export interface DocumentDeps {
  kinds: KindRegistry;
  tokens: TokenIssuer;
  openapi: OpenapiDocuments;
}

type Answer = { json: unknown; type?: string } | { text: string };

export function createDocuments(deps: DocumentDeps): (path: string, request: IncomingMessage, response: ServerResponse) => boolean {
  return (path, request, response) => {
    const answer = documentAt(deps, path, request);
    if (!answer) return false;
    if ('text' in answer) sendText(response, 200, answer.text, { 'content-type': 'text/plain; charset=utf-8' });
    else sendJson(response, 200, answer.json, answer.type ? { 'content-type': answer.type } : {});
    return true;
  };
}

const HEALTH = /^\/(healthz|livez|readyz)(\/.*)?$/;

function documentAt(deps: DocumentDeps, path: string, request: IncomingMessage): Answer | undefined {
  const { kinds, tokens, openapi } = deps;
  const clean = path.length > 1 ? path.replace(/\/+$/, '') : path;
  if (HEALTH.test(clean)) return { text: 'ok' };
  switch (clean) {
    case '/version': return { json: KUBERNETES_VERSION };
    case '/': return { json: { paths: ['/api', '/api/v1', '/apis', '/healthz', '/livez', '/openapi/v2', '/openapi/v3', '/readyz', '/version'] } };
    case '/api': return discovery(kinds, request, { core: true });
    case '/apis': return discovery(kinds, request, { core: false });
    case '/openapi/v3': return { json: openapi.index() };
    case '/openapi/v2': return { json: openapi.swagger() };
    case '/openid/v1/jwks': return { json: tokens.jwks(), type: 'application/jwk-set+json' };
    case '/.well-known/openid-configuration': return { json: {
      issuer: tokens.issuer, jwks_uri: `${tokens.issuer}/openid/v1/jwks`, response_types_supported: ['id_token'], subject_types_supported: ['public'],
      id_token_signing_alg_values_supported: ['ES256', 'RS256'],
    } };
    default: return groupPath(deps, clean);
  }
}

function groupPath({ kinds, openapi }: DocumentDeps, path: string): Answer | undefined {
  const parts = path.split('/').slice(1);
  if (parts[0] === 'openapi' && parts[1] === 'v3') {
    const document = openapi.groupVersion(parts.slice(2).join('/'));
    return document === undefined ? undefined : { json: document };
  }
  if (parts[0] === 'api' && parts.length === 2) return wrap(resourceList(kinds, '', parts[1] ?? ''));
  if (parts[0] === 'apis' && parts.length === 2) return wrap(groupDocument(kinds, parts[1] ?? ''));
  if (parts[0] === 'apis' && parts.length === 3) return wrap(resourceList(kinds, parts[1] ?? '', parts[2] ?? ''));
  return undefined;
}

const wrap = (json: object | undefined): Answer | undefined => json && { json };

function discovery(kinds: KindRegistry, request: IncomingMessage, { core }: { core: boolean }): Answer {
  const wanted = (request.headers.accept ?? '').split(',').map((type) => type.trim()).find((type) => type.includes('application/json'));
  const match = /g=apidiscovery\.k8s\.io/.test(wanted ?? '') && /as=APIGroupDiscoveryList/.test(wanted ?? '') ? /v=(v2|v2beta1)\b/.exec(wanted ?? '') : undefined;
  const version = match?.[1];
  if (version) return { json: aggregatedDiscovery(kinds, { core, version }), type: `application/json;g=apidiscovery.k8s.io;v=${version};as=APIGroupDiscoveryList` };
  return { json: core ? coreVersions() : groupList(kinds) };
}
