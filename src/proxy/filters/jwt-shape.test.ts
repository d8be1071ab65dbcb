import assert from 'node:assert/strict';
import test from 'node:test';
import { readToken } from './jwt-shape.ts';

const part = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)).toString('base64url');
const token = (header: unknown, payload: unknown, signature = 'c2ln') => `${part(header)}.${part(payload)}.${signature}`;
const HEAD = { alg: 'RS256' };

const CASES: readonly (readonly [token: string, want: string])[] = [
  ['a.b', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['a.b.', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['a.b.c.d', 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections'],
  ['*.b.c', 'Jwt header is an invalid Base64url encoded'],
  [token('{', {}), 'Jwt header is an invalid JSON'],
  [token([], {}), 'Jwt header is an invalid JSON'],
  [token({}, {}), 'Jwt header [alg] field is required and must be a string'],
  [token({ alg: 1 }, {}), 'Jwt header [alg] field is required and must be a string'],
  [token({ alg: 'none' }, {}), 'Jwt header [alg] is not supported'],
  [token({ alg: 'RS256', kid: 1 }, {}), 'Jwt header [kid] field is not a string'],
  [`${part(HEAD)}.*.c2ln`, 'Jwt payload is an invalid Base64url encoded'],
  [token(HEAD, 'x'), 'Jwt payload is an invalid JSON'],
  [token(HEAD, { iss: 1 }), 'Jwt payload [iss] field is not a string'],
  [token(HEAD, { sub: {} }), 'Jwt payload [sub] field is not a string'],
  [token(HEAD, { exp: 'soon' }), 'Jwt payload [exp] field is not an integer'],
  [token(HEAD, { nbf: -1 }), 'Jwt payload [nbf] field is not a positive 64 bit integer'],
  [token(HEAD, { jti: 1 }), 'Jwt payload [jti] field is not a string'],
  [token(HEAD, { aud: [1] }), 'Jwt payload [aud] field is not a string or string list'],
  [token(HEAD, {}, '*'), 'Jwt signature is an invalid Base64url encoded'],
];
for (const [text, want] of CASES) test(`a token: ${want}: ${text.slice(0, 60)}`, () => assert.equal(readToken(text), want));

test('a token of the right shape has its claims', () => assert.deepEqual(readToken(token({ ...HEAD, kid: 'k' }, { iss: 'me', aud: ['a'], exp: 1 })), { claims: { iss: 'me', aud: ['a'], exp: 1 } }));
