import assert from 'node:assert/strict';
import test from 'node:test';
import { chooseCredentials, expiryMs } from './credentials.ts';

const NOW = 1_700_000_000_000;
const token = (exp?: number) => `e30.${Buffer.from(JSON.stringify({ sub: 'x', exp })).toString('base64url')}.sig`;
const certificate = { certificateChainPem: 'c', keyPem: 'k' };
const fresh = token(NOW / 1000 + 600);
const stale = token(NOW / 1000 + 5);

const CASES: readonly (readonly [string, string | undefined, typeof certificate | undefined, object | undefined])[] = [
  ['a token that holds goes first', fresh, certificate, { token: fresh }],
  ['a token that does not say how long it holds is tried', 'opaque', certificate, { token: 'opaque' }],
  ['when the token has run out, the certificate', stale, certificate, { certificate }],
  ['without a certificate, the token, to hear why it is refused', stale, undefined, { token: stale }],
  ['without a token, the certificate', undefined, certificate, { certificate }],
  ['with neither, nothing', undefined, undefined, undefined],
];
for (const [what, given, held, chosen] of CASES) test(`a workload shows ${what}`, () => assert.deepEqual(chooseCredentials(given, held, NOW), chosen));

test('what is no token has no end', () => assert.deepEqual(['', 'a.b.c', token()].map(expiryMs), [undefined, undefined, undefined]));
