import type { HeaderView } from '../outcome.ts';

/** A header block whose fields can be looked at one by one. */
export interface Fields extends HeaderView {
  /** Whether any of the fields of that name satisfies; undefined when there is none. */
  some(name: string, test: (value: string) => boolean): boolean | undefined;
}

/** A view that tells joined values only, as if each were one field. */
export const asFields = (view: HeaderView): Fields =>
  view instanceof Object && 'some' in view
    ? (view as Fields)
    : {
        get: (name) => view.get(name),
        some(name, test) {
          const value = view.get(name);
          return value === undefined ? undefined : test(value);
        },
      };

/** What matchers may look at. Pure data, so that routing can be asked about requests that never happened. */
export interface RequestView {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly authority: string;
  readonly scheme: string;
  /** Ordinary fields, by lower-case name. */
  readonly headers: Fields;
  /** What filters found out so far, by their namespace. */
  readonly metadata?: ReadonlyMap<string, Readonly<Record<string, unknown>>>;
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

/** Whether any value of a header satisfies, pseudo headers and `host` included; undefined without the header. */
export function headerSome(request: RequestView, name: string, test: (value: string) => boolean): boolean | undefined {
  if (name.charCodeAt(0) !== 0x3a && name !== 'host') return request.headers.some(name, test);
  const value = headerOf(request, name);
  return value === undefined ? undefined : test(value);
}

/** Path without query. */
export function pathOnly(path: string): string {
  const query = path.indexOf('?');
  return query < 0 ? path : path.slice(0, query);
}
