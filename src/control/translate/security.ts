import type { Context } from './context.ts';
import type { HttpFilterInit, NetworkFilterInit } from './http-filters.ts';

/** Filters that authenticate and authorize, made once for a proxy and used by all its inbound chains. */
export interface Security {
  readonly http: readonly HttpFilterInit[];
  readonly tcp: readonly NetworkFilterInit[];
}

export function buildSecurity(_context: Context): Security {
  return { http: [], tcp: [] };
}
