/** The one place that decides what a path is. Routing, authorization and forwarding all see its result. RFC 3986 §6. */

export type EscapedSlashes = 'keep' | 'reject' | 'redirect' | 'forward';

export interface PathRules {
  /** Dot segments, unreserved percent codes, backslashes. Envoy: `normalize_path`. */
  readonly normalize: boolean;
  readonly mergeSlashes: boolean;
  readonly escapedSlashes: EscapedSlashes;
}

export type PathResult = { readonly path: string } | { readonly redirect: string } | { readonly refused: string };

/** @param target path and query; the query is never changed */
export function normalizePath(target: string, rules: PathRules): PathResult {
  const query = target.indexOf('?');
  const path = query < 0 ? target : target.slice(0, query);
  if (path === '*' || path === '' || isPlain(path)) return { path: target };
  const tail = query < 0 ? '' : target.slice(query);
  const unescaped = unescapeSlashes(path, rules.escapedSlashes);
  if (unescaped === undefined) return { refused: 'path_normalization_failed' };
  let clean = unescaped;
  if (rules.normalize) {
    const normal = removeDots(decodeUnreserved(clean.replaceAll('\\', '/')));
    if (normal === undefined) return { refused: 'path_normalization_failed' };
    clean = normal;
  }
  if (rules.mergeSlashes) clean = clean.replaceAll(/\/{2,}/g, '/');
  if (rules.escapedSlashes === 'redirect' && unescaped !== path) return { redirect: clean + tail };
  return { path: clean + tail };
}

/** Nothing in it could change: only letters, digits, `-`, `_`, `~` and single slashes, and dots inside of names. */
function isPlain(path: string): boolean {
  let previous = 0;
  for (let i = 0; i < path.length; i++) {
    const c = path.charCodeAt(i);
    if (c === 0x25 || c === 0x5c) return false;
    if (previous === 0x2f && (c === 0x2f || c === 0x2e)) return false;
    previous = c;
  }
  return path.charCodeAt(0) === 0x2f;
}

function unescapeSlashes(path: string, mode: EscapedSlashes): string | undefined {
  if (mode === 'keep' || !/%(?:2f|5c)/i.test(path)) return path;
  if (mode === 'reject') return undefined;
  return path.replaceAll(/%2f/gi, '/').replaceAll(/%5c/gi, '\\');
}

/** Percent codes of unreserved characters are decoded, others get upper-case digits. A broken code is an error. */
function decodeUnreserved(path: string): string | undefined {
  let broken = false;
  const decoded = path.replaceAll(/%(..?)?/g, (code, digits: string | undefined) => {
    if (digits === undefined || !/^[0-9a-fA-F]{2}$/.test(digits)) {
      broken = true;
      return code;
    }
    const char = Number.parseInt(digits, 16);
    if (char === 0) broken = true;
    const text = String.fromCharCode(char);
    return /[A-Za-z0-9\-._~]/.test(text) ? text : `%${digits.toUpperCase()}`;
  });
  return broken ? undefined : decoded;
}

/** RFC 3986 §5.2.4; climbing above the root is an error, as in Envoy. */
function removeDots(path: string | undefined): string | undefined {
  if (path === undefined || !path.startsWith('/')) return undefined;
  const out: string[] = [];
  const parts = path.slice(1).split('/');
  for (const [i, part] of parts.entries()) {
    const last = i === parts.length - 1;
    if (part === '..') {
      if (out.length === 0) return undefined;
      out.pop();
      if (last) out.push('');
    } else if (part === '.') {
      if (last) out.push('');
    } else {
      out.push(part);
    }
  }
  return `/${out.join('/')}`;
}
