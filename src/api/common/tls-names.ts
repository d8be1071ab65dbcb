/** Names of cipher suites and curves that both data planes have: a proxy that is told another one takes none, and serves nobody.
 * Those of TLS 1.3 are not chosen. Source: what Envoy 1.40 (BoringSSL) and Node (OpenSSL) both take. */

const ECDHE = ['ECDHE-ECDSA', 'ECDHE-RSA'].flatMap((keys) => ['AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'CHACHA20-POLY1305', 'AES128-SHA', 'AES256-SHA'].map((rest) => `${keys}-${rest}`));

export const CIPHER_SUITES: ReadonlySet<string> = new Set([...ECDHE, 'ECDHE-RSA-AES128-SHA256', 'AES128-GCM-SHA256', 'AES256-GCM-SHA384', 'AES128-SHA', 'AES256-SHA']);
export const CURVES: ReadonlySet<string> = new Set(['P-256', 'P-384', 'P-521', 'X25519', 'X25519MLKEM768']);

/** `[A|B]`: of equal rank. */
const members = (suite: string): string[] => (/^\[.*\]$/.test(suite) ? suite.slice(1, -1).split('|') : [suite]);

export const isCipherSuite = (suite: string): boolean => members(suite).every((name) => CIPHER_SUITES.has(name));

/** What a proxy is told: the others are left out, as in Istio; when none is left, those that it chooses itself. */
export const knownSuites = (suites: readonly string[] | undefined): string[] => (suites ?? []).filter(isCipherSuite);
export const knownCurves = (curves: readonly string[] | undefined): string[] => (curves ?? []).filter((curve) => CURVES.has(curve));
