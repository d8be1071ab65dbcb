/** Where the reader is: path and query, kept in the address bar so that every view can be shared. */
import { useMemo, useSyncExternalStore } from 'react';

const CHANGED = 'lateen:navigate';

export interface Place {
  readonly path: string;
  readonly params: URLSearchParams;
}

function subscribe(notify: () => void): () => void {
  window.addEventListener('popstate', notify);
  window.addEventListener(CHANGED, notify);
  return () => {
    window.removeEventListener('popstate', notify);
    window.removeEventListener(CHANGED, notify);
  };
}

const snapshot = () => `${location.pathname}${location.search}`;

export function usePlace(): Place {
  const address = useSyncExternalStore(subscribe, snapshot);
  return useMemo(() => {
    const url = new URL(address, location.origin);
    return { path: url.pathname, params: url.searchParams };
  }, [address]);
}

export function navigate(to: string, options: { replace?: boolean } = {}): void {
  if (options.replace) history.replaceState(null, '', to);
  else history.pushState(null, '', to);
  window.dispatchEvent(new Event(CHANGED));
  if (!options.replace) window.scrollTo(0, 0);
}

/** Changes some of the query and keeps the rest; undefined removes. */
export function setParams(changes: Readonly<Record<string, string | undefined>>): void {
  const url = new URL(location.href);
  for (const [name, value] of Object.entries(changes)) {
    if (value === undefined || value === '') url.searchParams.delete(name);
    else url.searchParams.set(name, value);
  }
  navigate(`${url.pathname}${url.search}`, { replace: true });
}

/** Settings that travel from page to page. */
export const KEPT_PARAMS = ['namespaces', 'duration', 'refresh'] as const;

/** An address inside the console with the settings in force. */
export function hrefTo(path: string, extra: Readonly<Record<string, string>> = {}): string {
  const here = new URLSearchParams(location.search);
  const params = new URLSearchParams(extra);
  for (const name of KEPT_PARAMS) {
    const value = here.get(name);
    if (value !== null && !params.has(name)) params.set(name, value);
  }
  const query = params.toString();
  return query === '' ? path : `${path}?${query}`;
}
