/** What is wrong with a token before any key is asked, in the words and the order of Envoy's jwt_verify_lib. */
import type { JWTPayload } from 'jose';

export interface TokenShape {
  readonly claims: JWTPayload;
}

const BAD_FORMAT = 'Jwt is not in the form of Header.Payload.Signature with two dots and 3 sections';
export const ALGORITHMS = ['ES256', 'ES384', 'ES512', 'HS256', 'HS384', 'HS512', 'RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512', 'EdDSA'];

/** @returns the claims, or the words for the client */
export function readToken(token: string): TokenShape | string {
  const parts = token.split('.');
  const [header = '', payload = '', signature = ''] = parts;
  if (parts.length !== 3 || header === '' || payload === '' || signature === '') return BAD_FORMAT;
  const head = section('header', header);
  if (typeof head === 'string') return head;
  const { alg, kid } = head;
  if (typeof alg !== 'string') return 'Jwt header [alg] field is required and must be a string';
  if (!ALGORITHMS.includes(alg)) return 'Jwt header [alg] is not supported';
  if (kid !== undefined && typeof kid !== 'string') return 'Jwt header [kid] field is not a string';
  const claims = section('payload', payload);
  if (typeof claims === 'string') return claims;
  const wrong = wrongClaim(claims);
  if (wrong !== undefined) return wrong;
  return isBase64Url(signature) ? { claims } : 'Jwt signature is an invalid Base64url encoded';
}

function section(name: string, text: string): Readonly<Record<string, unknown>> | string {
  if (!isBase64Url(text)) return `Jwt ${name} is an invalid Base64url encoded`;
  try {
    const value: unknown = JSON.parse(Buffer.from(text, 'base64url').toString('utf8'));
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  } catch {
    // Told below, as what is no object.
  }
  return `Jwt ${name} is an invalid JSON`;
}

/** No padding; a rest of one character is no byte. */
const isBase64Url = (text: string): boolean => /^[\w-]*$/.test(text) && text.length % 4 !== 1;

function wrongClaim(claims: Readonly<Record<string, unknown>>): string | undefined {
  const isText = (value: unknown) => value === undefined || typeof value === 'string';
  for (const name of ['iss', 'sub']) if (!isText(claims[name])) return `Jwt payload [${name}] field is not a string`;
  for (const name of ['iat', 'nbf', 'exp']) {
    const value = claims[name];
    if (value === undefined) continue;
    if (typeof value !== 'number') return `Jwt payload [${name}] field is not an integer`;
    if (value < 0 || value >= 2 ** 64) return `Jwt payload [${name}] field is not a positive 64 bit integer`;
  }
  if (!isText(claims['jti'])) return 'Jwt payload [jti] field is not a string';
  const { aud } = claims;
  const isList = Array.isArray(aud) && aud.every((item) => typeof item === 'string');
  return isText(aud) || isList ? undefined : 'Jwt payload [aud] field is not a string or string list';
}
