/** Numbers, durations and strings as PromQL writes them. */
const UNIT_MS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000, y: 31_536_000_000 };
const DURATION = /^(?:\d+y)?(?:\d+w)?(?:\d+d)?(?:\d+h)?(?:\d+m)?(?:\d+s)?(?:\d+ms)?$/;

/** Milliseconds of `1h30m`, or undefined when the text is not a duration. */
export function decodePromDuration(text: string): number | undefined {
  if (text === '' || !DURATION.test(text)) return undefined;
  let total = 0;
  for (const [, amount, unit] of text.matchAll(/(\d+)(ms|[smhdwy])/g)) total += Number(amount) * (UNIT_MS[unit ?? ''] ?? 0);
  return total;
}

/** A number or a duration in seconds, with its sign; undefined when it is neither. */
export function decodeNumber(text: string): number | undefined {
  const negative = text.startsWith('-');
  const bare = text.replace(/^[-+]\s*/, '').replaceAll('_', '');
  const value = decodeUnsigned(bare.toLowerCase());
  return value === undefined ? undefined : negative ? -value : value;
}

function decodeUnsigned(text: string): number | undefined {
  if (text === 'inf') return Infinity;
  if (text === 'nan') return Number.NaN;
  const duration = decodePromDuration(text);
  if (duration !== undefined && /[a-z]$/.test(text)) return duration / 1000;
  if (/^0[0-7]+$/.test(text)) return Number.parseInt(text, 8);
  const value = Number(text);
  return text === '' || Number.isNaN(value) ? undefined : value;
}

const SIMPLE: Readonly<Record<string, string>> = { a: '\u0007', b: '\b', f: '\f', n: '\n', r: '\r', t: '\t', v: '\v', '\\': '\\', "'": "'", '"': '"' };
const ESCAPE = /\\(?:x([0-9a-fA-F]{2})|u([0-9a-fA-F]{4})|U([0-9a-fA-F]{8})|([0-7]{3})|(.))/gs;

/** The text between quotes with Go's escapes; undefined when an escape or the closing quote is wrong. */
export function decodeString(source: string): string | undefined {
  const quote = source[0];
  if (source.length < 2 || source.at(-1) !== quote) return undefined;
  const body = source.slice(1, -1);
  if (quote === '`') return body;
  let valid = !/(?:^|[^\\])(?:\\\\)*\\$/.test(body);
  const text = body.replace(ESCAPE, (_, ...groups: (string | undefined)[]) => {
    const [hex, short, long, octal, plain] = groups;
    const code = hex ?? short ?? long;
    if (code !== undefined) return Number.parseInt(code, 16) <= 0x10ffff ? String.fromCodePoint(Number.parseInt(code, 16)) : fail();
    if (octal !== undefined) return String.fromCodePoint(Number.parseInt(octal, 8));
    return SIMPLE[plain ?? ''] ?? fail();
  });
  return valid ? text : undefined;

  function fail(): string {
    valid = false;
    return '';
  }
}
