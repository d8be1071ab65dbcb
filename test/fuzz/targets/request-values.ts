/** What stands in the fields of requests, and is read by more than the codecs. */
import assert from 'node:assert/strict';
import { createHmac } from 'node:crypto';
import { create } from '@bufbuild/protobuf';
import { ConfigError } from '../../../src/proxy/errors.ts';
import { translation } from '../../../src/proxy/filters/grpc-web.ts';
import { createProvider, type JwtVerdict } from '../../../src/proxy/filters/jwt-provider.ts';
import { compilePathTemplate } from '../../../src/proxy/filters/path-template.ts';
import { tokenize } from '../../../src/proxy/format/tokens.ts';
import { Headers } from '../../../src/codec/headers.ts';
import { grpcTimeoutMs } from '../../../src/proxy/http/time-limits.ts';
import { cookieValue } from '../../../src/proxy/route/hash-policy.ts';
import { queryParameter } from '../../../src/proxy/route/header-match.ts';
import { readContext, readDecision, writeContext } from '../../../src/proxy/telemetry/tracing/propagation.ts';
import { keepAliveMs } from '../../../src/codec/http1/keep-alive.ts';
import { JwtProviderSchema } from '../../../src/xds/generated/envoy/extensions/filters/http/jwt_authn/v3/config_pb.js';
import { FakeClock } from '../../../src/testkit/fake-clock.ts';
import { allowing, pieces, text, type Target } from '../target.ts';

const SECRET = Buffer.from('a secret of the fuzzer, long enough');
const base64 = (value: unknown): string => Buffer.from(JSON.stringify(value)).toString('base64url');
const CLAIMS = { iss: 'us', sub: 'me', aud: ['a', 'https://b/'], exp: 9_999_999_999, scope: 'x y' };

function token(header: object, claims: object): string {
  const signed = `${base64(header)}.${base64(claims)}`;
  return `${signed}.${createHmac('sha256', SECRET).update(signed).digest('base64url')}`;
}

const settings = create(JwtProviderSchema, {
  issuer: 'us', jwksSourceSpecifier: { case: 'localJwks', value: { specifier: { case: 'inlineString', value: JSON.stringify({ keys: [{ kty: 'oct', kid: 'k', alg: 'HS256', k: SECRET.toString('base64url') }] }) } } },
  claimToHeaders: [{ headerName: 'x-sub', claimName: 'sub' }],
});
// Of what filters are given, the provider uses the clock, and of a request's context its head.
const provider = createProvider('p', settings, { clock: new FakeClock() } as unknown as Parameters<typeof createProvider>[2]);
const asContext = (headers: Headers) => ({ request: { headers, path: '/' } }) as unknown as Parameters<typeof provider.check>[0];

const jwt: Target = {
  name: 'jwt',
  words: ['.', '"alg":"none"', '{"alg":"HS256","kid":"k"}', 'eyJhbGciOiJub25lIn0', '=', '"exp":', 'Bearer '],
  seeds: [token({ alg: 'HS256', kid: 'k' }, CLAIMS), token({ alg: 'HS256' }, CLAIMS), `${base64({ alg: 'none' })}.${base64(CLAIMS)}.`, token({ alg: 'HS256', kid: 'other' }, CLAIMS), token({ alg: 'HS256', kid: 'k', crit: ['x'] }, { ...CLAIMS, exp: 1 })].map(text),
  async check(input) {
    const verdict = await new Promise<JwtVerdict>((resolve) => provider.check(asContext(Headers.of('authorization', `Bearer ${input.toString('latin1')}`)), undefined, resolve));
    if (verdict.ok) assert.deepEqual(verdict.claims, CLAIMS, 'claims that nobody signed');
    else assert.ok(verdict.status >= 400 && verdict.message !== '');
  },
};

/** However a body is cut, it is the same call, or is refused. */
const grpcWeb: Target = {
  name: 'grpc-web-text',
  words: ['=', '==', 'AAAAAAA=', '\n'],
  seeds: ['AAAAAAVoZWxsbw==', 'AAAAAAVoZWxsbw==AAAAAAA=', 'AAAAAAA='].map(text),
  check(input, random) {
    const read = (parts: readonly Buffer[]): string | undefined => {
      let isRefused = false;
      const web = translation(true, false, () => (isRefused = true));
      const out = parts.map((part, i) => (isRefused ? undefined : web.request(part, i === parts.length - 1)));
      return isRefused ? undefined : Buffer.concat(out.flatMap((part) => part ?? [])).toString('hex');
    };
    assert.equal(read(pieces(input, random)), read([input]));
  },
};

const fields = ['traceparent', 'b3', 'x-b3-traceid', 'x-b3-spanid', 'x-b3-sampled', 'x-b3-flags'] as const;
const TRACE = '0af7651916cd43dd8448eb211c80319c';

/** One field a line, in the order above. */
const traces: Target = {
  name: 'trace-contexts',
  words: ['-', '00-', 'ff-', '-01', TRACE, 'b7ad6b7169203331', 'd', '0000000000000000'],
  seeds: [`00-${TRACE}-b7ad6b7169203331-01`, `\n${TRACE}-b7ad6b7169203331-d`, `\n\n${TRACE}\nb7ad6b7169203331\n1\n1`, '\n0'].map(text),
  check(input) {
    const headers = Headers.of(...input.toString('latin1').split('\n').slice(0, fields.length).flatMap((value, i) => [fields[i] ?? '', value]));
    readDecision(headers);
    const found = readContext(headers);
    if (!found) return;
    assert.match(found.traceId, /^(?!0+$)[0-9a-f]{32}$/);
    assert.match(found.spanId, /^(?!0+$)[0-9a-f]{16}$/);
    const onward = Headers.of();
    writeContext({ traceId: found.traceId, spanId: found.spanId, sampled: found.sampled === true }, onward);
    assert.deepEqual(readContext(onward), { ...found, sampled: found.sampled === true });
  },
};

/** Numbers and names out of single fields. */
const values: Target = {
  name: 'field-values',
  words: ['timeout=', ', ', '; ', '=', '"', '&', '?', '+', '%', '%41', 'a=', 'H', 'S', 'm'],
  seeds: ['100m', '99999999H', 'timeout=5, max=100', 'a=b; a=c; d="e"', '/p?a=b&c=%41+d&a'].map(text),
  check(input) {
    const value = input.toString('latin1');
    const timeout = grpcTimeoutMs(value);
    assert.ok(timeout === undefined || (Number.isFinite(timeout) && timeout >= 0));
    assert.ok(keepAliveMs(value) > 0);
    for (const found of [cookieValue(value, 'a'), queryParameter(value, 'a')]) assert.ok(found === undefined || typeof found === 'string');
  },
};

const formats: Target = {
  name: 'log-formats',
  words: ['%REQ(', ')%', '%', '%%', '?', ':10', '%START_TIME(', '%DYNAMIC_METADATA(a:b)%', '%RESP(X)%', '%FILTER_STATE(', '%Y', '%3f'],
  seeds: ['[%START_TIME(%Y-%m-%dT%H:%M:%S.%3fZ)%] %REQ(:METHOD)% %REQ(X?:PATH):5% %%\n', '%DOWNSTREAM_PEER_URI_SAN% %RESPONSE_FLAGS% %DYNAMIC_METADATA(a:b:c)% %TRAILER(X)%'].map(text),
  check(input) {
    const unknown: string[] = [];
    tokenize(input.toString('utf8'), unknown);
    for (const name of unknown) assert.notEqual(name, '');
  },
};

const templates: Target = {
  name: 'path-templates',
  words: ['{*}', '{**}', '{name}', '{a=*}', '**', '*', '/', '\n'],
  seeds: ['/a/{*}/b/{**}\n/a/x/b/y/z', '/{name}/**\n/a/b', '/*\n/a'].map(text),
  check(input) {
    const [template = '', path = ''] = input.toString('latin1').split('\n');
    const matches = allowing(ConfigError, () => compilePathTemplate(template));
    if (matches && path.startsWith('/')) assert.equal(typeof matches(path), 'boolean');
  },
};

export const targets: readonly Target[] = [jwt, grpcWeb, traces, values, formats, templates];
