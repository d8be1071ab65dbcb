import type { HeaderView } from '../outcome.ts';

/** What matchers may look at. Pure data, so that routing can be asked about requests that never happened. */
export interface RequestView {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  /** Ordinary fields, by lower-case name. */
  readonly headers: HeaderView;
}

/** Value of a header, pseudo headers and `host` included. */
export function headerOf(request: RequestView, name: string): string | undefined {
  switch (name) {
    case ':method':
      return request.method;
    case ':path':
      return request.path;
    case ':authority':
    case 'host':
      return request.authority;
    case ':scheme':
      return request.scheme;
    default:
      return request.headers.get(name);
  }
}

/** Path without query. */
export function pathOnly(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
