/** Compiles access-log formats, text and JSON, to functions of an outcome. */
import type { JsonObject, JsonValue } from '@bufbuild/protobuf';
import type { Outcome } from '../../outcome.ts';
import { tokenize, type Token } from '../../format/tokens.ts';

export type LineFormat = (outcome: Outcome) => string;

export interface CompiledFormat {
  readonly line: LineFormat;
  /** Operators that do not exist; they print as `-`. */
  readonly unknown: readonly string[];
}

const MISSING = '-';
// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const CONTROL = /[\u0000-\u001f\u007f]/;
// oxlint-disable-next-line no-control-regex -- as above
const CONTROLS = /[\u0000-\u001f\u007f]/g;

/** The default of Envoy's loggers, used when a logger names no format. */
export const ENVOY_DEFAULT_FORMAT =
  '[%START_TIME%] "%REQ(:METHOD)% %REQ(X-ENVOY-ORIGINAL-PATH?:PATH)% %PROTOCOL%" %RESPONSE_CODE% %RESPONSE_FLAGS% %BYTES_RECEIVED% %BYTES_SENT% %DURATION% ' +
  '%RESP(X-ENVOY-UPSTREAM-SERVICE-TIME)% "%REQ(X-FORWARDED-FOR)%" "%REQ(USER-AGENT)%" "%REQ(X-REQUEST-ID)%" "%REQ(:AUTHORITY)%" "%UPSTREAM_HOST%"\n';

export function compileText(format: string, options: { omitEmpty?: boolean } = {}): CompiledFormat {
  const unknown: string[] = [];
  const tokens = tokenize(format, unknown);
  const missing = options.omitEmpty ? '' : MISSING;
  const last = tokens.at(-1);
  const end = typeof last === 'string' ? last : '';
  const body = typeof last === 'string' ? tokens.slice(0, -1) : tokens;
  return {
    unknown,
    line(outcome) {
      let text = '';
      for (const token of body) text += typeof token === 'string' ? token : (present(token(outcome)) ?? missing);
      // One test for the line is cheaper than one for each value; only a line that fails it is made again with care.
      return (CONTROL.test(text) ? careful(body, outcome, missing) : text) + end;
    },
  };
}

function careful(tokens: readonly Token[], outcome: Outcome, missing: string): string {
  return tokens.map((token) => (typeof token === 'string' ? token : clean(present(token(outcome)) ?? missing))).join('');
}

/** Keys come out in the order given (Envoy: sorted unless it is told otherwise). A value of a single operator keeps its type. */
export function compileJson(format: JsonObject, options: { omitEmpty?: boolean } = {}): CompiledFormat {
  const unknown: string[] = [];
  const build = compileJsonValue(format, unknown, options.omitEmpty ?? false);
  return { unknown, line: (outcome) => `${JSON.stringify(build(outcome))}\n` };
}

type JsonBuilder = (outcome: Outcome) => JsonValue | undefined;

function compileJsonValue(format: JsonValue, unknown: string[], omitEmpty: boolean): JsonBuilder {
  if (typeof format === 'string') return compileJsonText(format, unknown, omitEmpty);
  if (Array.isArray(format)) {
    const items = format.map((item) => compileJsonValue(item, unknown, omitEmpty));
    return (outcome) => items.map((item) => item(outcome) ?? null);
  }
  if (typeof format !== 'object' || format === null) return () => format;
  const members = Object.entries(format).map(([key, value]) => [key, compileJsonValue(value, unknown, omitEmpty)] as const);
  return (outcome) => {
    const object: JsonObject = {};
    for (const [key, build] of members) {
      const value = build(outcome);
      if (value !== undefined) object[key] = value;
    }
    return object;
  };
}

function compileJsonText(format: string, unknown: string[], omitEmpty: boolean): JsonBuilder {
  const tokens = tokenize(format, unknown);
  const [only] = tokens;
  if (tokens.length === 1 && typeof only === 'function') return (outcome) => present(only(outcome)) ?? (omitEmpty ? undefined : null);
  return (outcome) => tokens.map((token) => (typeof token === 'string' ? token : (present(token(outcome)) ?? (omitEmpty ? '' : MISSING)))).join('');
}

/** An empty text is as good as none. */
const present = <T extends string | number>(value: T | undefined): T | undefined => (value === '' ? undefined : value);

/** One record is one line: what a client sent must not start another. */
function clean(value: string | number): string {
  return String(value).replace(CONTROLS, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, '0')}`);
}
