import type { HttpRedirect, HttpRoute } from '../../api/virtual-service.ts';
import { RedirectAction_RedirectResponseCode as Code, type DirectResponseActionSchema, type RedirectActionSchema } from '../../xds/generated/envoy/config/route/v3/route_components_pb.js';
import type { Init } from './message.ts';

const CODES: ReadonlyMap<number, Code> = new Map([
  [301, Code.MOVED_PERMANENTLY], [302, Code.FOUND], [303, Code.SEE_OTHER], [307, Code.TEMPORARY_REDIRECT], [308, Code.PERMANENT_REDIRECT],
]);

/** @param view.port the port at which the request came in, for FROM_REQUEST_PORT */
export function redirect(rule: HttpRedirect, view: { port: number; isTls?: boolean }): Init<typeof RedirectActionSchema> {
  return {
    hostRedirect: rule.authority ?? '',
    responseCode: CODES.get(rule.redirectCode ?? 301) ?? Code.MOVED_PERMANENTLY,
    portRedirect: rule.port ?? (rule.derivePort === 'FROM_REQUEST_PORT' ? view.port : 0),
    pathRewriteSpecifier: rule.prefixRewrite
      ? { case: 'prefixRewrite', value: rule.prefixRewrite }
      : rule.uri
        ? { case: 'pathRedirect', value: rule.uri }
        : { case: undefined },
    schemeRewriteSpecifier: rule.scheme ? { case: 'schemeRedirect', value: rule.scheme } : { case: undefined },
  };
}

type DirectResponse = NonNullable<HttpRoute['directResponse']>;

export function directResponse(rule: DirectResponse): Init<typeof DirectResponseActionSchema> {
  const { status, body } = rule;
  if (body?.bytes !== undefined) return { status, body: { specifier: { case: 'inlineBytes', value: fromBase64(body.bytes) } } };
  return body?.string === undefined ? { status } : { status, body: { specifier: { case: 'inlineString', value: body.string } } };
}

const fromBase64 = (text: string): Uint8Array => Uint8Array.from(atob(text), (c) => c.charCodeAt(0));
