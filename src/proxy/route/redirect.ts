import type { RedirectAction as RedirectMessage } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import { ConfigError } from '../errors.ts';
import { compileSubstitution } from './regex.ts';
import { pathOnly, type RequestView } from './request-view.ts';
import type { RedirectAction } from './route.ts';
import { withoutPort } from './virtual-hosts.ts';

const CODES: readonly number[] = [301, 302, 303, 307, 308];

/** @param rewritePrefix replaces the matched prefix; undefined when the route has none */
export function compileRedirect(message: RedirectMessage, matchedPrefix: string | undefined): RedirectAction {
  const scheme = message.schemeRewriteSpecifier;
  const rewrite = message.pathRewriteSpecifier;
  const path = compilePath(rewrite, matchedPrefix);
  return {
    kind: 'redirect',
    status: CODES[message.responseCode] ?? 301,
    location: (request) => {
      const wanted = scheme.case === 'httpsRedirect' && scheme.value ? 'https' : scheme.case === 'schemeRedirect' ? scheme.value : request.scheme;
      const target = path(request);
      const query = request.path.indexOf('?');
      const tail = query < 0 || message.stripQuery || target.includes('?') ? '' : request.path.slice(query);
      return `${wanted}://${host(message, request, wanted)}${target}${tail}`;
    },
  };
}

function host(message: RedirectMessage, request: RequestView, scheme: string): string {
  const name = message.hostRedirect === '' ? request.authority : message.hostRedirect;
  if (message.portRedirect !== 0) return `${withoutPort(name)}:${message.portRedirect}`;
  if (message.hostRedirect !== '' || scheme === request.scheme) return name;
  // The default port of the old scheme means nothing in the new one.
  const port = request.scheme === 'http' ? ':80' : ':443';
  return name.endsWith(port) ? withoutPort(name) : name;
}

function compilePath(rewrite: RedirectMessage['pathRewriteSpecifier'], matchedPrefix: string | undefined): (request: RequestView) => string {
  switch (rewrite.case) {
    case 'pathRedirect':
      return () => rewrite.value;
    case 'prefixRewrite':
      if (matchedPrefix === undefined) throw new ConfigError('redirect.prefix_rewrite needs a prefix or path match');
      return (request) => rewrite.value + pathOnly(request.path).slice(matchedPrefix.length);
    case 'regexRewrite': {
      const edit = compileSubstitution(rewrite.value.pattern?.regex ?? '', rewrite.value.substitution);
      return (request) => edit(pathOnly(request.path));
    }
    default:
      return (request) => pathOnly(request.path);
  }
}
