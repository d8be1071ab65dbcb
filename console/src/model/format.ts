/** Numbers as people read them. */
export function formatRate(perSecond: number): string {
  return `${compact(perSecond)} rps`;
}

export function formatBytes(perSecond: number): string {
  const units = ['B', 'KB', 'MB', 'GB'];
  let value = perSecond;
  let unit = 0;
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1000;
    unit++;
  }
  return `${compact(value)} ${units[unit]}/s`;
}

export function formatPercent(share: number, digits = 1): string {
  const percent = share * 100;
  if (percent > 0 && percent < 0.1) return '<0.1%';
  return `${trim(percent.toFixed(percent >= 99.95 || percent === 0 ? 0 : digits))}%`;
}

/** Milliseconds. */
export function formatLatency(ms: number | undefined): string {
  if (ms === undefined || !Number.isFinite(ms)) return '–';
  if (ms < 1) return `${trim(ms.toFixed(2))} ms`;
  if (ms < 1000) return `${trim(ms.toFixed(ms < 10 ? 1 : 0))} ms`;
  return `${trim((ms / 1000).toFixed(2))} s`;
}

/** Microseconds, as spans have them. */
export const formatMicros = (us: number): string => (us < 1000 ? `${Math.round(us)} µs` : formatLatency(us / 1000));

/** `3m`, `2h`, `5d`: how long ago, or for how long. */
export function formatAge(since: string | undefined, now: number): string {
  const ms = since === undefined ? Number.NaN : now - Date.parse(since);
  if (!Number.isFinite(ms)) return '–';
  const seconds = Math.max(0, Math.floor(ms / 1000));
  if (seconds < 60) return `${seconds}s`;
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m`;
  return seconds < 172_800 ? `${Math.floor(seconds / 3600)}h` : `${Math.floor(seconds / 86_400)}d`;
}

export function compact(value: number): string {
  if (value === 0) return '0';
  if (value < 0.01) return '<0.01';
  if (value < 10) return trim(value.toFixed(2));
  if (value < 100) return trim(value.toFixed(1));
  if (value < 10_000) return Math.round(value).toLocaleString('en-US');
  return value < 1e6 ? `${trim((value / 1000).toFixed(1))}k` : `${trim((value / 1e6).toFixed(1))}M`;
}

const trim = (text: string): string => (text.includes('.') ? text.replace(/\.?0+$/, '') : text);
