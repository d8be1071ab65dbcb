/** What the reader chose: namespaces, window, refresh; from the address bar, so that it survives a reload and can be shared. */
import { useMemo } from 'react';
import { setParams, usePlace } from '../route/route.ts';

export const DURATIONS = ['30s', '1m', '2m', '5m', '10m', '30m', '1h'] as const;
export const REFRESHES = ['off', '2s', '5s', '10s', '30s', '1m'] as const;
const DEFAULT_DURATION = '1m';
const DEFAULT_REFRESH = '5s';

export interface Settings {
  /** Empty: all. */
  readonly namespaces: ReadonlySet<string>;
  /** Prometheus duration. */
  readonly duration: string;
  readonly durationSeconds: number;
  readonly refresh: string;
  /** False: no refresh. */
  readonly refreshMs: number | false;
}

const UNIT: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600 };
export const secondsOf = (text: string): number => Number.parseInt(text, 10) * (UNIT[text.at(-1) ?? ''] ?? 1);

const among = (text: string | null, allowed: readonly string[], fallback: string): string => (text !== null && allowed.includes(text) ? text : fallback);

export function useSettings(): Settings {
  const { params } = usePlace();
  const [names, duration, refresh] = [params.get('namespaces') ?? '', params.get('duration'), params.get('refresh')];
  return useMemo(() => {
    const window = among(duration, DURATIONS, DEFAULT_DURATION);
    const every = among(refresh, REFRESHES, DEFAULT_REFRESH);
    return {
      namespaces: new Set(names.split(',').filter((name) => name !== '')),
      duration: window,
      durationSeconds: secondsOf(window),
      refresh: every,
      refreshMs: every === 'off' ? false : secondsOf(every) * 1000,
    };
  }, [names, duration, refresh]);
}

export const setNamespaces = (namespaces: Iterable<string>): void => setParams({ namespaces: [...namespaces].sort().join(',') });
export const setDuration = (duration: string): void => setParams({ duration: duration === DEFAULT_DURATION ? undefined : duration });
export const setRefresh = (refresh: string): void => setParams({ refresh: refresh === DEFAULT_REFRESH ? undefined : refresh });
