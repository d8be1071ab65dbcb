/** What a route changes of a request before it goes on: headers, host, path, in Envoy's order. */
import type { ForwardAction, HostRewrite, Route } from '../route/route.ts';
import type { Exchange } from './exchange.ts';
import type { RequestHead } from '../../codec/stream.ts';

export function rewriteRequest(exchange: Exchange, route: Route, action: ForwardAction): void {
  const { request, destination } = exchange;
  const { headers } = request;
  const { tellsRouting } = exchange.services.settings;
  destination?.requestEdits?.(headers, exchange);
  for (const edit of route.requestEdits) edit(headers, exchange);
  const host = destination?.hostRewrite ?? (action.hostRewrite && rewrittenHost(action.hostRewrite, request));
  if (host !== undefined) {
    const { authority } = request;
    if (tellsRouting) headers.set('x-envoy-original-host', authority);
    request.authority = host;
    if (action.appendForwardedHost && host !== authority) {
      const before = headers.get('x-forwarded-host');
      headers.set('x-forwarded-host', before === undefined ? authority : `${before},${authority}`);
    }
  }
  if (action.rewritePath) {
    if (tellsRouting) headers.set('x-envoy-original-path', request.path);
    request.path = action.rewritePath(request.path);
  }
}

/** Undefined where the host is known only when an endpoint is chosen, or stays. */
function rewrittenHost(rewrite: HostRewrite, request: RequestHead): string | undefined {
  switch (rewrite.by) {
    case 'literal':
      return rewrite.host;
    case 'header':
      return request.headers.get(rewrite.name);
    case 'path':
      return rewrite.rewrite(request.path);
    case 'auto':
      return undefined;
  }
}
