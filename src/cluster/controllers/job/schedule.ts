/** Cron expressions: five fields, lists, ranges, steps, names, and the `@hourly` kind. Pure. */
const MACROS: Readonly<Record<string, string>> = {
  '@yearly': '0 0 1 1 *',
  '@annually': '0 0 1 1 *',
  '@monthly': '0 0 1 * *',
  '@weekly': '0 0 * * 0',
  '@daily': '0 0 * * *',
  '@midnight': '0 0 * * *',
  '@hourly': '0 * * * *',
};
const MONTHS = ['JAN', 'FEB', 'MAR', 'APR', 'MAY', 'JUN', 'JUL', 'AUG', 'SEP', 'OCT', 'NOV', 'DEC'];
const DAYS = ['SUN', 'MON', 'TUE', 'WED', 'THU', 'FRI', 'SAT'];
const MINUTE_MS = 60_000;
/** A time that never comes (30 February) is given up after this many days. */
const HORIZON_DAYS = 366 * 5;

export interface Schedule {
  minutes: ReadonlySet<number>;
  hours: ReadonlySet<number>;
  days: ReadonlySet<number>;
  months: ReadonlySet<number>;
  weekdays: ReadonlySet<number>;
  /** When both day fields are given, either may match. */
  isEitherDay: boolean;
}

/** Undefined when the text is no cron expression. */
export function parseSchedule(text: string): Schedule | undefined {
  const fields = (MACROS[text.trim()] ?? text).trim().split(/\s+/);
  if (fields.length !== 5) return undefined;
  const [minute = '', hour = '', day = '', month = '', weekday = ''] = fields;
  const minutes = parseField(minute, 0, 59);
  const hours = parseField(hour, 0, 23);
  const days = parseField(day, 1, 31);
  const months = parseField(month, 1, 12, MONTHS);
  const weekdays = parseField(weekday, 0, 7, DAYS);
  if (!minutes || !hours || !days || !months || !weekdays) return undefined;
  const isStar = (field: string) => field.startsWith('*') || field === '?';
  return { minutes, hours, days, months, weekdays: new Set([...weekdays].map((each) => each % 7)), isEitherDay: !isStar(day) && !isStar(weekday) };
}

function parseField(text: string, min: number, max: number, names: readonly string[] = []): Set<number> | undefined {
  const result = new Set<number>();
  for (const part of text.split(',')) {
    const match = /^(\*|\?|[0-9A-Za-z]+)(?:-([0-9A-Za-z]+))?(?:\/(\d+))?$/.exec(part);
    if (!match) return undefined;
    const [, from = '', to, step] = match;
    const isAll = from === '*' || from === '?';
    const first = isAll ? min : valueOf(from, min, names);
    const last = isAll ? max : to !== undefined ? valueOf(to, min, names) : step !== undefined ? max : first;
    const by = step === undefined ? 1 : Number(step);
    if (Number.isNaN(first) || Number.isNaN(last) || first < min || last > max || first > last || by < 1) return undefined;
    for (let value = first; value <= last; value += by) result.add(value);
  }
  return result;
}

function valueOf(text: string, min: number, names: readonly string[]): number {
  const index = names.indexOf(text.toUpperCase());
  return index >= 0 ? index + min : Number(text);
}

/** The first time after `afterMs` that the schedule names, in the zone; undefined when there is none in five years.
 * @param timeZone IANA name; default UTC */
export function nextTime(schedule: Schedule, afterMs: number, timeZone = 'UTC'): number | undefined {
  const clock = wallClock(timeZone);
  let time = Math.floor(afterMs / MINUTE_MS) * MINUTE_MS + MINUTE_MS;
  const end = time + HORIZON_DAYS * 24 * 60 * MINUTE_MS;
  while (time < end) {
    const at = clock(time);
    // Whole hours are skipped on days that do not match; zones shift by no less than a quarter of an hour.
    if (!isDay(schedule, at)) time += (60 - at.minute) * MINUTE_MS;
    else if (!schedule.hours.has(at.hour)) time += (60 - at.minute) * MINUTE_MS;
    else if (schedule.minutes.has(at.minute)) return time;
    else time += MINUTE_MS;
  }
  return undefined;
}

interface WallTime {
  minute: number;
  hour: number;
  day: number;
  month: number;
  weekday: number;
}

function isDay(schedule: Schedule, at: WallTime): boolean {
  if (!schedule.months.has(at.month)) return false;
  const [byDay, byWeekday] = [schedule.days.has(at.day), schedule.weekdays.has(at.weekday)];
  return schedule.isEitherDay ? byDay || byWeekday : byDay && byWeekday;
}

function wallClock(timeZone: string): (ms: number) => WallTime {
  if (timeZone === 'UTC' || timeZone === 'Etc/UTC') {
    return (ms) => {
      const date = new Date(ms);
      return { minute: date.getUTCMinutes(), hour: date.getUTCHours(), day: date.getUTCDate(), month: date.getUTCMonth() + 1, weekday: date.getUTCDay() };
    };
  }
  const format = new Intl.DateTimeFormat('en-US', { timeZone, hourCycle: 'h23', minute: 'numeric', hour: 'numeric', day: 'numeric', month: 'numeric', weekday: 'short' });
  return (ms) => {
    const parts = new Map(format.formatToParts(ms).map((part) => [part.type, part.value]));
    const number = (type: Intl.DateTimeFormatPartTypes) => Number(parts.get(type));
    return { minute: number('minute'), hour: number('hour'), day: number('day'), month: number('month'), weekday: DAYS.indexOf((parts.get('weekday') ?? '').toUpperCase()) };
  };
}
