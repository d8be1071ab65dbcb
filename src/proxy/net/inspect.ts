/** What the first bytes of a connection say: TLS with its hello, HTTP and which, or something else. Envoy: tls_inspector, http_inspector. */
import { type ClientHello, readClientHello } from './client-hello.ts';

export type Inspected =
  | { readonly kind: 'tls'; readonly hello: ClientHello }
  | { readonly kind: 'raw'; /** `http/1.0`, `http/1.1` or `h2c`. */ readonly application: string | undefined };

const PREFACE = 'PRI * HTTP/2.0\r\n';
/** A request line that has not ended by then is not waited for. */
const MAX_LINE = 8192;

/** @returns 'more' while both readings are still possible */
export function inspect(bytes: Buffer, wants: { readonly tls: boolean; readonly http: boolean }): Inspected | 'more' {
  if (wants.tls) {
    const hello = readClientHello(bytes);
    if (hello === 'more') return 'more';
    if (hello !== 'not-tls') return { kind: 'tls', hello };
  }
  if (!wants.http) return { kind: 'raw', application: undefined };
  const application = httpVersion(bytes);
  return application === 'more' ? 'more' : { kind: 'raw', application };
}

function httpVersion(bytes: Buffer): string | undefined | 'more' {
  const text = bytes.toString('latin1', 0, Math.min(bytes.length, MAX_LINE));
  if (text.length < PREFACE.length && PREFACE.startsWith(text)) return 'more';
  if (text.startsWith(PREFACE)) return 'h2c';
  const start = text.replace(/^(?:\r\n)+/, '');
  if (start === '' || start === '\r') return 'more';
  const method = /^[A-Za-z][A-Za-z-]{0,31}(?: |$)/.exec(start);
  if (!method) return undefined;
  const end = start.indexOf('\n');
  if (end < 0) {
    if (/[^\x20-\x7e\r]/.test(start)) return undefined;
    return bytes.length < MAX_LINE ? 'more' : 'http/1.1';
  }
  const version = /^\S+ [\x21-\x7e]+ HTTP\/(1\.[01])\r?$/.exec(start.slice(0, end));
  return version ? `http/${version[1]}` : undefined;
}
