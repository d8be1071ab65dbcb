import type { Origin } from '../registry/origin.ts';
import type { Extension } from './apart.ts';
import { buildAuthorization } from './authorization.ts';
import type { Context } from './context.ts';
import { connectionGuardsOf } from './guards.ts';
import type { HttpFilterInit, NetworkFilterInit } from './http-filters.ts';
import { buildAuthentication } from './request-authentication.ts';

/** Filters that authenticate and authorize, made once for a proxy and used by all its inbound chains. */
export interface Security {
  /** Who is calling. */
  readonly authn: readonly HttpFilterInit[];
  /** May they. */
  readonly authz: readonly HttpFilterInit[];
  readonly tcp: readonly NetworkFilterInit[];
  /** Policies of which one has to allow a connection. */
  readonly guards: readonly Origin[];
}

export interface SecurityPlan extends Security {
  /** What those of the filters do that the proxy fetches. */
  readonly extensions: readonly Extension[];
}

/** Tokens first: authorization looks at what they say. */
export function buildSecurity(context: Context): SecurityPlan {
  const { http, tcp, extensions } = buildAuthorization(context);
  const { filters, extensions: tokens } = buildAuthentication(context);
  return { authn: filters, authz: http, tcp, guards: tcp.length === 0 ? [] : connectionGuardsOf(context), extensions: [...tokens, ...extensions] };
}
