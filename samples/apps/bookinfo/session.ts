/** Who is signed in, kept in a cookie: any name will do, there is no password to check. The name becomes a request header on
 * the way to the other services, so only characters that are safe there are accepted. */
const COOKIE = 'session';
const SAFE_NAME = /^[A-Za-z0-9._@-]{1,64}$/;

export function readSession(cookies: string | undefined): string | undefined {
  for (const pair of (cookies ?? '').split(';')) {
    const [name, value = ''] = pair.trim().split('=');
    if (name === COOKIE && SAFE_NAME.test(value)) return value;
  }
  return undefined;
}

/** `Set-Cookie` value; undefined (or a name that is not safe) signs out. */
export function sessionCookie(user: string | undefined): string {
  return user !== undefined && SAFE_NAME.test(user) ? `${COOKIE}=${user}; Path=/; HttpOnly; SameSite=Lax` : `${COOKIE}=; Path=/; HttpOnly; Max-Age=0`;
}
