/** `%START_TIME%` and `%START_TIME(format)%`: strftime, with Envoy's `%f` forms for fractions of a second. UTC. */
import type { Outcome } from '../outcome.ts';

const DAYS = ['Sunday', 'Monday', 'Tuesday', 'Wednesday', 'Thursday', 'Friday', 'Saturday'] as const;
const MONTHS = ['January', 'February', 'March', 'April', 'May', 'June', 'July', 'August', 'September', 'October', 'November', 'December'] as const;
const pad = (value: number, width = 2) => String(value).padStart(width, '0');

type Part = (date: Date, ms: number) => string;
const PARTS: Readonly<Record<string, Part>> = {
  Y: (d) => String(d.getUTCFullYear()),
  y: (d) => pad(d.getUTCFullYear() % 100),
  m: (d) => pad(d.getUTCMonth() + 1),
  d: (d) => pad(d.getUTCDate()),
  e: (d) => String(d.getUTCDate()).padStart(2),
  H: (d) => pad(d.getUTCHours()),
  I: (d) => pad(d.getUTCHours() % 12 || 12),
  M: (d) => pad(d.getUTCMinutes()),
  S: (d) => pad(d.getUTCSeconds()),
  p: (d) => (d.getUTCHours() < 12 ? 'AM' : 'PM'),
  s: (_, ms) => String(Math.floor(ms / 1000)),
  a: (d) => (DAYS[d.getUTCDay()] ?? '').slice(0, 3),
  A: (d) => DAYS[d.getUTCDay()] ?? '',
  b: (d) => (MONTHS[d.getUTCMonth()] ?? '').slice(0, 3),
  B: (d) => MONTHS[d.getUTCMonth()] ?? '',
  F: (d) => d.toISOString().slice(0, 10),
  T: (d) => d.toISOString().slice(11, 19),
  Z: () => 'UTC',
  z: () => '+0000',
};

/** @param format empty: `2026-01-02T03:04:05.678Z` */
export function formatTime(format: string): (outcome: Outcome) => string {
  if (format === '') return isoTime();
  return ({ startMs }) => {
    const date = new Date(startMs);
    return format.replace(/%(?:(\d)?f|([a-zA-Z%]))/g, (whole, digits: string | undefined, letter: string | undefined) => {
      if (letter === undefined) return fraction(startMs, Number(digits ?? 9));
      if (letter === '%') return '%';
      return PARTS[letter]?.(date, startMs) ?? whole;
    });
  };
}

/** Nanoseconds, cut to so many digits. */
const fraction = (ms: number, digits: number): string => pad(Math.floor((ms % 1000) * 1e6), 9).slice(0, digits);

/** toISOString costs a third of a log line; the part up to the second is kept between calls. */
function isoTime(): (outcome: Outcome) => string {
  let second = -1;
  let prefix = '';
  return ({ startMs }) => {
    const now = Math.floor(startMs / 1000);
    if (now !== second) {
      second = now;
      prefix = new Date(now * 1000).toISOString().slice(0, 20);
    }
    return `${prefix}${pad(Math.floor(startMs) - now * 1000, 3)}Z`;
  };
}
