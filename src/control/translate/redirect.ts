import type { HttpRedirect, HttpRoute } from '../../api/virtual-service.ts';
import { RedirectAction_RedirectResponseCode as Code, type DirectResponseActionSchema, type RedirectActionSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { Init } from './message.ts';

const CODES: ReadonlyMap<number, Code> = new Map([
  [301, Code.MOVED_PERMANENTLY], [302, Code.FOUND], [303, Code.SEE_OTHER], [307, Code.TEMPORARY_REDIRECT], [308, Code.PERMANENT_REDIRECT],
]);

/** @param view how the request came in: what is not said follows from it */
export function redirect(rule: HttpRedirect, view: { port: number; isTls?: boolean }): Init<typeof RedirectActionSchema> {
  return {
    hostRedirect: rule.authority ?? '',
    responseCode: CODES.get(rule.redirectCode ?? 301) ?? Code.MOVED_PERMANENTLY,
    portRedirect: rule.port ?? derivedPort(rule, view),
    pathRewriteSpecifier: rule.prefixRewrite
      ? { case: 'prefixRewrite', value: rule.prefixRewrite }
      : rule.uri
        ? { case: 'pathRedirect', value: rule.uri }
        : { case: undefined },
    schemeRewriteSpecifier: rule.scheme ? { case: 'schemeRedirect', value: rule.scheme } : { case: undefined },
  };
}

/** 0: the one that the request named. */
function derivedPort(rule: HttpRedirect, view: { port: number; isTls?: boolean }): number {
  if (rule.derivePort === 'FROM_REQUEST_PORT') return view.port;
  if (rule.derivePort !== 'FROM_PROTOCOL_DEFAULT') return 0;
  return (rule.scheme ?? (view.isTls ? 'https' : 'http')) === 'https' ? 443 : 80;
}

type DirectResponse = NonNullable<HttpRoute['directResponse']>;

export function directResponse(rule: DirectResponse): Init<typeof DirectResponseActionSchema> {
  const { status, body } = rule;
  if (body?.bytes !== undefined) return { status, body: { specifier: { case: 'inlineBytes', value: fromBase64(body.bytes) } } };
  return body?.string === undefined ? { status } : { status, body: { specifier: { case: 'inlineString', value: body.string } } };
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
