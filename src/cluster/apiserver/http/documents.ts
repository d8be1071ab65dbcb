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

type Answer = { json: unknown; type?: string } | { text: string } | { bytes: Buffer; type: string };

export function createDocuments(deps: DocumentDeps): (path: string, request: IncomingMessage, response: ServerResponse) => boolean {
  return (path, request, response) => {
    const answer = documentAt(deps, path, request);
    if (!answer) return false;
    if ('text' in answer) sendText(response, 200, answer.text, { 'content-type': 'text/plain; charset=utf-8' });
    else if ('bytes' in answer) response.writeHead(200, { 'content-type': answer.type, 'content-length': answer.bytes.length }).end(answer.bytes);
    else sendJson(response, 200, answer.json, answer.type ? { 'content-type': answer.type } : {});
    return true;
  };
}

/** As clients ask for it; in an answer no media type can have the at sign. */
const PROTO_OPENAPI = 'application/com.github.proto-openapi.spec.v2@v1.0+protobuf';
/** A document of that form without definitions: kubectl wants one before it applies a List, and then checks nothing by itself; each
 * item is checked here. Fields of gnostic's Document: swagger, info (title, version), paths. */
const NO_DEFINITIONS = Buffer.concat([Buffer.from('\x0a\x032.0\x12\x10\x0a\x0aKubernetes\x12\x021\x2e', 'latin1'), Buffer.from([0x42, 0])]);

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
    case '/openapi/v2': return request.headers.accept?.includes(PROTO_OPENAPI) ? { bytes: NO_DEFINITIONS, type: PROTO_OPENAPI.replace('@', '.') } : { json: openapi.swagger() };
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
