/** Reads single values from the environment and notes every mistake, so that all are told at once. */
import { parseDuration } from '../../base/duration.ts';
import type { ServerAddress } from './settings.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

export class SettingsReader {
  readonly problems: string[] = [];
  readonly #env: Environment;

  constructor(env: Environment) {
    this.#env = env;
  }

  text(name: string, fallback: string): string {
    return this.#env[name] || fallback;
  }

  required(name: string, hint: string): string {
    const value = this.#env[name];
    if (!value) this.problems.push(`${name} is not set; ${hint}`);
    return value ?? '';
  }

  number(name: string, fallback: number, range: { min: number; max: number }): number {
    return this.checkNumber(name, this.#env[name], { fallback, ...range });
  }

  /** For values from elsewhere, e.g. a field of PROXY_CONFIG. */
  checkNumber(name: string, value: unknown, range: { fallback: number; min: number; max: number }): number {
    if (value === undefined || value === '' || value === null) return range.fallback;
    const number = Number(value);
    if (Number.isFinite(number) && number >= range.min && number <= range.max) return number;
    this.problems.push(`${name}: ${JSON.stringify(value)} is not a number from ${range.min} to ${range.max}`);
    return range.fallback;
  }

  duration(name: string, value: unknown, fallbackMs: number): number {
    if (value === undefined || value === '') return fallbackMs;
    const ms = typeof value === 'string' ? parseDuration(value) : undefined;
    if (ms !== undefined && ms >= 0) return ms;
    this.problems.push(`${name}: ${JSON.stringify(value)} is not a duration such as 5s or 24h`);
    return fallbackMs;
  }

  flag(name: string): boolean {
    return /^(1|true|yes)$/i.test(this.#env[name] ?? '');
  }

  /** A JSON value, or undefined when unset or malformed. */
  json(name: string): unknown {
    const text = this.#env[name];
    if (!text) return undefined;
    try {
      return JSON.parse(text);
    } catch (error) {
      this.problems.push(`${name} is not JSON: ${error instanceof Error ? error.message : String(error)}`);
      return undefined;
    }
  }

  address(name: string, value: unknown): ServerAddress {
    const match = typeof value === 'string' ? /^(?:\[([^\]]+)\]|([^:]+)):(\d{1,5})$/.exec(value) : null;
    const port = Number(match?.[3]);
    if (match && port > 0 && port < 65_536) return { host: match[1] ?? match[2] ?? '', port };
    this.problems.push(`${name}: ${JSON.stringify(value)} is not host:port`);
    return { host: '', port: 0 };
  }

  /** ISTIO_META_X → X. */
  metadata(): Record<string, string> {
    const prefix = 'ISTIO_META_';
    return Object.fromEntries(Object.entries(this.#env).flatMap(([key, value]) => (key.startsWith(prefix) && value ? [[key.slice(prefix.length), value]] : [])));
  }
}

export type JsonObject = Readonly<Record<string, unknown>>;

export const asObject = (value: unknown): JsonObject => (typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as JsonObject) : {});

/** The downward API's `labels` and `annotations` files: one `key="value"` a line, quoted as Go does. */
export function parsePodInfo(text: string): Map<string, string> {
  const map = new Map<string, string>();
  for (const line of text.split('\n')) {
    const eq = line.indexOf('=');
    if (eq <= 0) continue;
    map.set(line.slice(0, eq), unquote(line.slice(eq + 1)));
  }
  return map;
}

/** Go's quoting of printable text is JSON's, except for \x, \a, \v and \U escapes. */
function unquote(text: string): string {
  try {
    return String(JSON.parse(text.replace(/\\x([0-9a-f]{2})/gi, '\\u00$1').replace(/\\a/g, '\\u0007').replace(/\\v/g, '\\u000b')));
  } catch {
    return text.replace(/^"|"$/g, '');
  }
}
